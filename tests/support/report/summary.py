# Counts what ctest's JUnit files say: every skipped test with its reason, every failed test with what
# it printed, one line for each suite and build with the time of all its tests, and last the closing line
# "123 passed, 0 failed, 4 skipped". Ends with 1 if a test failed or none ran.
# Usage: summary.py [--phases=FILE] BUILD.xml...: the text of the file stands before the suites.
import collections
import pathlib
import re
import sys
import xml.etree.ElementTree

# What ctest says of a test that chose to be skipped; any other test that did not run has failed
# (its program is not there, for one).
CHOSE_TO_SKIP = ("SKIP_REGULAR_EXPRESSION_MATCHED", "SKIP_RETURN_CODE")
GTEST_REASON = re.compile(r": Skipped\n(.*?)\n*^\[  SKIPPED \]", re.DOTALL | re.MULTILINE)
SCRIPT_REASON = re.compile(r"skipped: (.*)")
LONGEST_OUTPUT = 60  # lines of a failed test


def outcome_of(case):
    skipped = case.find("skipped")
    if case.get("status") == "run":
        return "passed"
    if case.get("status") == "disabled":
        return "skipped"
    if skipped is not None and skipped.get("message", "").startswith(CHOSE_TO_SKIP):
        return "skipped"
    return "failed"


def reason_of(case):
    output = case.findtext("system-out") or ""
    for pattern in (GTEST_REASON, SCRIPT_REASON):
        if match := pattern.search(output):
            return " ".join(match[1].split()) or "it does not say why"
    return "disabled" if case.get("status") == "disabled" else "it does not say why"


def output_of(case):
    lines = (case.findtext("system-out") or "").splitlines()
    message = (case.find("skipped") if case.find("skipped") is not None else case).get("message")
    if message:
        lines.insert(0, message)
    if len(lines) > LONGEST_OUTPUT:
        lines = ["…"] + lines[-LONGEST_OUTPUT:]
    return lines


def main():
    suites = collections.defaultdict(collections.Counter)
    seconds = collections.Counter()
    skipped, failed = [], []
    names, phases = sys.argv[1:], ""
    if names and names[0].startswith("--phases="):
        phases = pathlib.Path(names.pop(0).removeprefix("--phases=")).read_text(encoding="utf-8")
    for name in names:
        build = pathlib.Path(name).stem
        for case in xml.etree.ElementTree.parse(name).getroot().iter("testcase"):
            suite = case.get("name").split(".")[0]
            outcome = outcome_of(case)
            suites[suite, build][outcome] += 1
            seconds[suite, build] += float(case.get("time") or 0)
            if outcome == "skipped":
                skipped.append(f"  {case.get('name')} ({build}): {reason_of(case)}")
            elif outcome == "failed":
                failed.append((f"{case.get('name')} ({build})", output_of(case)))

    if skipped:
        print("skipped:")
        print("\n".join(sorted(skipped)))
    # Behind the skipped ones: of a long log, people and services show the end.
    for title, lines in failed:
        print(f"failed: {title}")
        print("\n".join("    " + line for line in lines))
    print(phases, end="")
    total = collections.Counter()
    for (suite, build), counts in sorted(suites.items()):
        total += counts
        print(f"{suite:10}{build:10}{counts['passed']:5} passed, {counts['failed']:3} failed, "
              f"{counts['skipped']:3} skipped {seconds[suite, build]:6.0f} s")
    if failed:
        print("failed: " + ", ".join(title for title, _ in failed))
    if not total["passed"] and not total["failed"]:
        print("no test ran")
    print(f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped")
    sys.exit(1 if total["failed"] or not total["passed"] else 0)


main()
