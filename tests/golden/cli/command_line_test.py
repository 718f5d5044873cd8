# What the commands print and how they exit, without root and without looking at this host's pins.
import calendar
import gzip
import json
import os
import pty
import re
import subprocess
import time

import cli
from cli import policy, run

READERS = policy(
    "flow-readers",
    select="{engine: podman}",
    grants="""\
    - pin: /sys/fs/bpf/flows
      access: read
      expect: {kind: map, type: hash}
    - pin: /sys/fs/bpf/counters
      as: stats/counters
      access: read-write
      owner: {uid: 1000, gid: 1000}
      mode: "0600"
    - pin: /sys/fs/bpf/keys/session
      access: read
""",
)
KEYS = policy("no-keys", deny="    - pin: /sys/fs/bpf/keys/**\n")
KUBERNETES = policy(
    "pods",
    select="{kubernetes: {namespace: web}}",
    grants="    - pin: /sys/fs/bpf/pods\n      access: read\n",
)


class Check(cli.Case):
    def test_finds_nothing_wrong_with_good_policies(self):
        self.write_policy("a.yaml", READERS)
        # What is denied to everybody and granted to somebody would be worth a warning.
        self.write_policy("b.yaml", KEYS.replace("/keys/", "/other/"))
        result = run("check", "--no-host", self.policies)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(
            result.stdout,
            f"read {self.policies}/a.yaml\nread {self.policies}/b.yaml\n"
            "ok: 2 policies in 2 files\n",
        )

    def test_prints_every_error_with_its_line(self):
        self.write_policy(
            "bad.yaml",
            READERS.replace("access: read\n      expect", "acces: read\n      expect").replace(
                "stats/counters", "stats.counters"
            ),
        )
        result = run("check", self.policies)
        self.assertEqual(result.returncode, 1)
        self.assert_golden("check_errors.txt", result.stdout)

    def test_gives_programs_the_same(self):
        self.write_policy("bad.yaml", READERS.replace("kind: map", "kind: mop"))
        result = run("check", "--output", "json", self.policies)
        self.assertEqual(result.returncode, 1)
        found = json.loads(result.stdout)
        self.assertEqual((found["ok"], found["files"], found["errors"]), (False, 1, 1))
        self.assertEqual(found["diagnostics"][0]["file"], f"{self.policies}/bad.yaml")
        self.assertEqual(found["diagnostics"][0]["line"], 10)
        self.assertEqual(found["diagnostics"][0]["severity"], "error")

    def test_fails_for_a_warning_only_if_told_to(self):
        self.write_policy("a.yaml", policy("by-label", select="{annotations: {team: net}}"))
        result = run("check", self.policies)
        self.assertEqual(result.returncode, 0)
        self.assertIn("a.yaml:6:", result.stdout)
        self.assertIn("warning: ", result.stdout)
        strict = run("check", "--strict", self.policies)
        self.assertEqual(strict.returncode, 1)
        self.assertIn("a.yaml:6:", strict.stdout)
        self.assertNotIn("warning: ", strict.stdout)
        self.assertIn(
            "failed: 1 file, 2 errors (without --strict, 2 are warnings)\n", strict.stdout
        )
        found = json.loads(run("check", "--strict", "-o", "json", self.policies).stdout)
        self.assertEqual((found["ok"], found["errors"], found["warnings"]), (False, 2, 0))
        self.assertEqual(found["diagnostics"][0]["severity"], "error")

    def test_looks_at_owners_only_if_told_to(self):
        self.write_policy("a.yaml", KEYS)
        (self.policies / "a.yaml").chmod(0o666)
        self.assertEqual(run("check", self.policies).returncode, 0)
        result = run("check", "--trust", self.policies)
        self.assertEqual(result.returncode, 1)
        self.assertIn("policy-untrusted", result.stdout)

    def test_says_that_a_path_is_not_there(self):
        for name in ("nowhere", "nowhere.yaml"):
            path = self.directory / name
            for arguments in ([path], ["--policy", path]):
                result = run("check", *arguments)
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"{path}:1:1: error: cannot ", result.stdout)
                self.assertIn("No such file or directory", result.stdout)
                self.assertIn("failed: 0 files, 1 error\n", result.stdout)

    def test_prints_paths_as_they_were_given(self):
        self.write_policy("bad.yaml", READERS.replace("kind: map", "kind: mop"))
        for given, shown in (
            ("policies", "policies/bad.yaml"),
            ("./policies/", "./policies/bad.yaml"),
            ("policies/bad.yaml", "policies/bad.yaml"),
        ):
            result = run("check", given, cwd=self.directory)
            self.assertIn(f"read {shown}\n{shown}:10:22: error: ", result.stdout)
        result = run("check", "--policy", "policies", cwd=self.directory)
        # Whether installed policies are trusted depends on where the test is.
        self.assertRegex(result.stdout, r"(?m)^policies(/bad.yaml:10:22|:1:1): error: ")
        self.write_policy("bad.yaml", KEYS)
        self.write_policy("twice.yaml", KEYS)
        result = run("check", "policies", cwd=self.directory)
        self.assertIn("the other one is at policies/bad.yaml:4:9\n", result.stdout)

    def test_names_what_it_skips(self):
        self.write_policy("a.yaml", KEYS)
        for name in ("a.yaml~", ".a.yaml.swp", ".b.yaml", "README.md", "c.yaml.bak"):
            self.write_policy(name, "nonsense: [")
        (self.policies / "old").mkdir()
        (self.policies / "..data").mkdir()
        result = run("check", self.policies)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assert_golden("check_skipped.txt", result.stdout)
        found = json.loads(run("check", "-o", "json", self.policies).stdout)
        self.assertEqual(found["read"], [f"{self.policies}/a.yaml"])
        self.assertEqual(len(found["skipped"]), 6)
        self.assertEqual(
            found["skipped"][2],
            {"path": f"{self.policies}/README.md", "why": "its name does not end in .yaml or .yml"},
        )

    def test_warns_of_a_directory_without_a_policy_file(self):
        (self.policies / "a.json").write_text("{}")
        result = run("check", self.policies)
        self.assertEqual(result.returncode, 0)
        self.assertIn("warning: there is no policy file in this directory; ", result.stdout)
        self.assertEqual(run("check", "--strict", self.policies).returncode, 1)

    def test_reads_standard_input(self):
        result = run("check", "--no-host", "-", input=READERS)
        self.assertEqual(result.stdout, "read <stdin>\nok: 1 policy in 1 file\n")
        result = run("check", "-", input=READERS.replace("kind: map", "kind: mop"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("<stdin>:10:22: error: ", result.stdout)
        result = run("check", "-", input="")
        self.assertEqual(result.returncode, 1)
        self.assertIn("<stdin>:1:1: error: the file is empty", result.stdout)
        for arguments in (["-", "-"], ["--trust", "-"]):
            result = run("check", *arguments, input=READERS)
            self.assertEqual(result.returncode, 2)
            self.assertIn('cannot read standard input ("-"): ', result.stderr)


class GivenPaths(cli.Case):
    def test_that_are_not_there_are_errors(self):
        self.write_bundle()
        nowhere = self.directory / "nowhere"
        for arguments in (
            ["compile", "--cache-dir", self.directory / "cache", "--policy"],
            ["explain", "--no-host", "--bundle", self.bundle, "--policy"],
            ["plan", "--no-host", "--bundle", self.bundle, "--policy"],
            ["explain", "--no-host", "--bundle"],
            ["list", "--state-dir"],
            ["inspect", "web-1", "--state-dir"],
            ["gc", "--state-dir"],
            ["audit", "--audit"],
            ["cdi", "list", "--policy"],
        ):
            result = run(*arguments, nowhere)
            self.assertEqual((result.returncode, result.stdout), (1, ""), arguments)
            self.assertRegex(
                result.stderr, f'"{nowhere}": No such file or directory', arguments
            )


class Colours(cli.Case):
    def output_on_a_terminal(self, *arguments, environment=None):
        primary, replica = pty.openpty()
        process = subprocess.Popen(
            [str(cli.PROGRAM), *map(str, arguments)],
            stdout=replica,
            env={"TERM": "xterm", **(environment or {})},
        )
        os.close(replica)
        text = b""
        try:
            while part := os.read(primary, 4096):
                text += part
        except OSError:  # how Linux says that the other end is closed
            pass
        os.close(primary)
        process.wait()
        return text.decode()

    def test_are_for_terminals(self):
        self.write_policy("a.yaml", KEYS)
        self.assertNotIn("\x1b[", run("check", self.policies).stdout)
        self.assertIn("\x1b[32mok\x1b[0m", self.output_on_a_terminal("check", self.policies))

    def test_follow_no_color_and_the_option(self):
        self.write_policy("a.yaml", KEYS)
        for arguments, environment in ((["--color", "never"], {}), ([], {"NO_COLOR": "1"})):
            text = self.output_on_a_terminal(
                "check", *arguments, self.policies, environment=environment
            )
            self.assertNotIn("\x1b[", text)
        self.assertIn("\x1b[", run("check", "--color", "always", self.policies).stdout)


class Explain(cli.Case):
    def setUp(self):
        super().setUp()
        self.write_policy("a.yaml", READERS)
        self.write_policy("b.yaml", KEYS)
        self.write_policy("c.yaml", KUBERNETES)

    def explain(self, *arguments, command="explain"):
        return run(
            command, "--no-host", "--policy", self.policies, "--bundle", self.bundle, *arguments
        )

    def test_says_what_a_container_would_see_and_why(self):
        self.write_bundle()
        result = self.explain("--engine", "podman")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assert_golden("explain_selected.txt", result.stdout)

    def test_names_the_item_that_excludes_the_container(self):
        self.write_bundle()
        excluding = READERS.replace("  grants:", "  exclude:\n    - {engine: crio}\n    - {user: {uid: 0}}\n  grants:")
        self.write_policy("a.yaml", excluding)
        item = excluding.splitlines().index("    - {user: {uid: 0}}") + 1
        why = f'item 2 of "exclude" at a.yaml:{item}:7 matches it'
        self.assertIn(f"a.yaml:1:1: {why}\n", self.explain("--engine", "podman").stdout)
        result = self.explain("--engine", "podman", "--output", "json")
        policy = json.loads(result.stdout)["policies"][0]
        self.assertEqual((policy["selected"], policy["why_not"]), (False, why))

    def test_says_how_each_fact_was_established(self):
        self.write_bundle(
            annotations={
                "io.kubernetes.cri.sandbox-namespace": "web",
                "io.kubernetes.cri.sandbox-name": "web-1",
                "io.kubernetes.cri.sandbox-uid": "6f1c",
                "io.kubernetes.cri.container-name": "app",
                "io.kubernetes.cri.image-name": "registry.example/app:1",
            }
        )
        arguments = ["--engine", "containerd", "--pod-label", "app=web", "--pod-label", "tier=a"]
        text = self.explain(*arguments).stdout
        by = ", set by containerd"
        at = "annotation io.kubernetes.cri."
        self.assertEqual(
            text.splitlines()[1:9],
            [
                '  engine "containerd", from the hook\'s --engine option',
                f'  kubernetes namespace "web", from {at}sandbox-namespace{by}',
                f'  kubernetes pod "web-1", from {at}sandbox-name{by}',
                f'  kubernetes container "app", from {at}container-name{by}',
                f'  kubernetes uid "6f1c", from {at}sandbox-uid{by}',
                f'  image "registry.example/app:1", from {at}image-name{by}',
                '  kubernetes label "app" "web", from the hook\'s --pod-label option',
                '  kubernetes label "tier" "a", from the hook\'s --pod-label option',
            ],
        )
        found = json.loads(self.explain(*arguments, "-o", "json").stdout)["container"]
        self.assertEqual(found["kubernetes_labels"]["tier"]["value"], "a")
        self.assertEqual(found["kubernetes_uid"]["value"], "6f1c")

    def test_tries_pod_labels(self):
        self.write_bundle()
        select = "{kubernetes: {labels: {app: [web, api]}}}"
        grants = "    - pin: /sys/fs/bpf/labelled\n"
        self.write_policy("d.yaml", policy("by-label", select=select, grants=grants))
        self.assertIn(
            'selects   policy "by-label" at d.yaml:1:1',
            self.explain("--pod-label", "app=web").stdout,
        )
        self.assertIn(
            'does not  policy "by-label" at d.yaml:1:1: kubernetes label "app" is not established, '
            'wanted "web" or "api"',
            self.explain().stdout,
        )
        result = self.explain("--pod-label", "app")
        self.assertEqual(result.returncode, 2)
        self.assertIn('cannot use the pod label "app": it is no KEY=VALUE', result.stderr)

    def test_says_what_is_delegated(self):
        for file in self.policies.iterdir():
            file.unlink()
        self.write_policy(
            "token.yaml",
            policy("token", select="{namespaces: {user: private}}")
            + "  delegate: {commands: [map_create, prog_load], maps: [hash], "
            "programs: [socket_filter], programsReach: whole-machine}\n"
            "  grants: [{pin: /sys/fs/bpf/flows, access: read-write}]\n",
        )
        identity = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        kinds = ("pid", "network", "ipc", "uts", "mount", "user")
        self.write_bundle(
            linux={
                "namespaces": [{"type": kind} for kind in kinds],
                "uidMappings": identity,
                "gidMappings": identity,
            }
        )
        result = self.explain()
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assert_golden("explain_delegated.txt", result.stdout)
        result = self.explain("--output", "json")
        delegated = json.loads(result.stdout)["delegation"]
        self.assertEqual(delegated["maps"], ["hash"])
        self.assertEqual(delegated["attach"], ["cgroup_inet_ingress"])
        self.assertTrue(delegated["added_no_attach_type"])
        result = self.explain(command="plan")
        self.assertEqual(result.returncode, 0)
        self.assert_golden("plan_delegated.txt", result.stdout)
        self.write_bundle()
        self.assertIn("does not", self.explain().stdout)

    def describe(self, *arguments):
        return run("explain", "--no-host", "--policy", self.policies, *arguments)

    def test_takes_a_directory_for_a_bundle(self):
        self.write_bundle()
        policies = ("--no-host", "--policy", self.policies, "--engine", "podman")
        named = run("explain", *policies, self.bundle)
        self.assertEqual(named.returncode, 0, named.stderr)
        self.assertEqual(named.stdout, self.explain("--engine", "podman").stdout)
        inside = run("explain", *policies, ".", cwd=self.bundle)
        self.assertEqual(inside.stdout, named.stdout)

    def test_says_whom_policies_are_for_by_a_description(self):
        result = self.describe("--engine", "podman", "--uid", "1000", "--gid", "1000")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assert_golden("explain_described.txt", result.stdout)
        result = self.describe("--engine", "podman", "-o", "json")
        found = json.loads(result.stdout)
        self.assertIsNone(found["starts"])
        self.assertIn("not-known", [remark["code"] for remark in found["remarks"]])

    def test_takes_nothing_that_is_not_described_for_known(self):
        self.write_policy("d.yaml", policy("root", select="{user: {uid: 0}}"))
        result = self.describe("--engine", "containerd", "--image", "x")
        self.assertIn(
            'may       policy "root" at d.yaml:1:1: it depends on user.uid, not given\n',
            result.stdout,
        )
        self.assertIn(
            'may       policy "pods" at c.yaml:1:1: it depends on kubernetes.namespace, not given\n',
            result.stdout,
        )
        found = json.loads(self.describe("--engine", "containerd", "-o", "json").stdout)
        depends = {verdict["policy"]: verdict.get("depends_on") for verdict in found["policies"]}
        self.assertEqual(depends["root"], "user.uid")

    def test_knows_that_podman_establishes_no_image(self):
        result = self.describe("--engine", "podman", "--namespace", "web")
        self.assertIn("note: podman establishes no namespace, pod, container or image", result.stdout)
        self.assertIn(
            'does not  policy "pods" at c.yaml:1:1: kubernetes.namespace is not established by this '
            "engine",
            result.stdout,
        )

    def test_describes_by_every_key_of_select(self):
        schema = json.loads((cli.SOURCE / "config/policy.schema.json").read_text())
        keys = schema["definitions"]["select"]["properties"]
        names = set(keys) - {"kubernetes", "user"}
        for group in ("kubernetes", "user"):
            names |= {f"{group}.{key}" for key in keys[group]["properties"]}
        self.assertEqual(names, set(cli.DESCRIBING))
        text = run("explain", "--help").stdout
        for option in cli.DESCRIBING.values():
            self.assertRegex(text, rf"(?m)^  (-\w,)?{option}\b")

    def test_is_strict_with_a_view_that_is_void(self):
        self.write_bundle(process__capabilities={"bounding": ["CAP_SYS_ADMIN"]})
        self.assertEqual(self.explain("--engine", "podman").returncode, 0)
        strict = self.explain("--engine", "podman", "--strict")
        self.assertEqual(strict.returncode, 1)
        self.assertIn("void: with CAP_SYS_ADMIN", strict.stdout)
        self.write_bundle()
        self.assertEqual(self.explain("--engine", "podman", "--strict").returncode, 0)

    def test_is_strict_with_a_view_that_cannot_be_reached(self):
        self.write_bundle(linux__seccomp={"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []})
        self.assertEqual(self.explain("--engine", "podman").returncode, 0)
        strict = self.explain("--engine", "podman", "--strict")
        self.assertEqual(strict.returncode, 1)
        self.assertIn("unreachable: ", strict.stdout)

    def test_says_it_to_programs(self):
        self.write_bundle()
        result = self.explain("--engine", "podman", "--output", "json")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assert_golden("explain_selected.json", result.stdout)

    def test_says_that_nothing_selects_a_container(self):
        (self.policies / "b.yaml").unlink()
        self.write_bundle()
        result = self.explain("--engine", "crio", "--id", "other")
        self.assertEqual(result.returncode, 0)
        self.assert_golden("explain_not_selected.txt", result.stdout)

    def test_says_how_the_identity_was_established(self):
        self.write_bundle()
        text = json.dumps(
            {**cli.config(), "annotations": {"io.kubernetes.pod.namespace": "web"}}
        )
        (self.bundle / "config.json").write_text(text)
        result = self.explain("--engine", "crio")
        self.assertIn(
            'kubernetes namespace "web", from annotation io.kubernetes.pod.namespace, '
            "set by CRI-O",
            result.stdout,
        )
        self.assertIn("selects   policy \"pods\"", result.stdout)
        forged = self.explain("--engine", "podman")
        self.assertNotIn("selects   policy \"pods\"", forged.stdout)

    def test_names_what_makes_a_view_void_or_unreachable(self):
        self.write_bundle(
            process__user={"uid": 33, "gid": 33},
            process__capabilities={"bounding": ["CAP_SYS_ADMIN"], "permitted": []},
            mounts=[
                {
                    "destination": "/host",
                    "type": "bind",
                    "source": "/",
                    "options": ["rbind", "ro"],
                }
            ],
            linux__seccomp={
                "defaultAction": "SCMP_ACT_ERRNO",
                "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}],
            },
        )
        result = self.explain("--engine", "podman")
        self.assertEqual(result.returncode, 0)
        self.assert_golden("explain_remarks.txt", result.stdout)

    def test_accepts_the_seccomp_rules_of_the_documentation(self):
        text = (cli.SOURCE / "docs/operating.md").read_text()
        rule = json.loads(text.split("```json\n")[1].split("```")[0])
        self.assertEqual(rule["names"], ["bpf"])
        def write_bundle_with(commands):
            rules = [
                {**rule, "args": [{**rule["args"][0], "value": command}]} for command in commands
            ]
            self.write_bundle(
                linux__seccomp={"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}
            )

        write_bundle_with([rule["args"][0]["value"]])
        result = self.explain("--engine", "podman", "-o", "json")
        commands = json.loads(result.stdout)["bpf_commands"]
        self.assertEqual([each["command"] for each in commands if each["seccomp_allows"]], [7])
        result = self.explain("--engine", "podman")
        self.assertIn("unreachable: the seccomp profile refuses some of the commands", result.stdout)
        self.assertIn("which would add BPF_MAP_LOOKUP_ELEM (1), ", result.stdout)
        write_bundle_with([each["command"] for each in commands])
        result = self.explain("--engine", "podman")
        self.assertIn("note: the seccomp profile allows only some commands of bpf(2)", result.stdout)
        self.assertNotIn("unreachable", result.stdout)

    def test_refuses_what_the_hook_would_refuse(self):
        self.write_bundle(linux__namespaces=[{"type": "pid"}])
        result = self.explain("--engine", "podman")
        self.assertEqual(result.returncode, 1)
        self.assertIn("would not start", result.stdout)
        self.assertIn("host-namespace: ", result.stdout)

    def test_names_both_policies_of_a_conflict(self):
        self.write_bundle()
        self.write_policy(
            "d.yaml",
            policy("other", grants="    - pin: /sys/fs/bpf/x\n      as: flows\n      access: read\n"),
        )
        result = self.explain("--engine", "podman")
        self.assertEqual(result.returncode, 1)
        self.assertIn("policy-conflict: ", result.stdout)
        self.assertIn("a.yaml:", result.stdout)
        self.assertIn("d.yaml:", result.stdout)

    def test_says_that_there_is_nothing_to_go_by(self):
        self.write_bundle()
        self.write_policy("a.yaml", "nonsense: [")
        result = self.explain("--cache-dir", self.directory / "none")
        self.assertEqual(result.returncode, 1)
        self.assertIn(
            "they have errors, and no earlier set is in force (pinscope check shows the errors)",
            result.stderr,
        )

    def test_says_what_is_wrong_with_a_bundle(self):
        result = self.explain()
        self.assertEqual(result.returncode, 1)
        self.assertIn("config.json", result.stderr)
        self.assertIn("No such file or directory", result.stderr)

    def test_prints_the_plan(self):
        self.write_bundle()
        result = self.explain("--engine", "podman", command="plan")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assert_golden("plan.txt", result.stdout)

    def test_says_that_what_is_planned_would_be_refused(self):
        self.write_bundle(linux__namespaces=[{"type": "pid"}])
        result = self.explain("--engine", "podman", command="plan")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        self.assertTrue(
            result.stdout.startswith("would not start\n  host-namespace: "), result.stdout
        )
        self.assertNotIn("nothing would be done", result.stdout)
        result = self.explain("--engine", "podman", "-o", "json", command="plan")
        found = json.loads(result.stdout)
        self.assertFalse(found["starts"])
        self.assertEqual(found["errors"][0]["code"], "host-namespace")

    def test_prints_the_plan_for_programs(self):
        self.write_bundle()
        result = self.explain("--engine", "podman", "--output", "json", command="plan")
        found = json.loads(result.stdout)
        self.assertTrue(found["starts"])
        self.assertEqual(found["steps"][0]["step"], "make-instance")
        pins = [step["source"] for step in found["steps"] if step["step"] == "pin-object"]
        self.assertEqual(sorted(pins), ["/sys/fs/bpf/counters", "/sys/fs/bpf/flows"])

    def test_prints_no_plan_for_a_container_that_is_left_alone(self):
        (self.policies / "b.yaml").unlink()
        self.write_bundle()
        result = self.explain(command="plan")
        self.assertEqual(result.stdout, "no steps: nothing would be done\n")


class Usage(cli.Case):
    def test_exits_with_2_and_one_line(self):
        for arguments, sentence in (
            (["chek"], 'unknown command "chek"; did you mean "check"? (see pinscope --help)'),
            (["help", "chek"], 'unknown command "chek"; did you mean "check"? (see pinscope --help)'),
            (["--verison"], 'unknown option "--verison"; did you mean "--version"? '
                            "(see pinscope --help)"),
            (["check", "--strcit"], 'unknown option "--strcit"; did you mean "--strict"? '
                                    "(see pinscope check --help)"),
            (["check", "--polcy=x"], 'unknown option "--polcy"; did you mean "--policy"? '
                                     "(see pinscope check --help)"),
            (["list", "--everything"], 'unknown option "--everything" (see pinscope list --help)'),
            (["list", "web-1"], 'unexpected argument "web-1" (see pinscope list --help)'),
            (["list", "--output", "yaml"], '--output: "yaml" is none of table|json '
                                           "(see pinscope list --help)"),
            (["list", "-o", "jsn"], '--output: "jsn" is none of table|json; did you mean "json"? '
                                    "(see pinscope list --help)"),
            (["explain", "-b", ".", "--engine", "pod-man"],
             '--engine: "pod-man" is none of podman|docker|containerd|crio|host; did you mean '
             '"podman"? (see pinscope explain --help)'),
            (["explain"], "cannot explain a container: none is named (write its id, its name, or "
                          "--bundle DIR)"),
            (["explain", "x", "-b", "."], 'cannot explain "x": --bundle names another one'),
            (["explain", "x", "--uid", "1"],
             "cannot explain a container: it is named and described: its configuration says the "
             "rest"),
            (["explain", "--uid", "1", "--strict"],
             "cannot explain a container: --strict needs its configuration: name it, or its bundle"),
            (["explain", "--uid", "-1"], 'cannot use --uid "-1": it is no id'),
            (["explain", "--gid", "4294967295"], 'cannot use --gid "4294967295": it is no id'),
            (["explain", "--namespaces", "nett=host"],
             'cannot use --namespaces "nett=host": "nett" is no kind of namespace'),
            (["explain", "--namespaces", "net=x"],
             'cannot use --namespaces "net=x": it is neither host, private nor an absolute path'),
            (["explain", "--annotation", "x"], 'cannot use --annotation "x": it is no KEY=VALUE'),
            (["explain", "--bundle-path", "x"],
             'cannot use --bundle-path "x": it is not an absolute path without dots'),
            (["plan", "--engine", "podman"],
             "cannot explain a container: none is named (write its id, its name, or --bundle DIR)"),
            (["inspect"], "CONTAINER is required (see pinscope inspect --help)"),
            (["inspect", "x", "--pid", "-3"],
             '--pid: "-3" is no number (see pinscope inspect --help)'),
            (["audit", "-n", "x"], '--last: "x" is no number (see pinscope audit --help)'),
            (["cdi", "list", "file"], 'unexpected argument "file" (see pinscope cdi --help)'),
            (["run"], "cannot run a command: none is given (put it behind --)"),
        ):
            result = run(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertEqual(result.stderr, f"pinscope: {sentence}\n", arguments)

    def test_tells_errors_as_json_to_whoever_asked_for_json(self):
        nowhere = str(self.directory / "nowhere")
        for arguments, status, code in (
            (["chek", "-o", "json"], 2, "usage"),
            (["list", "--output=json", "--strict"], 2, "usage"),
            (["check", "--format", "json", "--strcit"], 2, "usage"),
            (["audit", "-ojson", "--since", "x", "--audit", nowhere], 2, "usage"),
            (["list", "-o", "json", "--state-dir", nowhere], 1, "system"),
            (["audit", "-o", "json", "--audit", nowhere], 1, "system"),
            (["explain", "--bundle", nowhere, "-o", "json"], 1, "system"),
        ):
            result = run(*arguments)
            self.assertEqual(result.returncode, status, arguments)
            error = json.loads(result.stdout)["error"]
            self.assertEqual(error["code"], code, arguments)
            self.assertEqual(result.stderr, f"pinscope: {error['message']}\n", arguments)
        self.assertEqual(run("list", "--state-dir", nowhere).stdout, "")

    def test_without_arguments_shows_the_help(self):
        result = run()
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("Subcommands:", result.stderr)

    def test_knows_its_version(self):
        for word in ("--version", "-v", "version"):
            result = run(word)
            self.assertEqual(result.returncode, 0)
            self.assertRegex(result.stdout, r"^pinscope \d+\.\d+\.\d+\n$")

    def test_has_help_under_two_names(self):
        self.assertEqual(run("help").stdout, run("--help").stdout)
        result = run("help", "check")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout, run("check", "--help").stdout)
        self.assert_golden("check_help.txt", result.stdout)

    def test_every_command_has_help_that_tells_its_exit_status(self):
        commands = [line.split()[0] for line in run("--help").stdout.split("Subcommands:")[1]
                    .splitlines() if re.match(r"  \w", line)]
        self.assertIn("doctor", commands)
        for command in commands:
            result = run(command, "--help")
            self.assertEqual(result.returncode, 0, command)
            if command != "completion":  # which shows commands to copy
                self.assertLessEqual(max(map(len, result.stdout.splitlines())), 80, command)
            if command != "completion":
                self.assertIn("Exit status:", result.stdout, command)

    def test_says_that_its_output_was_lost(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run(
                [str(cli.PROGRAM), "--version"], stdout=full, stderr=subprocess.PIPE, text=True
            )
        self.assertEqual(result.returncode, 1)
        self.assertEqual(
            result.stderr, "pinscope: cannot write to standard output: No space left on device\n"
        )


class CheckPlaces(cli.Case):
    def test_warns_of_pins_where_no_bpffs_is_unless_they_are_for_another_host(self):
        self.write_policy(
            "a.yaml",
            cli.policy(
                "p",
                grants="    - {pin: /sys/fs/bfp/flows}\n    - {pin: /sys/fs/bpf/flows, as: b}\n",
                deny="    - {pin: /srv/bpf/**}\n",
            ),
        )
        said = run("check", self.policies).stdout
        for pin in ("/sys/fs/bfp/flows", "/srv/bpf/**"):
            self.assertIn(f'warning: no BPF file system is mounted where "{pin}" is; ', said)
        self.assertNotIn('where "/sys/fs/bpf/flows" is', said)
        self.assertIn("2 warnings", said)
        self.assertNotIn("warning", run("check", "--no-host", self.policies).stdout)


class Audit(cli.Case):
    def test_filters_and_prints_lines(self):
        lines = [
            {"time": "2026-01-01T00:00:00.000000Z", "outcome": "granted", "stage": "createRuntime",
             "container": {"id": "web-1"}, "policies": [{"name": "p"}], "pins": [{}, {}],
             "error": ""},
            {"time": "2026-01-02T00:00:00.000000Z", "outcome": "refused", "stage": "createRuntime",
             "container": {"id": "web-2"}, "policies": [], "pins": [], "code": "source-missing",
             "error": "container \"web-2\": cannot open source pin \"/sys/fs/bpf/x\": No such file or directory"},
        ]
        path = self.directory / "audit.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{torn")
        result = run("audit", "--audit", path)
        self.assertEqual(result.returncode, 0)
        self.assert_golden("audit.txt", result.stdout)
        self.assertIn("1 line of", result.stderr)

        def times(*arguments):
            text = run("audit", "--audit", path, "-o", "json", *arguments).stdout
            return [json.loads(line)["time"][:10] for line in text.splitlines()]

        self.assertEqual(times(), ["2026-01-01", "2026-01-02"])
        self.assertEqual(times("--outcome", "refused"), ["2026-01-02"])
        self.assertEqual(times("--container", "web-1"), ["2026-01-01"])
        self.assertEqual(times("--since", "2026-01-02"), ["2026-01-02"])
        self.assertEqual(times("--last", "1"), ["2026-01-02"])
        self.assertEqual(times("--since", "2026-01-02T00:00:00Z"), ["2026-01-02"])
        bad = run("audit", "--audit", path, "--since", "last week")
        self.assertEqual(bad.returncode, 2)
        self.assertIn('cannot understand --since "last week"', bad.stderr)
        width = max(map(len, run("audit", "--audit", path).stdout.splitlines()))
        self.assertLessEqual(width, 80)

    def write_trail(self, name, ids, day, compress=False):
        text = "".join(
            json.dumps({"time": f"{day}T00:00:00.000000Z", "outcome": "granted",
                        "container": {"id": each}}) + "\n"
            for each in ids
        ).encode()
        path = self.directory / name
        path.write_bytes(gzip.compress(text) if compress else text)
        when = calendar.timegm(time.strptime(day, "%Y-%m-%d"))
        os.utime(path, (when, when))
        return path

    def ids(self, path, *arguments):
        result = run(
            "audit", "--audit", path, "-o", "json", *arguments, environment={"TZ": "UTC"}
        )
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return [json.loads(line)["container"]["id"] for line in result.stdout.splitlines()]

    def test_reads_rotated_and_compressed_files(self):
        path = self.write_trail("audit.jsonl", ["e"], "2026-01-05")
        self.write_trail("audit.jsonl.1", ["c", "d"], "2026-01-04")
        self.write_trail("audit.jsonl.10.gz", ["b"], "2026-01-03", compress=True)
        self.write_trail("audit.jsonl-20260102.gz", ["a"], "2026-01-02", compress=True)
        for other in ("audit.jsonl.bak", "audit.jsonl.1x", "other.jsonl.1"):
            self.write_trail(other, ["x"], "2026-01-01")
        self.assertEqual(self.ids(path), ["a", "b", "c", "d", "e"])
        self.assertEqual(self.ids(path, "--since", "2026-01-04"), ["c", "d", "e"])
        self.assertEqual(self.ids(path, "--last", "2"), ["d", "e"])
        (self.directory / "audit.jsonl.2.gz").write_bytes(b"no gzip")
        result = run("audit", "--audit", path)
        self.assertEqual(result.returncode, 1)
        self.assertIn(f'cannot read "{path}.2.gz": gzip: it ended with status 1', result.stderr)
        self.assertIn("2026-01-05", result.stdout)

    def test_knows_days_by_their_names(self):
        today = time.strftime("%Y-%m-%d", time.gmtime())
        path = self.write_trail("audit.jsonl", ["a"], today)
        self.write_trail("audit.jsonl.1", ["b"], "2026-01-01")
        for since in ("today", "yesterday", "1w", "2d"):
            self.assertEqual(self.ids(path, "--since", since), ["a"], since)

    def test_follows_the_trail_through_a_rotation(self):
        path = self.write_trail("audit.jsonl", ["a"], "2026-01-05")
        process = subprocess.Popen(
            [str(cli.PROGRAM), "audit", "--audit", str(path), "--follow", "-o", "json"],
            stdout=subprocess.PIPE, text=True,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)

        def append(each):
            with open(path, "a") as trail:
                trail.write(json.dumps({"time": "2026-01-06", "container": {"id": each}}) + "\n")

        def next_id():
            return json.loads(process.stdout.readline())["container"]["id"]

        self.assertEqual(next_id(), "a")
        append("b")
        self.assertEqual(next_id(), "b")
        path.rename(self.directory / "audit.jsonl.1")
        append("c")
        self.assertEqual(next_id(), "c")

    def test_reads_nothing_that_has_no_end(self):
        fifo = self.directory / "fifo"
        os.mkfifo(fifo)
        for path in (fifo, "/dev/zero", "/dev/null", self.directory):
            result = run("audit", "--audit", path)
            self.assertEqual(result.returncode, 1)
            self.assertIn(f'cannot read "{path}": it is not a regular file', result.stderr)


class Doctor(cli.Case):
    def test_gives_each_check_a_level_and_failures_an_action(self):
        self.write_policy("a.yaml", "nonsense: [")
        result = run("doctor", "-o", "json", "--policy", self.policies, "--state-dir",
                     self.directory / "run", "--cache-dir", self.directory / "cache", "--audit",
                     self.directory / "audit.jsonl")
        found = json.loads(result.stdout)
        self.assertEqual(result.returncode, 1, "policies with errors are a failure")
        self.assertFalse(found["ok"])
        areas = {check["area"] for check in found["checks"]}
        # Whether there is an engine is the machine's affair.
        self.assertEqual(
            areas - {"engine"}, {"kernel", "host", "runtime", "policy", "state", "audit"}
        )
        for check in found["checks"]:
            self.assertIn(check["level"], ("ok", "warn", "fail"))
            if check["level"] == "fail":
                self.assertNotEqual(check["action"], "", check)


cli.main()
