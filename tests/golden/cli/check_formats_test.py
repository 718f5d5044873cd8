# The formats of `pinscope check` for code hosts, read as they read them and compared with the JSON.
import json
import re
import urllib.parse
import xml.etree.ElementTree

import jsonschema

import cli
from cli import policy, run

WARNS = policy("by-label", select="{annotations: {team: net}}")
WRONG = policy("wrong", grants="    - {pin: /sys/fs/bpf/a, acces: read}\n    - {pin: /sys/fs/bpf/<&>}\n")
# What each format has to escape: a comma, a colon, a percent sign, a quote and a blank.
NAME = "100%, \"a\": <b>.yaml"


class Case(cli.Case):
    def setUp(self):
        super().setUp()
        self.write_policy(NAME, WRONG)
        self.write_policy("b.yaml", WARNS)
        self.write_policy("good.yaml", policy("good", grants="    - {pin: /sys/fs/bpf/a}\n"))
        self.write_policy("notes.txt", "")

    def check(self, *arguments):
        return run("check", "--no-host", *arguments, cwd=self.directory)

    def diagnostics(self, *arguments):
        return json.loads(self.check("--format", "json", *arguments).stdout)["diagnostics"]


# Two policies that disagree, and by their keys seldom meet.
NOTED = policy("noted", select="{image: \"**/a:*\"}", grants="    - {pin: /sys/fs/bpf/a}\n") + (
    "---\n" + policy("other", select="{kubernetes: {namespace: web}}",
                     grants="    - {pin: /sys/fs/bpf/b, as: a}\n")
)


class Notes(Case):
    """A note is no warning in any format, and nothing fails for it."""

    def setUp(self):
        super().setUp()
        self.write_policy("noted.yaml", NOTED)

    def checked(self, form, *arguments):
        result = self.check("--format", form, *arguments, "policies/noted.yaml")
        self.assertEqual((result.returncode, result.stderr), (0, ""), form)
        return result.stdout

    def test_are_counted_apart(self):
        for strict in ([], ["--strict"]):
            found = json.loads(self.checked("json", *strict))
            self.assertEqual([each["severity"] for each in found["diagnostics"]], ["note"])
            self.assertEqual((found["errors"], found["warnings"], found["notes"]), (0, 0, 1))
            text = self.checked("text", *strict)
            self.assertIn(": note: this policy and policy \"noted\" at policies/noted.yaml:1:1 ", text)
            self.assertTrue(text.endswith("ok: 2 policies in 1 file, 1 note\n"), text)

    def test_are_notices_of_github(self):
        self.assertTrue(self.checked("github", "--strict").startswith("::notice file=policies/noted"))

    def test_are_notes_of_sarif(self):
        run_of_log = json.loads(self.checked("sarif", "--strict"))["runs"][0]
        (result,) = run_of_log["results"]
        self.assertEqual((result["level"], result["ruleId"]), ("note", "policy-note"))
        rule = run_of_log["tool"]["driver"]["rules"][result["ruleIndex"]]
        self.assertEqual((rule["id"], rule["defaultConfiguration"]["level"]), ("policy-note", "note"))

    def test_fail_no_test_case_of_junit(self):
        root = xml.etree.ElementTree.fromstring(self.checked("junit", "--strict"))
        self.assertEqual(root.get("failures"), "0")
        self.assertIsNone(root.find("./testsuite/testcase/failure"))
        self.assertIn("note: ", root.find("./testsuite/testcase/system-out").text)


def message(diagnostic):
    return diagnostic["message"] + ("; " + diagnostic["hint"] if "hint" in diagnostic else "")


class Format(Case):
    def test_is_the_one_of_output_unless_it_is_given(self):
        self.assertEqual(
            self.check("--format", "json", "policies").stdout,
            self.check("--output", "json", "policies").stdout,
        )
        self.assertEqual(
            self.check("--format", "text", "policies").stdout, self.check("policies").stdout
        )
        result = self.check("--format", "sarif", "--output", "json", "policies")
        self.assertEqual(result.returncode, 2)
        self.assertEqual(
            result.stderr, "pinscope: cannot print --format sarif: --output asks for json\n"
        )

    def test_changes_no_exit_status(self):
        for form in ("github", "sarif", "junit"):
            for paths, status in (
                (["policies"], 1),
                (["nowhere"], 1),
                (["policies/good.yaml"], 0),
                (["policies/b.yaml"], 0),
                (["--strict", "policies/b.yaml"], 1),
            ):
                result = self.check("--format", form, *paths)
                self.assertEqual((result.returncode, result.stderr), (status, ""), (form, paths))


def read_command(line):
    """A workflow command as GitHub's runner reads it."""
    kind, properties, text = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line).groups()

    def data(value):
        return value.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%")

    def value_of(value):
        return data(value.replace("%3A", ":").replace("%2C", ","))

    pairs = [pair.split("=", 1) for pair in properties.split(",")]
    return kind, {name: value_of(value) for name, value in pairs}, data(text)


class GitHub(Case):
    def test_has_each_diagnostic_at_its_place(self):
        result = self.check("--format", "github", "./policies")
        self.assert_golden("check_github.txt", result.stdout)
        read = [read_command(line) for line in result.stdout.splitlines()]
        wanted = [
            (
                each["severity"],
                {
                    "file": each["file"].removeprefix("./"),
                    "line": str(each["line"]),
                    "col": str(each["column"]),
                },
                message(each),
            )
            for each in self.diagnostics("./policies")
        ]
        self.assertEqual(read, wanted)
        self.assertEqual({kind for kind, _, _ in read}, {"error", "warning"})

    def test_prints_nothing_where_nothing_is_wrong(self):
        self.assertEqual(self.check("--format", "github", "policies/good.yaml").stdout, "")

    def test_leaves_out_a_column_that_counts_other_characters(self):
        self.write_policy("b.yaml", policy("p", deny="    - {pin: /sys/fs/bpf/ä, acces: read}\n"))
        line = self.check("--format", "github", "policies/b.yaml").stdout.splitlines()[0]
        self.assertEqual(read_command(line)[1], {"file": "policies/b.yaml", "line": "8"})

    def test_calls_a_warning_an_error_if_it_is_one(self):
        line = self.check("--format", "github", "--strict", "policies/b.yaml").stdout
        self.assertTrue(line.startswith("::error "), line)


class Sarif(Case):
    def log(self, *arguments):
        log = json.loads(self.check("--format", "sarif", *arguments).stdout)
        schema = json.loads((cli.GOLDEN / "sarif.schema.json").read_text())
        jsonschema.Draft7Validator.check_schema(schema)
        jsonschema.validate(log, schema, cls=jsonschema.Draft7Validator)
        return log["runs"][0]

    def test_is_what_the_standard_asks_for(self):
        log = self.log("./policies")
        rules = log["tool"]["driver"]["rules"]
        results = []
        for result in log["results"]:
            # 3.27.7: ruleIndex names the rule of ruleId; 3.27.3: one location of each result.
            self.assertEqual(rules[result["ruleIndex"]]["id"], result["ruleId"])
            (location,) = result["locations"]
            physical = location["physicalLocation"]
            results.append(
                (
                    result["level"],
                    urllib.parse.unquote(physical["artifactLocation"]["uri"]),
                    physical["region"]["startLine"],
                    physical["region"]["startColumn"],
                    result["message"]["text"],
                )
            )
        wanted = [
            (each["severity"], each["file"].removeprefix("./"), each["line"], each["column"],
             message(each))
            for each in self.diagnostics("./policies")
        ]
        self.assertEqual(results, wanted)
        self.assertEqual(
            [urllib.parse.unquote(each["location"]["uri"]) for each in log["artifacts"]],
            [f"policies/{name}" for name in (NAME, "b.yaml", "good.yaml")],
        )
        self.assertEqual(log["invocations"], [{"executionSuccessful": True, "exitCode": 1}])

    def test_has_a_log_for_every_outcome(self):
        self.assertEqual(self.log("policies/good.yaml")["results"], [])
        self.assertEqual(len(self.log("nowhere")["results"]), 1)
        strict = self.log("--strict", "policies/b.yaml")
        self.assertEqual({result["level"] for result in strict["results"]}, {"error"})
        uri = self.log(self.policies)["artifacts"][1]["location"]["uri"]
        self.assertEqual(uri, f"file://{self.policies}/b.yaml")


class JUnit(Case):
    def test_has_a_test_case_for_each_file(self):
        text = self.check("--format", "junit", "./policies").stdout
        self.assert_golden("check_junit.xml", text)
        root = xml.etree.ElementTree.fromstring(text)
        (suite,) = root
        cases = {case.get("name"): case for case in suite}
        self.assertEqual(
            sorted(cases), sorted(f"policies/{name}" for name in (NAME, "b.yaml", "good.yaml"))
        )
        for element in (root, suite):
            self.assertEqual((element.get("tests"), element.get("failures")), ("3", "1"))
        failure = cases[f"policies/{NAME}"].find("failure")
        errors = [each for each in self.diagnostics("./policies") if each["severity"] == "error"]
        self.assertEqual(failure.get("message"), errors[0]["message"])
        for each in errors:
            self.assertIn(message(each), failure.text)
            self.assertIn(each["snippet"], failure.text)
        self.assertEqual(list(cases["policies/good.yaml"]), [])
        self.assertIsNone(cases["policies/b.yaml"].find("failure"))

    def test_tells_warnings_in_the_output_and_strict_ones_as_failures(self):
        root = xml.etree.ElementTree.fromstring(
            self.check("--format", "junit", "policies/b.yaml").stdout
        )
        self.assertIn("warning: ", root.find("./testsuite/testcase/system-out").text)
        root = xml.etree.ElementTree.fromstring(
            self.check("--format", "junit", "--strict", "policies/b.yaml").stdout
        )
        self.assertIn("error: ", root.find("./testsuite/testcase/failure").text)

    def test_fails_for_a_path_that_is_not_there(self):
        root = xml.etree.ElementTree.fromstring(self.check("--format", "junit", "nowhere").stdout)
        self.assertEqual(root.find("./testsuite/testcase").get("name"), "nowhere")
        self.assertIsNotNone(root.find("./testsuite/testcase/failure"))


class TestsAsJunit(cli.Case):
    """`pinscope test --format junit`: a suite for each test, a case for each subject."""

    NAME = "a <b> & \"c\" \\u2028"

    def junit(self, *arguments):
        result = run("test", "--format", "junit", *arguments, cwd=self.directory)
        return result.returncode, xml.etree.ElementTree.fromstring(result.stdout)

    def write_test(self, *subjects):
        text = "apiVersion: pinscope/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec: {subjects: "
        (self.directory / "t.yaml").write_text(text + json.dumps(subjects) + "}\n")

    def test_tells_what_holds_and_what_does_not(self):
        self.write_policy("p.yaml", policy("p", grants="    - {pin: /sys/fs/bpf/a}\n"))
        self.write_test({"name": self.NAME, "expect": {"grants": []}},
                        {"name": "good", "expect": {"selectedBy": ["p"]}})
        status, root = self.junit("--policy", "policies", "t.yaml")
        self.assertEqual(status, 1)
        counts = [root.get(key) for key in ("tests", "failures", "errors")]
        self.assertEqual(counts, ["2", "1", "0"])
        cases = {case.get("name"): case for case in root.iter("testcase")}
        failure = cases[self.NAME].find("failure")
        self.assertEqual(failure.get("message"), "expected nothing of \"/sys/fs/bpf/a\", got read of "
                                                 "\"/sys/fs/bpf/a\" as \"a\"")
        self.assertIn("by        policy \"p\" at policies/p.yaml:8:7", failure.text)
        self.assertEqual(list(cases["good"]), [])

    def test_skips_what_is_not_tested(self):
        self.write_policy("p.yaml", policy("p", select="{engine: crio}"))
        self.write_test({"name": "s", "engine": "podman", "expect": {"notGranted": ["/a/b"]}})
        status, root = self.junit("--policy", "policies", "t.yaml")
        self.assertEqual(status, 0)
        self.assertEqual([root.get(key) for key in ("tests", "skipped", "failures")],
                         ["3", "2", "0"])
        skipped = {case.get("name"): case.find("skipped").get("message")
                   for case in root.iter("testcase") if case.find("skipped") is not None}
        self.assertEqual(skipped["policy p"], "no subject is selected by it")
        del skipped["policy p"]
        ((place, message),) = skipped.items()
        self.assertIn("t.yaml:", place)
        self.assertIn("holds whatever the policies say", message)

    def test_places_what_is_not_there_at_the_test(self):
        (self.directory / "t.yaml").write_text(
            "apiVersion: pinscope/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n"
            "  policies: ./nosuch\n  subjects: [{name: s, expect: {grants: []}}]\n")
        status, root = self.junit("t.yaml")
        self.assertEqual(status, 1)
        self.assertEqual(root.find("./testsuite/testcase").get("name"), "t.yaml:5:13")

    def test_notes_what_is_not_used_and_what_is_not_read(self):
        self.write_policy("p.yaml", policy("p"))
        (self.directory / "other").mkdir()
        tests = self.directory / "tests"
        (tests / "deep <b>").mkdir(parents=True)
        text = ("apiVersion: pinscope/v1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n"
                "  policies: ../policies\n  subjects: [{name: s, expect: {selectedBy: [p]}}]\n")
        (tests / "dash.yaml").write_text(text)
        (tests / "deep <b>" / "t.yaml").write_text(text)
        (tests / "empty").mkdir()
        where = ("test", "--policy", "other", "tests")
        result = run(*where, "--output", "json", cwd=self.directory)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(json.loads(result.stdout)["notes"], [
            'directories below "tests" are not read: "deep <b>"',
            '--policy is not used for "tests/dash.yaml", where test "t" names "../policies"'])
        self.assertIn("note    --policy is not used for", run(*where, cwd=self.directory).stdout)
        (tests / "dash.yaml").unlink()
        result = run(*where[:-2], "policies", "tests", cwd=self.directory)
        self.assertEqual(result.returncode, 1)
        self.assertIn('directories below "tests" are not read', result.stdout)

    def test_tells_what_could_not_run_as_an_error(self):
        self.write_test({"name": "s", "expect": {}})
        status, root = self.junit("t.yaml")
        self.assertEqual((status, root.get("errors")), (1, "1"))
        self.assertIn("expects nothing", root.find("./testsuite/testcase/error").get("message"))


cli.main()
