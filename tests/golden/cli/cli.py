# What the tests of the command line share: the program, a directory with policies and a bundle, and
# comparing with golden files (PINSCOPE_REGENERATE=1 rewrites them: review the diff).
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[1])
BUILD = pathlib.Path(sys.argv[2])
PROGRAM = BUILD / "bin/pinscope"
HOOK = BUILD / "bin/pinscope-hook"
GOLDEN = SOURCE / "tests/golden/cli"

# Each key of `select`, and the option of `explain` that describes a container by it.
DESCRIBING = {
    "engine": "--engine",
    "kubernetes.namespace": "--namespace",
    "kubernetes.pod": "--pod",
    "kubernetes.container": "--container",
    "kubernetes.labels": "--label",
    "image": "--image",
    "user.uid": "--uid",
    "user.gid": "--gid",
    "namespaces": "--namespaces",
    "annotations": "--annotation",
    "bundle": "--bundle-path",
}

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETUID"]


def config(**changes):
    """The config.json of an ordinary container: what `runc spec` makes, as far as it is looked at."""
    value = {
        "ociVersion": "1.0.2",
        "root": {"path": "rootfs", "readonly": True},
        "process": {
            "args": ["true"],
            "cwd": "/",
            "user": {"uid": 0, "gid": 0},
            "capabilities": {"bounding": CAPABILITIES, "permitted": CAPABILITIES},
        },
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]
        },
    }
    for path, change in changes.items():
        at = value
        *parents, last = path.split("__")
        for parent in parents:
            at = at[parent]
        at[last] = change
    return value


def policy(name, select="{}", view="", grants="", deny=""):
    text = f"apiVersion: pinscope/v1\nkind: Policy\nmetadata:\n  name: {name}\nspec:\n"
    text += f"  select: {select}\n"
    for key, value in (("view", view), ("grants", grants), ("deny", deny)):
        if value:
            text += f"  {key}:\n{value}"
    return text


def run(*arguments, **options):
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm"}
    environment.update(options.pop("environment", {}))
    return subprocess.run(
        [str(PROGRAM), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        **options,
    )


class Case(unittest.TestCase):
    maxDiff = None
    WHERE = None  # where its directory is

    def setUp(self):
        directory = tempfile.TemporaryDirectory(dir=self.WHERE)
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.policies = self.directory / "policies"
        self.bundle = self.directory / "web-1"
        self.policies.mkdir()
        self.bundle.mkdir()

    def write_policy(self, file, text):
        (self.policies / file).write_text(text)

    def write_bundle(self, **changes):
        (self.bundle / "config.json").write_text(json.dumps(config(**changes)))

    def assert_golden(self, name, text):
        """The directory of the test stands as DIR in the file."""
        text = text.replace(str(self.directory), "DIR")
        path = GOLDEN / name
        if os.environ.get("PINSCOPE_REGENERATE"):
            path.write_text(text)
        self.assertEqual(text, path.read_text())


def main():
    missing = [str(program) for program in (PROGRAM, HOOK) if not program.exists()]
    if missing:
        print(f"skipped: not built: {' '.join(missing)}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
