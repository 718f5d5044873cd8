# What `cmake --install` puts where.
import pathlib
import re
import subprocess
import tempfile
import unittest

import cli

WANTED = [
    "usr/bin/pinscope",
    "usr/bin/pinscope-hook",
    "usr/bin/pinscope-runtime",
    "usr/bin/pinscoped",
    "usr/lib/systemd/system/pinscope-exceptions.service",
    "usr/lib/systemd/system/pinscope-exceptions.timer",
    "usr/lib/systemd/system/pinscope-follow.service",
    "usr/lib/systemd/system/pinscope-gc.service",
    "usr/lib/systemd/system/pinscope-gc.timer",
    "usr/lib/systemd/system/pinscope-metrics.service",
    "usr/lib/systemd/system/pinscope-metrics.timer",
    "usr/lib/systemd/system/pinscope-values-holder.service",
    "usr/lib/systemd/system/pinscope-values.service",
    "usr/lib/systemd/system/pinscoped.service",
    "usr/share/bash-completion/completions/pinscope",
    "usr/share/doc/pinscope/CHANGELOG.md",
    "usr/share/doc/pinscope/README.md",
    "usr/share/doc/pinscope/SECURITY.md",
    "usr/share/doc/pinscope/config/selinux/pinscope.te",
    "usr/share/doc/pinscope/docs/adr/README.md",
    "usr/share/doc/pinscope/docs/cannot-open-pin.md",
    "usr/share/doc/pinscope/docs/engines/podman.md",
    "usr/share/doc/pinscope/docs/exceptions.md",
    "usr/share/doc/pinscope/docs/inventory.md",
    "usr/share/doc/pinscope/docs/metrics.md",
    "usr/share/doc/pinscope/docs/migration.md",
    "usr/share/doc/pinscope/docs/operating.md",
    "usr/share/doc/pinscope/docs/pictures/metrics.png",
    "usr/share/doc/pinscope/docs/policy-tests.md",
    "usr/share/doc/pinscope/docs/policy.md",
    "usr/share/doc/pinscope/docs/schemas/audit.json",
    "usr/share/doc/pinscope/docs/schemas/common.json",
    "usr/share/doc/pinscope/docs/values.md",
    "usr/share/doc/pinscope/examples/policies/flow-readers.yaml",
    "usr/share/doc/pinscope/examples/prometheus/alerts.yaml",
    "usr/share/doc/pinscope/examples/prometheus/consoles/pinscope.html",
    "usr/share/doc/pinscope/examples/policies/tests/flow-readers.yaml",
    "usr/share/fish/vendor_completions.d/pinscope.fish",
    "usr/share/man/man1/pinscope.1",
    "usr/share/man/man5/pinscope-policy.5",
    "usr/share/man/man8/pam_pinscope.8",
    "usr/share/man/man8/pinscope-hook.8",
    "usr/share/man/man8/pinscope-runtime.8",
    "usr/share/man/man8/pinscoped.8",
    "usr/share/pinscope/policy-test.schema.json",
    "usr/share/pinscope/policy.schema.json",
    "usr/share/pinscope/seccomp/runtime-default.json",
    "usr/share/zsh/site-functions/_pinscope",
]


LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


class Install(unittest.TestCase):
    def test_puts_everything_in_its_place(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            result = subprocess.run(
                ["cmake", "--install", str(cli.BUILD), "--prefix", "/usr"],
                env={"DESTDIR": directory, "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
            )
            self.assertEqual(result.returncode, 0, result.stderr)
            for path in WANTED:
                self.assertTrue((root / path).is_file(), path)
            for page in (root / "usr/share/doc/pinscope").rglob("*.md"):
                for link in LINK.findall(page.read_text()):
                    self.assertTrue((page.parent / link).exists(), f"{page}: {link}")
            for engine in ("containerd", "crio", "docker", "podman"):
                link = root / f"usr/bin/pinscope-runtime-{engine}"
                self.assertEqual(str(link.readlink()), "pinscope-runtime")
            policies = root / "etc/pinscope/policy.d"
            self.assertTrue(policies.is_dir())
            self.assertEqual(policies.stat().st_mode & 0o022, 0)
            self.assertEqual(list(policies.iterdir()), [], "no policy is in force by installing")


cli.main()
