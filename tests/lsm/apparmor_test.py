# config/apparmor: the abstraction compiles with the distribution's parser, inside a profile that lists every file and
# together with the rule of the default profiles that denies writes below /sys/fs. Compiled, not loaded: this needs no
# kernel with AppArmor. Usage: apparmor_test.py SOURCE
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1))
ABSTRACTION = SOURCE / "config/apparmor/pinscope"
PARSER = shutil.which("apparmor_parser") or "/usr/sbin/apparmor_parser"

# What Docker, containerd and Podman generate, as far as it concerns these paths.
DEFAULT_RULES = """
  file,
  network,
  capability,
  deny mount,
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
"""

if not pathlib.Path(PARSER).exists():
    print("skipped: there is no apparmor_parser here (package apparmor)")
    sys.exit(77)


def parse(rules, abstraction):
    """Compiles a profile that includes the abstraction; the compiled bytes, or None and what was said."""
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        (directory / "abstractions").mkdir()
        (directory / "abstractions/pinscope").write_text(abstraction)
        profile = directory / "profile"
        profile.write_text("profile pinscope-test flags=(attach_disconnected,mediate_deleted) {\n"
                           f"{rules}\n  include <abstractions/pinscope>\n}}\n")
        # -S: to standard output; -K, -T: no cache; -b: where includes are.
        result = subprocess.run([PARSER, "-S", "-K", "-T", "-b", directory, profile],
                                capture_output=True, check=False)
        said = result.stderr.decode(errors="replace")
        return (result.stdout if result.returncode == 0 and result.stdout else None), said


class Abstraction(unittest.TestCase):
    def test_compiles_alone_and_beside_the_default_rules(self):
        for rules in ("  /bin/probe rix,", DEFAULT_RULES):
            compiled, said = parse(rules, ABSTRACTION.read_text())
            self.assertIsNotNone(compiled, said)

    def test_means_something(self):
        rules = "  /bin/probe rix,"
        self.assertNotEqual(parse(rules, ABSTRACTION.read_text())[0], parse(rules, "")[0])

    def test_allows_reading_and_denies_the_rest_at_each_place(self):
        rules = [line.strip() for line in ABSTRACTION.read_text().splitlines()
                 if line.strip() and not line.startswith("#") and not line.startswith("  #")]
        self.assertEqual(rules, [rule for place in ("/sys/fs/bpf", "/run/bpf") for rule in (
            f"{place}/ r,", f"{place}/** r,", f"deny {place}/** wklx,")])

    def test_a_wrong_rule_does_not_compile(self):
        for wrong in ("  /sys/fs/bpf/** q,\n", "  /sys/fs/bpf/** r\n", "  deny nothing,\n"):
            compiled, _ = parse("", ABSTRACTION.read_text() + wrong)
            self.assertIsNone(compiled, wrong)


unittest.main()
