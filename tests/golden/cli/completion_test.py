# The completion scripts do what they are for, in the shells that are installed.
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import cli


def script_for(shell):
    return cli.run("completion", shell).stdout


class Bash(unittest.TestCase):
    def complete(self, *words, before=""):
        """What bash offers for the last of `words`."""
        program = f"""
{before}
{script_for("bash")}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)})
COMP_CWORD={len(words) - 1}
compopt() {{ :; }}
_pinscope
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
        result = subprocess.run(
            ["bash", "--norc", "-uc", program], capture_output=True, text=True, timeout=60
        )
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.split()

    def test_offers_commands(self):
        self.assertEqual(self.complete("pinscope", "exp"), ["explain"])
        self.assertIn("doctor", self.complete("pinscope", ""))

    def test_offers_the_options_of_the_command(self):
        self.assertEqual(self.complete("pinscope", "list", "--f"), ["--full-ids"])
        self.assertEqual(self.complete("pinscope", "gc", "--f"), [])

    def test_offers_the_values_of_an_option(self):
        self.assertEqual(
            self.complete("pinscope", "explain", "--engine", "c"), ["containerd", "crio"]
        )
        self.assertEqual(self.complete("pinscope", "completion", ""), ["bash", "zsh", "fish"])

    def test_offers_files_where_a_path_is_wanted(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "policy.yaml"
            path.write_text("")
            self.assertEqual(
                self.complete("pinscope", "check", "--policy", f"{directory}/pol"), [str(path)]
            )
            self.assertEqual(self.complete("pinscope", "check", f"{directory}/pol"), [str(path)])


    def test_offers_what_stands_behind_an_action(self):
        self.assertEqual(self.complete("pinscope", "cdi", "l"), ["list"])
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "pinscope-hook"
            path.write_text("")
            self.assertEqual(
                self.complete("pinscope", "cdi", "generate", "--hook", f"{directory}/pin"),
                [str(path)],
            )


    def test_offers_ids_and_runs_none(self):
        """A runtime takes nearly everything for an id."""
        with tempfile.TemporaryDirectory() as directory:
            mark = pathlib.Path(directory) / "mark"
            hostile = ["$(touch${IFS}$MARK)", "`touch${IFS}$MARK`", "a;b", "web-1", "*"]
            listed = "".join(f"{name} x\\n" for name in ["ID", *hostile])
            before = f"MARK={mark}; pinscope() {{ printf '{listed}'; }}"
            for command in ("inspect", "explain", "can", "suggest"):
                self.assertEqual(
                    self.complete("pinscope", command, "we", before=before), ["web-1"]
                )
                offered = self.complete("pinscope", command, "", before=before)
                self.assertEqual(len(offered), len(hostile), offered)
                self.assertIn("a\\;b", offered)
                self.assertIn("\\*", offered)
            self.assertFalse(mark.exists())


class Syntax(unittest.TestCase):
    def test_is_valid_in_each_shell(self):
        for shell in ("bash", "zsh", "fish"):
            if not shutil.which(shell):
                continue
            with self.subTest(shell):
                result = subprocess.run(
                    [shell, "-n"], input=script_for(shell), capture_output=True, text=True
                )
                self.assertEqual((result.returncode, result.stderr), (0, ""))


cli.main()
