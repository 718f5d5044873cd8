# config/kubernetes: every object against the generated API types, and what those types cannot say: that names meet, that
# the agent gets the rights it needs and no others, that its command line is one of `pinscope node`, that the policies check.
# No cluster is asked. Usage: manifests_test.py SOURCE BUILD
import copy
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import yaml

    import api
    import kustomize
except ImportError as error:
    print(f"skipped: {error} (packages python3-kubernetes and python3-yaml)")
    sys.exit(77)

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve() / "bin/pinscope"
TREE = SOURCE / "config/kubernetes"
DIRECTORIES = ["base", *(f"overlays/{each.name}" for each in sorted((TREE / "overlays").iterdir()))]
WRITES = {"/opt/pinscope", "/etc/pinscope", "/var/lib/pinscope", "/run/pinscope", "/var/log/pinscope",
          "/etc/containerd", "/etc/crio"}


def objects(directory, kind):
    return [each for each in kustomize.build(TREE / directory) if each["kind"] == kind]


def pod_of(directory):
    return objects(directory, "DaemonSet")[0]["spec"]["template"]["spec"]


def containers_of(directory):
    pod = pod_of(directory)
    return pod.get("initContainers", []) + pod["containers"]


class Schemas(unittest.TestCase):
    def test_every_object_is_one_that_the_api_knows(self):
        for directory in DIRECTORIES:
            for each in kustomize.build(TREE / directory):
                self.assertEqual(api.mistakes(each), [], directory)
        for path in (TREE / "examples").glob("*.yaml"):
            for each in kustomize.load_all(path):
                self.assertEqual(api.mistakes(each), [], path)

    def test_no_file_is_left_out(self):
        used = {"kustomization.yaml"}
        for path in TREE.rglob("kustomization.yaml"):
            used |= set(yaml.safe_load(path.read_text())["resources"])
        for path in [*TREE.glob("base/*.yaml"), *TREE.glob("overlays/*/*.yaml")]:
            self.assertIn(path.name, used)

    def test_a_planted_mistake_is_found(self):
        good = objects("base", "DaemonSet")[0]

        def planted(change, expected):
            wrong = copy.deepcopy(good)
            change(wrong["spec"])
            found = api.mistakes(wrong)
            self.assertEqual(len(found), 1, found)
            self.assertIn(expected, found[0])

        def container(spec):
            return spec["template"]["spec"]["containers"][0]

        planted(lambda spec: spec.update(replica=1), "spec.replica: V1DaemonSetSpec has no such field")
        planted(lambda spec: spec.pop("selector"), "spec.selector: it is required")
        planted(lambda spec: container(spec).pop("name"), "containers[0].name: it is required")
        planted(lambda spec: container(spec).update(command="/bin/sh"), "a list was expected")
        planted(lambda spec: container(spec)["securityContext"].update(runAsUser="0"),
                "int was expected, not '0'")
        planted(lambda spec: container(spec)["securityContext"].update(privileged="yes"),
                "bool was expected")
        planted(lambda spec: spec["template"]["spec"].update(volumes=None), "it has no value")
        planted(lambda spec: container(spec)["securityContext"]["capabilities"].update(remove=[]),
                "V1Capabilities has no such field")

    def test_kubectl_builds_the_same(self):
        kubectl = shutil.which("kubectl")
        version = ""
        if kubectl:
            said = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True,
                                  check=False).stdout
            if match := re.search(r"Kustomize Version: v(\d+)", said):
                version = match[1]
        if not version:
            self.skipTest("there is no kubectl here that says its version of kustomize (4 or newer)")
        for directory in DIRECTORIES:
            built = subprocess.run([kubectl, "kustomize", TREE / directory], capture_output=True,
                                   text=True, check=True)
            self.assertEqual(built.stderr, "", "a warning")

            def by_name(all_objects):
                return sorted(all_objects, key=lambda each: (each["kind"], each["metadata"]["name"]))

            self.assertEqual(by_name(yaml.safe_load_all(built.stdout)),
                             by_name(kustomize.build(TREE / directory)), directory)


class Meaning(unittest.TestCase):
    def test_names_meet(self):
        for directory in DIRECTORIES:
            daemon = objects(directory, "DaemonSet")[0]
            pod = daemon["spec"]["template"]
            self.assertEqual(daemon["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"])
            volumes = [each["name"] for each in pod["spec"]["volumes"]]
            self.assertEqual(len(volumes), len(set(volumes)))
            mounted = set()
            for container in containers_of(directory):
                names = [each["name"] for each in container["volumeMounts"]]
                paths = [each["mountPath"] for each in container["volumeMounts"]]
                self.assertLessEqual(set(names), set(volumes), directory)
                self.assertEqual(len(paths), len(set(paths)))
                mounted |= set(names)
            self.assertEqual(mounted, set(volumes), f"{directory}: a volume that nobody mounts")
            accounts = [each["metadata"]["name"] for each in objects(directory, "ServiceAccount")]
            self.assertEqual(accounts, [pod["spec"]["serviceAccountName"]])
            maps = [each["metadata"]["name"] for each in objects(directory, "ConfigMap")]
            self.assertEqual(maps, [each["configMap"]["name"] for each in pod["spec"]["volumes"]
                                    if "configMap" in each])
            for each in kustomize.build(TREE / directory):
                if each["kind"] not in ("Namespace", "RuntimeClass"):
                    self.assertEqual(each["metadata"]["namespace"], "pinscope")

    def test_nothing_may_talk_to_the_api_server(self):
        for directory in DIRECTORIES:
            kinds = {each["kind"] for each in kustomize.build(TREE / directory)}
            self.assertLessEqual(kinds, {"Namespace", "ServiceAccount", "ConfigMap", "DaemonSet",
                                         "RuntimeClass"})
            self.assertIs(pod_of(directory)["automountServiceAccountToken"], False)
            for account in objects(directory, "ServiceAccount"):
                self.assertIs(account["automountServiceAccountToken"], False)

    def test_rights_on_the_node_are_few(self):
        for directory in DIRECTORIES:
            pod = pod_of(directory)
            for key in ("hostPID", "hostNetwork", "hostIPC"):
                self.assertNotIn(key, pod)
            paths = {each["name"]: each["hostPath"]["path"] for each in pod["volumes"]
                     if "hostPath" in each}
            for container in containers_of(directory):
                security = container["securityContext"]
                self.assertNotIn("privileged", security)
                self.assertIs(security["allowPrivilegeEscalation"], False)
                self.assertIs(security["readOnlyRootFilesystem"], True)
                self.assertEqual(security["capabilities"]["drop"], ["ALL"])
                # SETGID and SYS_PTRACE keep other containers out of this one's /proc entry.
                wanted = ([] if container["name"] == "nri" else ["SYS_CHROOT"]) + ["SETGID", "SYS_PTRACE"]
                self.assertEqual(security["capabilities"].get("add", []), wanted)
                self.assertEqual(security["seccompProfile"], {"type": "RuntimeDefault"})
                for mount in container["volumeMounts"]:
                    path = paths.get(mount["name"])
                    if path and not mount.get("readOnly"):
                        self.assertIn(path, WRITES | {"/var/run/nri"})
                    if path and mount["mountPath"].startswith("/host"):
                        self.assertEqual(mount["mountPath"], "/host" + path)

    def test_the_agent_was_tried_with_the_directories_that_it_gets(self):
        text = (SOURCE / "tests/engines/daemon_set_test.cc").read_text()
        tried = re.search(r"kMounted = \{(.*?)\}", text, re.DOTALL)[1]
        tried = set(re.findall(r'"(.*?)"', tried))
        looked_at = re.search(r'kLookedAt = "(.*?)"', text)[1]
        self.assertEqual(tried, WRITES)
        got = {mount["mountPath"].removeprefix("/host"): bool(mount.get("readOnly"))
               for directory in DIRECTORIES for container in containers_of(directory)
               for mount in container["volumeMounts"] if mount["mountPath"].startswith("/host/")}
        self.assertEqual(got, {path: path == looked_at for path in tried | {looked_at}})

    def test_the_name_of_the_policies_does_not_change_with_them(self):
        for directory in DIRECTORIES:
            self.assertEqual(objects(directory, "ConfigMap")[0]["metadata"]["name"],
                             "pinscope-policies")

    def test_the_handler_of_the_runtime_class_is_the_name_of_the_runtime(self):
        self.assertEqual(objects("overlays/shim", "RuntimeClass")[0]["handler"], "pinscope")
        self.assertRegex((SOURCE / "plugin/engine/containerd/config.h").read_text(),
                         r'kPinscopeRuntime = "pinscope"')
        pods = [each for path in (TREE / "examples").glob("pod-*.yaml")
                for each in kustomize.load_all(path)]
        self.assertEqual(sorted(each["spec"].get("runtimeClassName", "") for each in pods),
                         ["", "pinscope"])

    def test_command_lines_are_those_of_the_program(self):
        text = subprocess.run([PROGRAM, "node", "--help"], capture_output=True, text=True,
                              check=True).stdout
        daemon = PROGRAM.with_name("pinscoped")
        daemons = subprocess.run([daemon, "--help"], capture_output=True, text=True,
                                 check=True).stdout if daemon.exists() else None
        for directory in DIRECTORIES:
            for container in containers_of(directory):
                commands = [container["command"]]
                if "readinessProbe" in container:
                    commands.append(container["readinessProbe"]["exec"]["command"])
                for program, *arguments in commands:
                    if program == "/usr/bin/pinscoped" and daemons:
                        for argument in arguments:
                            self.assertIn(f"{argument.split('=')[0]} ", daemons)
                    if program != "/usr/bin/pinscope":
                        continue
                    self.assertEqual(arguments[0], "node")
                    self.assertIn(arguments[1], ("run", "remove", "ready"))
                    for argument in arguments[2:]:
                        self.assertIn(f"{argument.split('=')[0]} ", text)

    def test_a_node_goes_on_without_the_config_map(self):
        for directory in DIRECTORIES:
            volume, = [each["configMap"] for each in pod_of(directory)["volumes"] if "configMap" in each]
            self.assertIs(volume["optional"], True, directory)

    def test_no_pod_waits_for_a_directory_of_the_node(self):
        for directory in DIRECTORIES:
            for each in pod_of(directory)["volumes"]:
                path = each.get("hostPath", {"path": "/proc"})
                if path["path"] != "/proc":
                    self.assertEqual(path["type"], "DirectoryOrCreate", path["path"])

    def test_the_plugin_is_there_all_the_time_of_a_rollout(self):
        daemon, = objects("overlays/nri", "DaemonSet")
        self.assertEqual(daemon["spec"]["updateStrategy"]["rollingUpdate"],
                         {"maxSurge": 1, "maxUnavailable": 0})
        plugin, = [each for each in containers_of("overlays/nri") if each["name"] == "nri"]
        file, = [each for each in plugin["command"] if each.startswith("--status-file=")]
        self.assertIn(file, plugin["readinessProbe"]["exec"]["command"])
        places = [each["mountPath"] for each in plugin["volumeMounts"] if each["name"] == "status"]
        self.assertTrue(file.startswith(f"--status-file={places[0]}/"))

    def test_the_plugin_gets_every_directory_that_it_opens(self):
        daemon = PROGRAM.with_name("pinscoped")
        if not daemon.exists():
            self.skipTest("pinscoped was not built")
        said = subprocess.run([daemon, "--help"], capture_output=True, text=True, check=True).stdout
        opened = dict(re.findall(r"^  --([a-z-]+) .*\(default (/.*)\)$", said, re.MULTILINE))
        self.assertLessEqual({"policy", "state-dir", "cache-dir", "audit", "nri-socket"}, set(opened))
        plugin, = [each for each in containers_of("overlays/nri") if each["name"] == "nri"]
        for argument in plugin["command"][1:]:
            name, _, value = argument[2:].partition("=")
            if value.startswith("/"):
                opened[name] = value
        hosts = {each["name"]: each.get("hostPath", {}).get("path") for each in pod_of("overlays/nri")["volumes"]}
        for name, path in opened.items():
            mounts = [each for each in plugin["volumeMounts"]
                      if pathlib.PurePath(path).is_relative_to(each["mountPath"])]
            self.assertEqual(len(mounts), 1, f"--{name} {path}")
            # Whose processes a record names can only be told in the node's PID namespace.
            is_read = name in ("policy", "state-dir", "hook")
            self.assertEqual(bool(mounts[0].get("readOnly")), is_read, f"--{name}")
            if name not in ("nri-socket", "status-file"):
                self.assertEqual(hosts[mounts[0]["name"]], mounts[0]["mountPath"])

    def test_the_plugins_own_pod_starts_where_the_plugin_is_required(self):
        page = (SOURCE / "docs/engines/nri.md").read_text()
        key = re.search(r'tolerate_missing_plugins_annotation = "(.*)"', page)[1]
        daemon, = objects("overlays/nri", "DaemonSet")
        self.assertEqual(daemon["spec"]["template"]["metadata"]["annotations"], {key: "true"})

    def test_policies_check(self):
        for directory in DIRECTORIES:
            for each in objects(directory, "ConfigMap"):
                with tempfile.TemporaryDirectory() as name:
                    for key, text in each["data"].items():
                        pathlib.Path(name, key).write_text(text)
                    result = subprocess.run([PROGRAM, "check", "--strict", name],
                                            capture_output=True, text=True, check=False)
                    self.assertEqual(result.returncode, 0, result.stdout)


unittest.main()
