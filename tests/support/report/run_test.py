# Shows what run.py says of cases that pass, fail, are skipped, end their process, take too long or leave
# something behind that is found at its end, and that no case is lost. ctest and the programs are played.
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

RUN = pathlib.Path(__file__).resolve().parent / "run.py"
CTEST = """#!/bin/sh
case "$*" in *--show-only=json-v1*) cat tests.json; exit ;; esac
echo "$*" >>calls
for argument; do case $argument in *.xml)
  echo '<testsuite><testcase name="lint.Script" status="run"/></testsuite>' >"$argument" ;; esac; done
"""
# A case does what its name says.
PROGRAM = """#!/usr/bin/python3
import os, sys, time
flags, = [word.split("=", 1)[1] for word in sys.argv if word.startswith("--gtest_flagfile=")]
cases = open(flags).read().strip().split("=", 1)[1].split(":")
print("begin", os.getpid(), os.environ.get("PLAYED", ""))
if "Everything.IsSkipped" in cases:
    print("main.cc:1: Skipped\\nneeds root\\n\\n[  SKIPPED ] everything")
    sys.exit(0)
failed = False
assert "--gtest_fail_fast" in sys.argv
for case in cases:
    if failed:  # which --gtest_fail_fast is for
        print(f"[ RUN      ] {case}\\n[  SKIPPED ] {case} (0 ms)")
        continue
    print(f"[ RUN      ] {case}", flush=True)
    if "Crashes" in case: os.abort()
    if "Hangs" in case: time.sleep(60)
    outcome = "FAILED  " if "Fails" in case else "SKIPPED " if "Skips" in case else "     OK "
    failed = "Fails" in case
    print(f"it says\\x01{case}\\n[  {outcome}] {case}" + (", where GetParam() = 1" if "Fails" in case else "") + " (3 ms)",
          flush=True)
if failed: print("[  FAILED  ] 1 test, listed below:")
if any("Leaks" in case for case in cases): sys.exit("a sanitizer found it")
sys.exit(1 if failed else 0)
"""


def run(names, properties=(), more=(), environment=None):
    """{name: (status, message, output)} of these cases, and how ctest was called."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for path, text in (("ctest", CTEST), ("program", PROGRAM)):
            (root / path).write_text(text)
            (root / path).chmod(0o755)
        tests = [{"name": f"unit.{each}", "command": [str(root / "program"), f"--gtest_filter={each}"],
                  "properties": [*properties, {"name": "TIMEOUT", "value": 2.0}]} for each in names]
        (root / "tests.json").write_text(json.dumps({"tests": [*tests, *more]}))
        result = subprocess.run([sys.executable, RUN, "build", "results.xml", "-j", "2", "-L", "x"], cwd=root,
                                capture_output=True, text=True, check=False,
                                env={**os.environ, **(environment or {}), "PATH": f"{root}:{os.environ['PATH']}"})
        assert result.returncode == 0, result
        cases = {}
        for case in xml.etree.ElementTree.parse(root / "results.xml").getroot().iter("testcase"):
            failure = case.find("failure")
            cases[case.get("name")] = (case.get("status"), failure.get("message") if failure is not None else "",
                                       case.findtext("system-out") or "")
        calls = (root / "calls").read_text() if (root / "calls").exists() else ""
        return cases, calls


cases, calls = run(["A.Passes", "A.Fails", "A.Skips/1"])
assert [cases[f"unit.{name}"][0] for name in ("A.Passes", "A.Fails", "A.Skips/1")] == ["run", "fail", "notrun"], cases
assert "it says?A.Fails" in cases["unit.A.Fails"][2] and "A.Passes" not in cases["unit.A.Fails"][2], cases
assert calls == "", calls

# What is behind one that fails has another process, and so has what is behind one that ends it.
cases, _ = run(["A.Passes", "A.Fails", "A.PassesBehindIt"])
assert [case[0] for case in cases.values()] == ["run", "fail", "run"], cases
cases, _ = run(["A.Passes", "A.Crashes", "A.PassesBehindIt", "A.Hangs", "A.PassesInTheEnd"])
assert cases["unit.A.Crashes"][:2] == ("fail", "its process ended with -6"), cases
assert cases["unit.A.Hangs"][:2] == ("fail", "took longer than 2 s"), cases
assert [name for name, case in cases.items() if case[0] == "run"] == [
    "unit.A.Passes", "unit.A.PassesBehindIt", "unit.A.PassesInTheEnd"], cases

# Every case has passed, and yet.
cases, _ = run(["A.Passes", "A.Leaks"])
assert cases["unit.A.Leaks"][0] == "run" and cases["unit.A.Passes…"][0] == "fail", cases
assert cases["unit.A.Passes…"][1] == "the process of these 2 cases ended with 1", cases
assert "a sanitizer found it" in cases["unit.A.Passes…"][2], cases

cases, _ = run(["Everything.IsSkipped", "B.Passes"])
assert {case[0] for case in cases.values()} == {"notrun"} and "needs root" in cases["unit.B.Passes"][2], cases

# More than one process takes, and each environment for itself.
many = [f"Many.Passes/{number}" for number in range(100)]
cases, _ = run(many, [{"name": "ENVIRONMENT", "value": ["PLAYED=old"]}])
assert len(cases) == 100 and {case[0] for case in cases.values()} == {"run"}, cases

cases, _ = run(["A.Passes", "A.Fails"], environment={"PINSCOPE_TEST_SECONDS": "-1"})
assert {case[0] for case in cases.values()} == {"notrun"} and "no time left" in cases["unit.A.Fails"][2], cases

# A script, and a case that is to fail, are ctest's.
cases, calls = run(["A.Passes"], more=[
    {"name": "lint.Script", "command": ["script"], "properties": []},
    {"name": "unit.Wrong.Fails", "command": ["program", "--gtest_filter=Wrong.Fails"],
     "properties": [{"name": "WILL_FAIL", "value": True}]}])
assert cases["lint.Script"][0] == "run" and cases["unit.A.Passes"][0] == "run", cases
assert "-R ^(lint\\.Script|unit\\.Wrong\\.Fails)$" in calls, calls
print("run: no case is lost, and what fails is told")
