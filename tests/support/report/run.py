# Runs the tests that ctest knows, many cases of a GoogleTest program in one process: to start one for
# each case takes longer than most cases do. What is no GoogleTest is left to ctest. Tests that hold ctest's resource
# "root" run one at a time, the others beside them. A case that fails may leave something behind, ends its process, or takes
# longer than its TIMEOUT: those behind it have another process.
# With PINSCOPE_TEST_SECONDS in the environment, what has not begun by then is skipped, and says so.
# Usage: run.py BUILD RESULTS.xml [-j JOBS] CTEST-OPTION..., with ctest's options that choose tests.
import collections
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

FILTER = "--gtest_filter="
# Cases of one process. More would save little, and a process that is killed leaves less undone.
MOST_CASES = 40
# Each of these has its own process: it counts what a process does from its beginning on.
ALONE = re.compile(r"^fault\.")
STEP = re.compile(r"^\[ +(RUN|OK|FAILED|SKIPPED) +\] (.*?)(?:,.*| \(\d+ ms\))?$")
OUTCOMES = {"OK": "run", "FAILED": "fail", "SKIPPED": "notrun"}
SKIPPED = "SKIP_REGULAR_EXPRESSION_MATCHED"
TOO_LATE = "run.py:1: Skipped\nthere was no time left in this run\n\n[  SKIPPED ] everything\n"
DEADLINE = time.monotonic() + float(os.environ.get("PINSCOPE_TEST_SECONDS", "inf"))


class Case:
    def __init__(self, test):
        self.name = test["name"]
        self.command = test["command"]
        self.properties = {each["name"]: each["value"] for each in test["properties"]}
        self.in_program = self.command[1][len(FILTER):] if self.is_of_gtest() else None
        self.status, self.message, self.output, self.seconds = None, None, [], 0.0

    # Of those that are to fail, ctest knows how.
    def is_of_gtest(self):
        return (len(self.command) > 1 and self.command[1].startswith(FILTER)
                and not {"WILL_FAIL", "PASS_REGULAR_EXPRESSION"} & set(self.properties))

    def needs_root_alone(self):
        return "root" in json.dumps(self.properties.get("RESOURCE_LOCK", ""))

    def group(self):
        alone = self.name if ALONE.match(self.name) else ""
        return (self.command[0], tuple(self.command[2:]), tuple(self.properties.get("ENVIRONMENT", ())), alone)

    def end(self, status, message=None):
        self.status, self.message = status, message

    def element(self):
        element = xml.etree.ElementTree.Element("testcase", name=self.name, classname=self.name,
                                                status=self.status, time=f"{self.seconds:.3f}")
        if self.status == "fail":
            xml.etree.ElementTree.SubElement(element, "failure", message=self.message or "")
        if self.status == "notrun":
            xml.etree.ElementTree.SubElement(element, "skipped", message=SKIPPED)
        text = "".join(self.output)
        # Of control characters XML allows three.
        printable = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "?", text)
        xml.etree.ElementTree.SubElement(element, "system-out").text = printable
        return element


class Progress:
    def __init__(self, total):
        self.total, self.ended, self.lock = total, 0, threading.Lock()

    def tell(self, case):
        with self.lock:
            self.ended += 1
            words = {"run": "passed", "fail": "FAILED", "notrun": "skipped"}[case.status]
            line = f"{self.ended}/{self.total} {words} {case.name} {case.seconds:.2f} s"
            if sys.stdout.isatty():
                print(f"\r\033[K{line[:100]}", end="\n" if case.status == "fail" else "", flush=True)
            else:
                print(line, flush=True)


class Process:
    """One process with these cases, as far as it comes."""

    def __init__(self, cases, progress):
        self.left = collections.OrderedDict((case.in_program, case) for case in cases)
        self.progress = progress
        self.now, self.began, self.is_late = None, time.monotonic(), False
        self.before = []  # what it says outside of its cases
        self.has_failed = False
        self.fault = None  # how it ended and what it said, if that is wrong though no case is

    def run(self):
        first = next(iter(self.left.values()))
        with tempfile.NamedTemporaryFile("w", prefix="pinscope-filter.") as flags:
            # A command line may be too short for them.
            flags.write(FILTER + ":".join(self.left) + "\n")
            flags.flush()
            environment = dict(os.environ) | dict(
                each.split("=", 1) for each in first.properties.get("ENVIRONMENT", []))
            self.process = subprocess.Popen(
                [first.command[0], f"--gtest_flagfile={flags.name}", "--gtest_color=no", "--gtest_fail_fast",
                 *first.command[2:]],
                cwd=first.properties.get("WORKING_DIRECTORY"), env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                start_new_session=True)
            watch = threading.Thread(target=self.watch, daemon=True)
            watch.start()
            for line in self.process.stdout:
                self.take(line)
            status = self.process.wait()
            watch.join()
        self.finish(status)
        return list(self.left.values())

    def timeout(self):
        case = self.now or next(iter(self.left.values()), None)
        return float(case.properties.get("TIMEOUT", 120)) if case else 60.0

    def watch(self):
        while self.process.poll() is None:
            if time.monotonic() - self.began > self.timeout():
                self.is_late = True
                os.killpg(self.process.pid, signal.SIGKILL)
                return
            time.sleep(0.1)

    def take(self, line):
        step = STEP.match(line.rstrip("\n"))
        if step and step[1] == "RUN" and step[2] in self.left:
            self.now, self.began = self.left[step[2]], time.monotonic()
        (self.now.output if self.now else self.before).append(line)
        if step and self.now and step[1] != "RUN" and step[2] == self.now.in_program:
            if self.has_failed:  # it was not run
                self.now.output.clear()
                self.now = None
            else:
                self.end(OUTCOMES[step[1]])

    def end(self, status, message=None):
        case = self.left.pop(self.now.in_program)
        self.has_failed = self.has_failed or status == "fail"
        case.seconds = time.monotonic() - self.began
        case.end(status, message)
        self.progress.tell(case)
        self.now, self.began = None, time.monotonic()

    def finish(self, status):
        says = "".join(self.before)
        if self.now:
            how = (f"took longer than {self.timeout():.0f} s" if self.is_late else
                   f"its process ended with {status}")
            self.end("fail", how)
        elif "[  SKIPPED ] everything" in says:
            for case in list(self.left.values()):
                self.now, case.output = case, self.before
                self.end("notrun")
        elif self.left and not self.has_failed:  # It came to none of them: the next would not, either.
            self.now = next(iter(self.left.values()))
            self.now.output = list(self.before)
            self.end("fail", f"its process ended with {status} before it")
        elif status != (1 if self.has_failed else 0) or self.is_late:
            self.fault = (status, says)  # a sanitizer has found something at its end, for one


def run_group(cases, progress, results):
    left = list(cases)
    while left:
        if time.monotonic() > DEADLINE:
            for case in left:
                case.output = [TOO_LATE]
                case.end("notrun")
                progress.tell(case)
            return
        now, later = left[:MOST_CASES], left[MOST_CASES:]
        process = Process(now, progress)
        left = process.run() + later
        if process.fault:
            ended = Case({"name": now[0].name + "…", "command": now[0].command, "properties": []})
            ended.output = [process.fault[1]]
            ended.end("fail", f"the process of these {len(now)} cases ended with {process.fault[0]}")
            progress.tell(ended)
            results.append(ended)


def groups_of(cases):
    groups = collections.OrderedDict()
    for case in cases:
        groups.setdefault(case.group(), []).append(case)
    return list(groups.values())


def call_ctest(build, names, jobs, results):
    """Elements of ctest's own results."""
    if not names:
        return
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory) / "ctest.xml"
        pattern = "^(" + "|".join(re.escape(name) for name in names) + ")$"
        subprocess.run(["ctest", "--test-dir", build, "-j", str(jobs), "-R", pattern, "--output-junit", file],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        results.extend(xml.etree.ElementTree.parse(file).getroot().iter("testcase"))


def work_through(pieces, errors):
    """Takes one piece of work after the other; whoever finds an error, all end."""
    while pieces and not errors:
        try:
            piece = pieces.pop(0)
        except IndexError:
            return
        try:
            piece()
        except Exception as error:
            errors.append(error)


def main():
    build, file, *options = sys.argv[1:]
    jobs = os.cpu_count() or 1
    if options[:1] == ["-j"]:
        jobs, options = int(options[1]), options[2:]
    listed = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1", *options], check=True,
                            stdout=subprocess.PIPE, text=True)
    cases = [Case(test) for test in json.loads(listed.stdout)["tests"]]
    progress = Progress(sum(case.is_of_gtest() for case in cases))
    others, faults = [], []
    alone, free = [], []
    for group in groups_of([case for case in cases if case.is_of_gtest()]):
        (alone if group[0].needs_root_alone() else free).append(
            lambda group=group: run_group(group, progress, faults))
    for is_alone, lane in ((True, alone), (False, free)):
        names = [case.name for case in cases
                 if not case.is_of_gtest() and case.needs_root_alone() == is_alone]
        lane.append(lambda names=names, is_alone=is_alone: call_ctest(
            build, names, 1 if is_alone else max(jobs - 1, 1), others))
    # What ctest runs takes longest.
    free.reverse()
    # Where not all may have their turn, others have it the next time.
    if DEADLINE < float("inf"):
        random.shuffle(alone)
    errors = []
    threads = [threading.Thread(target=work_through, args=(lane, errors))
               for lane in [alone] + [free] * max(jobs - 1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    root = xml.etree.ElementTree.Element("testsuite", name=pathlib.Path(build).name)
    root.extend(case.element() for case in cases if case.is_of_gtest() and case.status)
    root.extend(case.element() for case in faults)
    root.extend(others)
    xml.etree.ElementTree.ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)
    for case in cases:
        if case.is_of_gtest() and not case.status:
            sys.exit(f"{case.name} did not run")


main()
