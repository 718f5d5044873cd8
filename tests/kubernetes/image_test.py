# config/kubernetes/image/Containerfile, as far as it can be tried without a registry: its build commands in a plain directory,
# and the programs that come out in a root directory that holds nothing else, as on a node of another distribution. Not tried:
# pulling its base images, and its layers. Usage: image_test.py SOURCE
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

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


class Image(unittest.TestCase):
    def test_is_made_of_instructions_that_exist(self):
        self.assertEqual([keyword for keyword, _ in instructions()],
                         ["FROM", "RUN", "COPY", "RUN", "RUN", "RUN", "FROM", "COPY", "RUN",
                          "ENTRYPOINT"])

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
            programs = directory / "image/usr/bin"
            names = {each.name for each in programs.iterdir()}
            self.assertLessEqual({"pinscope", "pinscope-hook", "pinscope-runtime", "pinscoped"}, names)
            for each in programs.iterdir():
                headers = subprocess.run(["readelf", "-lW", each], capture_output=True, text=True,
                                         check=True).stdout
                self.assertNotIn("INTERP", headers, f"{each.name} needs a loader")
            if os.geteuid() != 0:
                return
            (directory / "image/policies").mkdir()
            for command in ("pinscope --version", "pinscope check /policies", "pinscope node --help",
                            "pinscoped --version"):
                program, *arguments = command.split()
                result = subprocess.run(["chroot", directory / "image", f"/usr/bin/{program}",
                                         *arguments], capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 0, result.stderr)


unittest.main()
