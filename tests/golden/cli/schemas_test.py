# Every output for programs is what its schema in docs/schemas says: the commands are run, and what
# they print is validated. The schemas allow members that they do not name, because newer versions
# may add some; here they do not, so that none is forgotten.
import copy
import functools
import json
import os
import shutil
import unittest

import jsonschema

import cli
from cli import policy, run

SCHEMAS = cli.SOURCE / "docs/schemas"
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "records count only if they are root's")


def closed(schema):
    """The schema without room for members that it does not name."""
    if isinstance(schema, dict):
        schema = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        schema = [closed(each) for each in schema]
    return schema


@functools.cache
def schema_of(name):
    return closed(json.loads((SCHEMAS / f"{name}.json").read_text()))


def validator(name):
    schema = copy.deepcopy(schema_of(name))
    jsonschema.Draft7Validator.check_schema(schema)
    schema["$id"] = f"https://pinscope.invalid/{name}.json"
    common = "https://pinscope.invalid/common.json"
    resolver = jsonschema.RefResolver(schema["$id"], schema, store={common: schema_of("common")})
    return jsonschema.Draft7Validator(schema, resolver=resolver)


class Outputs(cli.Case):
    WHERE = "/run" if os.geteuid() == 0 else None

    def validate(self, name, text):
        value = json.loads(text)
        problems = [f"{'/'.join(map(str, error.path))}: {error.message}"
                    for error in validator(name).iter_errors(value)]
        self.assertEqual(problems, [], text)
        return value

    def printed(self, name, *arguments, status=0):
        result = run(*arguments, "--output", "json")
        self.assertEqual(result.returncode, status, result.stderr)
        return self.validate(name, result.stdout)

    def store(self):
        """A state directory with a record of a process that is gone."""
        records = self.directory / "state/containers"
        records.mkdir(parents=True)
        for directory in (records, records.parent):
            directory.chmod(0o700)
        text = (cli.SOURCE / "tests/unit/record/records/0.1.0.json").read_text()
        (records / "web-1.json").write_text(text)
        return records.parent

    def test_there_is_a_page_for_each(self):
        tested = {"apply", "audit", "audit-verify", "cdi", "check", "diff", "doctor", "drift", "engine",
                  "explain", "gc", "inspect", "inventory", "list", "plan", "test", "version",
                  "common", "can", "dump", "exceptions", "who"}
        self.assertEqual({path.stem for path in SCHEMAS.glob("*.json")}, tested)

    def test_version(self):
        self.printed("version", "version")

    def test_check(self):
        self.write_policy("a.yaml", policy("p") + "bad: 1\n")
        (self.policies / "b.txt").write_text("")
        found = self.printed("check", "check", "--no-host", self.policies, status=1)
        self.assertTrue(found["diagnostics"])

    def test_doctor(self):
        result = run("doctor", "--output", "json", "--state-dir", self.directory / "state")
        self.validate("doctor", result.stdout)

    def test_explain_and_plan(self):
        grants = "    - {pin: /sys/fs/bpf/a, mode: \"0440\"}\n    - {pin: /sys/fs/bpf/b}\n"
        self.write_policy("a.yaml", policy("a", grants=grants, deny="    - pin: /sys/fs/bpf/b\n"))
        self.write_policy("b.yaml", policy("b", select="{engine: docker}"))
        self.write_bundle()
        where = ("--policy", self.policies, "--bundle", self.bundle, "--no-host")
        explained = self.printed("explain", "explain", *where)
        self.assertEqual(explained["grants"][0]["mode"], "0440")
        self.assertEqual(explained["grants"][0]["rule"],
                         {"policy": "a", "file": "a.yaml", "line": 8, "column": 7})
        steps = self.printed("plan", "plan", *where)["steps"]
        self.assertIn(explained["grants"][0]["rule"], [step.get("rule") for step in steps])

    def test_a_conflict_names_both_rules(self):
        for name, mode in (("a", "0440"), ("b", "0444")):
            grants = f"    - {{pin: /sys/fs/bpf/a, mode: \"{mode}\"}}\n"
            self.write_policy(f"{name}.yaml", policy(name, grants=grants))
        self.write_bundle()
        where = ("--policy", self.policies, "--bundle", self.bundle, "--no-host")
        for name in ("explain", "plan"):
            (error,) = self.printed(name, name, *where, status=1)["errors"]
            self.assertEqual(error["code"], "policy-conflict")
            self.assertEqual([rule["file"] for rule in error["rules"]], ["a.yaml", "b.yaml"])
            self.assertIn('policy "a" at a.yaml:8:7 and policy "b" at b.yaml:8:7', error["error"])

    def test_cdi(self):
        text = policy("dev").replace("spec:\n", "spec:\n  cdi: true\n")
        self.write_policy("a.yaml", text)
        where = ("--policy", self.policies, "--spec-dir", self.directory / "cdi")
        self.printed("cdi", "cdi", "generate", "--dry-run", *where)
        (device,) = self.printed("cdi", "cdi", "list", *where, status=1)["devices"]
        self.assertEqual(device["rule"]["policy"], "dev")

    @AS_ROOT
    def test_test(self):
        examples = cli.SOURCE / "config/policies/tests"
        self.assertTrue(self.printed("test", "test", examples)["ok"])
        self.write_policy("a.yaml", policy("p", grants="    - {pin: /sys/fs/bpf/a}\n"))
        self.write_policy("b.yaml", policy("q", select="{engine: crio}"))
        test = self.directory / "t.yaml"
        test.write_text("apiVersion: pinscope/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n"
                        "  subjects: [{name: s, engine: docker, expect: {grants: []}}]\n")
        (self.directory / "none.yaml").write_text("# nothing\n")
        found = self.printed("test", "test", "--policy", self.policies, test,
                             self.directory / "none.yaml", status=1)
        self.assertIn("rule", found["results"][0]["failures"][0])
        self.assertEqual(found["untested"][0]["policy"], "q")
        self.assertEqual(len(found["diagnostics"]), 1)

    def test_diff(self):
        policies = cli.SOURCE / "config/policies"
        subjects = ("--subjects", policies / "tests/flow-readers.yaml")
        same = self.printed("diff", "diff", policies / "flow-readers.yaml",
                            policies / "flow-readers.yaml", *subjects)
        self.assertEqual((same["differ"], len(same["containers"])), (0, 3))
        self.write_policy("a.yaml", policy("p", grants="    - {pin: /sys/fs/bpf/a}\n"))
        wider = self.printed("diff", "diff", policies / "everyone-else.yaml", self.policies,
                             *subjects, status=4)
        self.assertEqual((wider["widen"], wider["containers"][0]["grants"][0]["change"]),
                         (3, "gained"))
        narrower = self.printed("diff", "diff", self.policies, policies / "everyone-else.yaml",
                                *subjects, status=3)
        self.assertEqual((narrower["differ"], narrower["widen"]), (3, 0))
        self.write_policy("b.yaml", policy("q", grants="    - {pin: /sys/fs/bpf/b, as: a}\n"))
        stops = self.printed("diff", "diff", policies / "everyone-else.yaml", self.policies,
                             *subjects, status=3)
        self.assertEqual(stops["stop"], 3)

    # What nobody can say is never "no difference".
    def test_diff_of_what_is_not_certain(self):
        test = self.directory / "t.yaml"
        test.write_text("apiVersion: pinscope/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n"
                        "  subjects: [{name: s, engine: docker, expect: {grants: []}}]\n")
        subjects = ("--subjects", test)
        old = self.directory / "old.yaml"
        new = self.directory / "new.yaml"
        old.write_text(policy("p", grants="    - {pin: /sys/fs/bpf/a}\n"))
        glob = '    - {pin: "/sys/fs/bpf/sec_*", access: read-write}\n'
        for text, why in (
                (policy("p", grants="    - {pin: /sys/fs/bpf/a}\n" + glob),
                 'what "/sys/fs/bpf/sec_*" matches depends on the pins'),
                (old.read_text() + "---\n" + policy(
                    "q", select="{user: {uid: 7}}", grants="    - {pin: /sys/fs/bpf/b}\n"),
                 'whether policy "q"')):
            new.write_text(text)
            for order in ((old, new), (new, old)):
                found = self.printed("diff", "diff", *order, *subjects, status=4)
                self.assertEqual((found["differ"], found["widen"], found["uncertain"]), (1, 1, 1))
                self.assertTrue(found["containers"][0]["widens"])
                self.assertIn(why, found["containers"][0]["undecided"][0])
                shown = run("diff", *order, *subjects).stdout
                self.assertIn("t: s: not certain: " + why, shown)
                self.assertIn("0 of 1 subject would change, 1 may get more access", shown)
                self.assertNotIn("no difference", shown)
            # The same policies give the same, whatever that is, and wherever they stand.
            old.write_text("# another line\n" + text)
            self.assertEqual(self.printed("diff", "diff", old, new, *subjects)["uncertain"], 0)
            self.assertIn("no difference for 1 subject", run("diff", old, new, *subjects).stdout)
            old.write_text(policy("p", grants="    - {pin: /sys/fs/bpf/a}\n"))
        # With the pins, it can be said.
        new.write_text(policy("p", grants="    - {pin: /sys/fs/bpf/a}\n" + glob))
        test.write_text(test.read_text() + "  pins: [/sys/fs/bpf/a, /sys/fs/bpf/sec_x]\n")
        found = self.printed("diff", "diff", old, new, *subjects, status=4)
        self.assertEqual((found["widen"], found["uncertain"]), (1, 0))

    @AS_ROOT
    def test_diff_of_what_runs(self):
        self.write_policy("a.yaml", policy("p", grants="    - {pin: /sys/fs/bpf/a}\n"))
        # What else runs on this machine, and can be read, is nobody's to say.
        found = run("diff", self.policies, self.policies, "--state-dir", self.store(),
                    "--output", "json")
        self.assertEqual(self.validate("diff", found.stdout)["differ"], 0)

    def test_inventory(self):
        taken = self.printed("inventory", "inventory", "--state-dir", self.store())
        self.assertIn("leftover", [notice["kind"] for notice in taken["notices"]])

    @AS_ROOT
    def test_drift(self):
        where = ("--policy", self.policies, "--state-dir", self.store(), "--cache-dir",
                 self.directory / "cache")
        kinds = schema_of("drift")["definitions"]["kind"]["enum"]
        found = self.printed("drift", "drift", *where, status=3)
        self.assertEqual(list(found["counts"]), kinds)
        self.assertIn(("leftover", "web-1"),
                      [(one["kind"], one.get("container", {}).get("id")) for one in found["drift"]])

    @AS_ROOT
    def test_apply_without_containers_that_run(self):
        where = ("--policy", self.policies, "--state-dir", self.store(), "--cache-dir",
                 self.directory / "cache", "--audit", self.directory / "audit.jsonl")
        found = self.printed("apply", "apply", "--all", *where)
        self.assertEqual(found["containers"], [])
        for expire in ((), ("--expire",)):
            found = self.printed("exceptions", "exceptions", *expire, *where)
            self.assertEqual(found["exceptions"], [])
            self.assertNotIn("next", found)
        found = self.printed("apply", "revoke", "--all", "/sys/fs/bpf/x", "--reason", "x", *where,
                             status=1)
        self.assertEqual(found["containers"], [])

    @AS_ROOT
    @unittest.skipUnless(shutil.which("bpftool"), "bpftool is not installed")
    def test_dump(self):
        """A line for each entry of a map, found by its name."""
        lines = self.dump("--output", "json").splitlines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.validate("dump", line)

    def dump(self, *arguments):
        make = ("mount -t bpf bpf /sys/fs/bpf && bpftool map create /sys/fs/bpf/two type array "
                "key 4 value 8 entries 2 name schema_dump && exec \"$@\"")
        done = cli.subprocess.run(
            ["unshare", "--mount", "sh", "-c", make, "sh", cli.PROGRAM, "dump",
             "schema_dump", *arguments], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    @AS_ROOT
    @unittest.skipUnless(shutil.which("bpftool"), "bpftool is not installed")
    def test_who_and_can(self):
        """A map with a pin in a mount namespace of its own."""
        state = self.directory / "state"
        state.mkdir(mode=0o700)
        make = ("mount -t bpf bpf /mnt && bpftool map create /mnt/whose type hash key 4 value 4 "
                "entries 4 name whose && echo ready && exec sleep 100")
        with cli.subprocess.Popen(["unshare", "--mount", "sh", "-c", make], text=True,
                                  stdout=cli.subprocess.PIPE) as owner:
            try:
                self.assertEqual(owner.stdout.readline(), "ready\n")
                found = self.printed("who", "who", f"{owner.pid}:whose", "--state-dir", state)
                self.assertEqual(found["who"][0]["kind"], "host")
                result = run("can", owner.pid, f"map:{found['object']['id']}", "write",
                             "--state-dir", state, "--output", "json")
                self.assertIn(result.returncode, (0, 3, 4), result.stderr)
                self.assertEqual(self.validate("can", result.stdout)["right"], "write")
            finally:
                owner.kill()

    def test_engine(self):
        for action in ("install", "remove"):
            result = run("engine", action, "--engine", "podman", "--root", self.directory,
                         "--dry-run", "--output", "json")
            if result.returncode == 0:
                self.validate("engine", result.stdout)
        self.validate("engine", run("engine", "status", "--output", "json").stdout)

    @AS_ROOT
    def test_list_and_inspect(self):
        state = self.store()
        (listed,) = self.printed("list", "list", "--state-dir", state)["containers"]
        inspected = self.printed("inspect", "inspect", "web", "--state-dir", state)
        self.assertEqual(listed, inspected["container"])
        self.assertEqual(listed["created"], "2025-11-26T00:00:00.123456Z")
        self.assertEqual(listed["grants"][0]["mode"], "0660")

    @AS_ROOT
    def test_gc_and_audit(self):
        state = self.store()
        trail = self.directory / "audit.jsonl"
        where = ("--state-dir", state, "--audit", trail)
        self.printed("gc", "gc", "--dry-run", *where)
        self.assertEqual(len(self.printed("gc", "gc", *where)["removed"]), 1)
        hook = cli.subprocess.run(
            [str(cli.HOOK), "--policy", str(self.policies), "--audit", str(trail), "--state-dir",
             str(state), "--cache-dir", str(self.directory / "cache"), "createRuntime"],
            input="{", capture_output=True, text=True)
        self.assertEqual(hook.returncode, 0, "there is no policy")
        self.write_policy("a.yaml", policy("p"))
        cli.subprocess.run([*hook.args], input="{", capture_output=True, text=True)
        lines = run("audit", "--audit", trail, "--output", "json").stdout.splitlines()
        outcomes = [self.validate("audit", line)["outcome"] for line in lines]
        self.assertEqual(outcomes, ["collected", "policy-accepted", "refused"])
        self.assertEqual(json.loads(lines[1])["accepted"]["added"], ["p"])
        verified = self.printed("audit-verify", "audit", "--verify", "--audit", trail)
        self.assertEqual((verified["lines"], verified["last_digest"]),
                         (3, json.loads(lines[-1])["digest"]))
        trail.write_text("\n".join(lines[1:]) + "\n")
        broken = self.printed("audit-verify", "audit", "--verify", "--audit", trail, status=1)
        self.assertEqual(broken["problem_count"], 1)
        self.assertEqual((broken["problems"][0]["file"], broken["problems"][0]["line"]),
                         (str(trail), 1))
        trail.write_text("")
        emptied = self.printed("audit-verify", "audit", "--verify", "--audit", trail)
        self.assertEqual(emptied["notes"][0]["text"],
                         "there is nothing to verify: no line has a digest")


cli.main()
