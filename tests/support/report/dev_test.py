# Shows what ./dev builds and runs for the tests that it is asked for by name, and what it prints where
# nobody watches. cmake, ctest and dpkg-query are played: nothing is built.
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

TREE = pathlib.Path(__file__).resolve().parents[3]
PLAYED = {
    "dpkg-query": "printf installed",
    "ccache": "true",
    "cmake": 'echo "cmake $*" >>calls',
    # Knows one test that is a script; writes what summary.py reads.
    "ctest": """echo "ctest $*" >>calls
case "$* " in *" -N "*golden*Script*) echo '  Test #1: golden.Script'; exit ;; *" -N "*) exit ;; esac
case "$* " in *" --show-only=json-v1 "*)
  echo '{"tests": [{"name": "unit.Path.A", "command": ["case_of_gtest", "--gtest_filter=Path.A"], "properties": []}]}' ;;
esac
for argument; do case $argument in *.xml)
  echo '<testsuite><testcase name="unit.Path.A" status="run"/></testsuite>' >"$argument" ;; esac; done""",
    "case_of_gtest": "echo '[ RUN      ] Path.A'; echo '[       OK ] Path.A (0 ms)'",
}


def dev(*arguments):
    """Runs ./dev in a small tree: its status, its output, and how cmake and ctest were called."""
    with tempfile.TemporaryDirectory() as directory:
        root = pathlib.Path(directory).resolve()
        shutil.copy(TREE / "dev", root)
        (root / "tests/support/report").mkdir(parents=True)
        (root / "tests/unit/base").mkdir(parents=True)
        for script in ("run.py", "summary.py"):
            shutil.copy(TREE / "tests/support/report" / script, root / "tests/support/report")
        source = root / "tests/unit/base/path_test.cc"
        source.write_text("TEST(Path, A) {}\nTEST_P(Other, A) {}\n")
        (source.parent / "united_test.cc").write_text("TEST(United, A) {}\n")
        for build in ("release", "asan"):
            (root / "build" / build).mkdir(parents=True)
            (root / "build" / build / "build.ninja").write_text(
                "build tests/unit/base/CMakeFiles/base_test.dir/path_test.cc.o: "
                f"CXX_COMPILER__base_test_Release {source} || cmake_object_order\n")
            unity = root / "build" / build / "tests/unit/base/CMakeFiles/united_test.dir/Unity/unity_0_cxx.cxx"
            unity.parent.mkdir(parents=True)
            unity.write_text(f'#include "{root}/tests/unit/base/united_test.cc"\n')
        for name, script in PLAYED.items():
            (root / "played").mkdir(exist_ok=True)
            (root / "played" / name).write_text(f"#!/bin/sh\n{script}\n")
            (root / "played" / name).chmod(0o755)
        result = subprocess.run(
            [root / "dev", *arguments], capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": f"{root}/played:{os.environ['PATH']}"})
        calls = (root / "calls").read_text() if (root / "calls").exists() else ""
        if not (root / "build").exists():
            calls += "build is gone\n"
        return result.returncode, result.stdout + result.stderr, calls


def check(arguments, status, output="", calls=()):
    got = dev(*arguments)
    assert got[0] == status and re.search(output, got[1], re.MULTILINE), (arguments, got)
    for call in calls:
        assert call in got[2], (arguments, call, got)
    return got


got = check(["test", "unit.Path.A"], 0, "1 passed, 0 failed, 0 skipped$",
            ["--build build/release", "--target base_test\n", "-R ^unit\\.Path\\.A(/|$)"])
assert "asan" not in got[2], got
assert re.search("building release\nbuilding release took 0 min \\d s\n", got[1]), got
assert re.search("testing release\ntesting release took 0 min \\d s\n", got[1]), got
assert re.search("^installing .*\nbuilding release .*\ntesting release +0 min +\\d s\nin all +0 min +\\d s\nunit ",
                 got[1]), got
check(["test", "--build", "asan", "unit.Path.*"], 0, "", ["--build build/asan", "-R ^unit\\.Path\\..*"])
check(["test", "unit.OldKernel.Runtimes/Other.A/crun"], 0, "", ["--target base_test\n"])
check(["test", "unit.United.A"], 0, "", ["--target united_test\n"])
check(["test", "golden.Script"], 0, "", ["--target all\n"])
got = check(["test", "unit.Gone.A"], 1, 'no test "unit.Gone.A"')
assert "--target" not in got[2], got
check(["test", "Path.A"], 1, 'no suite "Path"; there are: unit ')
check(["test", "unit", "unit.Path.A"], 1, "name suites or tests, not both")
check(["test", "fuzz.state"], 1, "run as whole suites only")
got = check(["test", "unit"], 0, "", ["--build build/release", "--build build/asan", "-L ^(unit)$"])
assert "--target all\n" in got[2] and " -R " not in got[2], got
check(["test", "--filter", "Path", "unit"], 0, "", ["-R Path -L ^(unit)$"])

# Every command has a help of its own, does nothing else for it, and takes nothing that it does not know.
for command in re.findall("^  ([a-z]+)", dev("help")[1], re.MULTILINE):
    got = check([command, "--help"], 0, f"^  {command}\\b")
    assert got[2] == "" and len(re.findall("^  [a-z]+", got[1], re.MULTILINE)) <= 2, got
    if command not in ("build", "bench", "help"):  # the rest is ninja's, or the benchmark's
        got = check([command, "--hlep"], 1, f"dev {command} --help")
        assert got[2] == "", got
check(["fuzz", "--seconds", "soon"], 1, "--seconds needs a number")
check(["vm", "--seconds", "soon"], 1, "--seconds needs a number")
check(["test", "--build", "debug"], 1, "--build needs release or asan")
check(["clean"], 0, "", ["build is gone"])
print("dev: builds and runs what it is asked for")
