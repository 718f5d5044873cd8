# The man pages render without a warning, say of each command exactly the options that it has, and of
# a policy exactly the keys and words that its schema has.
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import cli

if not shutil.which("man"):
    print("skipped: no man here (package man-db)")
    sys.exit(77)

EVERYWHERE = {"-h", "--help", "-o", "--output", "--color"}
# A container that does not exist.
DESCRIBING = set(cli.DESCRIBING.values()) - {"--engine", "--label"}


def rendered(path):
    return subprocess.run(
        ["man", "--warnings", "-E", "ascii", "-l", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        env={"MANWIDTH": "400", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-c"},
    )


def plain(text):
    return re.sub(r".\x08", "", text)


def help_of(program, *command):
    result = subprocess.run(
        [str(program), *command, "--help"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def options_of(text):
    """The options that a help text lists, each at the start of its line."""
    found = set()
    for line in text.splitlines():
        if match := re.match(r"  (-[\w-]+(?:,\s?--[\w-]+)*)", line):
            found |= set(re.findall(r"--?[a-z][\w-]*", match[1]))
    return found


def commands():
    text = help_of(cli.PROGRAM).split("Subcommands:")[1]
    return [line.split()[0] for line in text.splitlines() if re.match(r"  \w", line)]


def tagged_options(section):
    """The options that have an entry of their own."""
    found = set()
    for line in section.splitlines():
        if re.match(r"\s+-", line):
            found |= set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", line))
    return found


def schema_nodes(schema, node, key=()):
    """Each key of a policy, and each node of the schema that says something of it."""
    yield key, node
    if "$ref" in node:
        yield from schema_nodes(schema, schema["definitions"][node["$ref"].split("/")[-1]], key)
    for name in ("oneOf", "anyOf"):
        for one in node.get(name, []):
            yield from schema_nodes(schema, one, key)
    if isinstance(node.get("items"), dict):
        yield from schema_nodes(schema, node["items"], key)
    for name, value in node.get("properties", {}).items():
        if isinstance(value, dict):
            yield from schema_nodes(schema, value, (*key, name))


class ManPages(unittest.TestCase):
    def test_have_no_warnings(self):
        pages = sorted((cli.SOURCE / "docs/man").iterdir())
        self.assertGreater(len(pages), 5)
        for page in pages:
            result = rendered(page)
            self.assertEqual((result.returncode, result.stderr), (0, ""), page)

    def test_describe_every_key_of_a_policy_and_no_others(self):
        schema = json.loads((cli.SOURCE / "config/policy.schema.json").read_text())
        source = (cli.SOURCE / "docs/man/pinscope-policy.5").read_text()
        nodes = list(schema_nodes(schema, schema))
        wanted = {".".join(key) for key, _ in nodes if key}
        self.assertGreater(len(wanted), 40)
        self.assertEqual(set(re.findall(r"^\.It Cm ([\w.]+)$", source, re.MULTILINE)), wanted)
        types = schema["definitions"]["mapType"], schema["definitions"]["programType"]
        words = set()
        for node in [*types, *(node for _, node in nodes)]:
            words |= {node["const"]} if "const" in node else set(node.get("enum", []))
        shown = set(re.findall(r"[\w/-]+", plain(rendered(
            cli.SOURCE / "docs/man/pinscope-policy.5").stdout)))
        self.assertEqual({word for word in words if isinstance(word, str)} - shown, set())

    def test_have_examples_of_policies_that_are_correct(self):
        source = (cli.SOURCE / "docs/man/pinscope-policy.5").read_text()
        examples = re.findall(r"^\.Bd .*?\n(.*?)^\.Ed$", source, re.MULTILINE | re.DOTALL)
        self.assertGreater(len(examples), 3)
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "examples.yaml"
            path.write_text("---\n".join(examples))
            result = subprocess.run(
                [cli.PROGRAM, "check", "--no-host", path], capture_output=True, text=True
            )
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)

    def test_describe_every_command_with_its_options_and_no_others(self):
        text = plain(rendered(cli.SOURCE / "docs/man/pinscope.1").stdout)
        body = text.split("\nDESCRIPTION")[1].split("\nENVIRONMENT")[0]
        parts = re.split(r"\n   (\w+)\n", body)
        sections = dict(zip(parts[1::2], parts[2::2]))
        self.assertEqual(sorted(sections), sorted(commands()))
        common = tagged_options(parts[0])
        self.assertEqual(common, EVERYWHERE | {"-v", "--version"})
        for command, section in sections.items():
            wanted = options_of(help_of(cli.PROGRAM, command)) - EVERYWHERE
            if command == "plan":
                self.assertIn("The options are those of explain", section)
                explains = options_of(help_of(cli.PROGRAM, "explain")) - EVERYWHERE
                self.assertEqual(wanted, explains - DESCRIBING - {"--strict"})
                continue
            self.assertEqual(tagged_options(section), wanted, command)

    def test_show_every_command_and_option_in_the_synopsis(self):
        text = plain(rendered(cli.SOURCE / "docs/man/pinscope.1").stdout)
        synopsis = text.split("\nSYNOPSIS")[1].split("\nDESCRIPTION")[0]
        for command in commands():
            line = re.search(rf"pinscope {command}\b(.*)", synopsis)
            self.assertIsNotNone(line, command)
            for option in options_of(help_of(cli.PROGRAM, command)) - EVERYWHERE:
                short = {"--bundle": "-b", "--dry-run": "-n", "--follow": "-f", "--last": "-n"}.get(option, option)
                self.assertRegex(line[1], rf"(?<![\w-]){short}\b", command)

    def test_describe_the_hooks_options_and_no_others(self):
        text = plain(rendered(cli.SOURCE / "docs/man/pinscope-hook.8").stdout)
        body = text.split("\nDESCRIPTION")[1].split("\nFILES")[0]
        wanted = set(re.findall(r"--[a-z][\w-]*", help_of(cli.HOOK)))
        self.assertEqual(tagged_options(body), wanted)

    def test_describe_the_shims_options_and_no_others(self):
        text = plain(rendered(cli.SOURCE / "docs/man/pinscope-runtime.8").stdout)
        body = text.split("\nDESCRIPTION")[1].split("\nFILES")[0]
        shim = cli.BUILD / "bin/pinscope-runtime"
        result = subprocess.run([shim, "--pinscope-help"], capture_output=True, text=True)
        wanted = set(re.findall(r"--pinscope-[a-z][\w-]*", result.stdout))
        self.assertEqual(tagged_options(body), wanted)

    def test_describe_the_daemons_options_and_no_others(self):
        text = plain(rendered(cli.SOURCE / "docs/man/pinscoped.8").stdout)
        body = text.split("\nDESCRIPTION")[1].split("\nSTARTED BY THE ENGINE")[0]
        daemon = cli.BUILD / "bin/pinscoped"
        wanted = set(re.findall(r"--[a-z][\w-]*", help_of(daemon))) - EVERYWHERE - {"--version"}
        self.assertEqual(tagged_options(body), wanted)


cli.main()
