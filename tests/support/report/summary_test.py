# Shows that summary.py counts what ctest writes, keeps the form of the closing line, and fails when a
# test failed, could not start, or none ran.
import pathlib
import subprocess
import sys
import tempfile

SUMMARY = pathlib.Path(__file__).resolve().parent / "summary.py"
PASSED = '<testcase name="unit.A.Passes" status="run" time="1.6"/>'
FAILED = ('<testcase name="unit.A.Fails" status="fail"><failure message=""/>'
          "<system-out>what it printed</system-out></testcase>")
SKIPPED = ('<testcase name="engines.A.Skips/crun" status="notrun">'
           '<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/><system-out>a.cc:4: Skipped\n'
           "crun is not\ninstalled\n\n[  SKIPPED ] A.Skips (0 ms)</system-out></testcase>")
SKIPPED_SCRIPT = ('<testcase name="lint.format" status="notrun">'
                  '<skipped message="SKIP_RETURN_CODE=77"/>'
                  "<system-out>format: skipped: no formatter</system-out></testcase>")
NOT_THERE = ('<testcase name="unit.b_NOT_BUILT" status="notrun">'
             '<skipped message="Unable to find executable"/></testcase>')


def check(cases, status, *expected):
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory, "release.xml")
        path.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
        result = subprocess.run([sys.executable, str(SUMMARY), str(path)], capture_output=True,
                                text=True, check=False)
    assert result.returncode == status, (result.returncode, result.stdout, result.stderr)
    for text in expected[:-1]:
        assert text in result.stdout, (text, result.stdout)
    assert result.stdout.splitlines()[-1] == expected[-1], result.stdout


check([PASSED, PASSED], 0, "unit      release       2 passed,   0 failed,   0 skipped      3 s",
      "2 passed, 0 failed, 0 skipped")
check([PASSED, FAILED], 1, "    what it printed", "1 passed, 1 failed, 0 skipped")
check([PASSED, SKIPPED], 0, "engines.A.Skips/crun (release): crun is not installed",
      "1 passed, 0 failed, 1 skipped")
check([PASSED, SKIPPED_SCRIPT], 0, "(release): no formatter", "1 passed, 0 failed, 1 skipped")
check([PASSED, NOT_THERE], 1, "Unable to find executable", "1 passed, 1 failed, 0 skipped")
check([SKIPPED], 1, "no test ran", "0 passed, 0 failed, 1 skipped")
check([], 1, "no test ran", "0 passed, 0 failed, 0 skipped")
print("summary: counts, and fails where it must")
