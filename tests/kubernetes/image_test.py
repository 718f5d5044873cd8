# config/kubernetes/image/Containerfile, as far as it can be tried without a registry: its build commands in a plain directory,
# and what the last stage copies in a root directory that holds nothing else: what the pods of the overlays run, they run there.
# Not tried: pulling its base images, and its layers. Usage: image_test.py SOURCE
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

try:
    import kustomize
except ImportError as error:
    print(f"skipped: {error} (package python3-yaml)")
    sys.exit(77)

SOURCE = pathlib.Path(sys.argv.pop(1)).resolve()
FILE = SOURCE / "config/kubernetes/image/Containerfile"
# What tests, their speed and the module for logins need.
NOT_IN_THE_IMAGE = {"ccache", "libgtest-dev", "libgmock-dev", "libbenchmark-dev", "busybox-static",
                    "libpam0g-dev"}


def instructions():
    """(keyword, text) of every line, continued lines put together."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def runs(containing):
    found = [text for keyword, text in instructions() if keyword == "RUN" and containing in text]
    assert len(found) == 1, (containing, found)
    return found[0]


def copied():
    """(source, target) of what the last stage takes from the one before."""
    words = [text.split() for keyword, text in instructions()
             if keyword == "COPY" and text.startswith("--from=build ")]
    return [tuple(each[1:]) for each in words]


def commands_of_pods():
    commands = []
    for overlay in sorted((SOURCE / "config/kubernetes/overlays").iterdir()):
        pod, = [each["spec"]["template"]["spec"] for each in kustomize.build(overlay)
                if each["kind"] == "DaemonSet"]
        commands += [each["command"] for each in pod.get("initContainers", []) + pod["containers"]]
    return commands


class Image(unittest.TestCase):
    def test_is_made_of_instructions_that_exist(self):
        self.assertEqual([keyword for keyword, _ in instructions()],
                         ["FROM", "RUN", "COPY", "RUN", "RUN", "RUN", "FROM", "COPY", "COPY",
                          "RUN", "ENTRYPOINT"])

    def test_installs_what_building_needs(self):
        wanted = re.search(r"^build_packages=\((.*?)\)", (SOURCE / "dev").read_text(),
                           re.MULTILINE | re.DOTALL)[1].split()
        installed = runs("apt-get install").split("--no-install-recommends")[1].split()
        self.assertEqual(set(installed), set(wanted) - NOT_IN_THE_IMAGE)

    def test_its_commands_make_programs_that_need_nothing_of_the_node(self):
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            # Beside the other builds, where the compiler's cache knows every object already.
            places = {"/src": SOURCE, "/build": SOURCE / "build/image",
                      "/image": directory / "image"}

            def run(command):
                words = [re.sub(r"(?<![\w.])/(src|build|image)\b",
                                lambda match: str(places[match[0]]), word)
                         for word in shlex.split(command)]
                environment = dict(os.environ)
                if shutil.which("ccache"):
                    environment |= {"CMAKE_C_COMPILER_LAUNCHER": "ccache",
                                    "CMAKE_CXX_COMPILER_LAUNCHER": "ccache"}
                while "=" in words[0]:
                    key, value = words.pop(0).split("=", 1)
                    environment[key] = value
                result = subprocess.run(words, env=environment, capture_output=True, text=True,
                                        check=False)
                self.assertEqual(result.returncode, 0, result.stdout[-4000:] + result.stderr)

            (SOURCE / "build").mkdir(exist_ok=True)
            run(runs("cmake -S"))
            run(runs("cmake --build"))
            run(runs("cmake --install"))
            root = directory / "root"
            for source, target in copied():
                shutil.copytree(directory / source.lstrip("/"), root / target.lstrip("/"))
            names = {each.name for each in (root / "usr/bin").iterdir()}
            self.assertLessEqual({"pinscope", "pinscope-hook", "pinscope-runtime", "pinscoped"}, names)
            for each in (root / "usr/bin").iterdir():
                headers = subprocess.run(["readelf", "-lW", each], capture_output=True, text=True,
                                         check=True).stdout
                self.assertNotIn("INTERP", headers, f"{each.name} needs a loader")
            if os.geteuid() == 0:
                self.runs_what_the_pods_run(root)

    def runs_what_the_pods_run(self, root):
        (root / "policies").mkdir()
        subprocess.run(["chown", "-R", "root:root", root], check=True)

        def run_there(command, expected=0):
            result = subprocess.run(["chroot", root, *command], capture_output=True, text=True,
                                    check=False, timeout=60)
            self.assertEqual(result.returncode, expected, f"{command}: {result.stderr}")
            return result.stdout + result.stderr

        for command in ("/usr/bin/pinscope --version", "/usr/bin/pinscope check /policies"):
            run_there(command.split())
        for command in commands_of_pods():
            if command[0] == "/usr/bin/sleep":  # of the base image
                continue
            help_text = run_there([command[0], *(["node"] if command[1] == "node" else []), "--help"])
            for argument in command[1:]:
                if argument.startswith("--"):
                    self.assertIn(f"{argument.split('=')[0]} ", help_text)
        # Every file that pinscoped takes from the place where it is installed is in the image.
        text = (SOURCE / "plugin/daemon/options.cc").read_text()
        files = re.findall(r'"(share/pinscope/[^"]+)"', text)
        self.assertEqual(len(files), 1)
        for each in files:
            self.assertTrue((root / "usr" / each).is_file(), f"{each} is not in the image")


unittest.main()
