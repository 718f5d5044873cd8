# From GoogleTest's XML to the JUnit that tests/support/report/summary.py counts, and to the answers that
# docs/kernels.md shows. A test that was expected and is not in the XML has failed, never passed.
import dataclasses
import subprocess
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass
class Case:
    """One test: outcome is "passed", "failed" or "skipped", text the failure or the reason."""
    suite: str
    name: str
    outcome: str
    text: str = ""
    seconds: float = 0
    answer: str = ""  # what it recorded with record_answer()


def expected(program, test_filter):
    """The names of the tests that a run with this filter has."""
    said = subprocess.run([program, "--gtest_list_tests", f"--gtest_filter={test_filter}"],
                          capture_output=True, text=True, check=True)
    fixture = ""
    for line in said.stdout.splitlines():
        name = line.split("#")[0].rstrip()
        if not name.startswith(" "):
            fixture = name
        elif not name.strip().startswith("DISABLED_"):
            yield fixture + name.strip()


def without_place(message):
    """The reason of a skipped test, without the line that says where in the source."""
    first, _, rest = message.partition("\n")
    return " ".join((rest or first).split())


def case_of(suite, node):
    name = f"{node.get('classname')}.{node.get('name')}"
    case = Case(suite, name, "passed", seconds=float(node.get("time") or 0))
    for item in node.iter("property"):
        if item.get("name") == "answer":
            case.answer = item.get("value")
    failures = [failure.get("message") for failure in node.findall("failure")]
    if failures:
        case.outcome, case.text = "failed", "\n".join(failures)
    elif node.find("skipped") is not None:
        case.outcome, case.text = "skipped", without_place(node.find("skipped").get("message") or "")
    elif node.get("result") != "completed":
        case.outcome, case.text = "failed", f"it has the result \"{node.get('result')}\""
    return case


def cases_of(suite, names, xml, why_missing):
    """Every test of `names`: as the XML says, or failed because of `why_missing`."""
    found = {}
    if xml:
        for node in ElementTree.fromstring(xml).iter("testcase"):
            case = case_of(suite, node)
            found[case.name] = case
    return [found.get(name) or Case(suite, name, "failed", why_missing) for name in names]


def junit(cases, path):
    """Writes what ctest would have written of these tests."""
    root = ElementTree.Element("testsuite", name="vm", tests=str(len(cases)))
    for case in cases:
        node = ElementTree.SubElement(root, "testcase", name=f"vm.{case.suite}.{case.name}",
                                      time=str(case.seconds))
        node.set("status", {"passed": "run", "skipped": "notrun"}.get(case.outcome, "fail"))
        text = case.text
        if case.outcome == "skipped":
            ElementTree.SubElement(node, "skipped", message="SKIP_REGULAR_EXPRESSION_MATCHED")
            text = f"vm:1: Skipped\n{case.text}\n\n[  SKIPPED ] {case.name}"
        ElementTree.SubElement(node, "system-out").text = "".join(
            c for c in text if c.isprintable() or c in "\n\t")
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
