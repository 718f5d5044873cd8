# usage: run.py --build DIRECTORY --kernels DIRECTORY [--all] [--own] [--table] [--seconds N]
#               [--suite SUITE]... KERNEL...
# Runs the test programs that tests/vm/CMakeLists.txt names on each KERNEL, two at a time: a directory below
# --kernels, or the path of a kernel image. Results go to build/results for summary.py, answers to
# build/vm/answers for table.py; see docs/testing.md. `./dev vm` calls it.
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

import boot
import initramfs
import results
import table

# Of a guest, in the short form and with --all. It has software emulation and half of the machine.
SECONDS = {"short": 240, "full": 2400}


@dataclasses.dataclass
class Work:
    """One line of programs.txt."""
    suite: str
    program: pathlib.Path
    test_filter: str

    def command(self):
        return f"{self.program} --gtest_color=no --gtest_filter={self.test_filter}"


def works_of(build, form, suites):
    for line in (build / "vm/programs.txt").read_text().splitlines():
        kind, suite, program, test_filter = line.split()
        if kind == form and (not suites or suite in suites):
            yield Work(suite, pathlib.Path(program), test_filter)


def files_of(build):
    """What programs open by its path, with everything in the directories among it."""
    for line in (build / "vm/files.txt").read_text().splitlines():
        path = pathlib.Path(line)
        yield from path.rglob("*") if path.is_dir() else [path] if path.exists() else []


def kernel_of(name, kernels):
    """(image, directory of its modules or None); None if there is no such kernel."""
    path = pathlib.Path(name)
    if path.is_file():
        return path, None
    root = kernels / name
    images = sorted(root.rglob("vmlinuz*"))
    modules = sorted(path.parent for path in root.glob("**/lib/modules/*/kernel"))
    return (images[-1], modules[-1] if modules else None) if images else None


def why_no_guests():
    """Empty where guests can run."""
    if platform.machine() != "x86_64":
        return f"the guests are x86_64, as the kernels are, and this machine is {platform.machine()}"
    missing = [tool for tool in ("qemu-system-x86_64", "cpio", "ldd") if not shutil.which(tool)]
    return f"{' and '.join(missing)} cannot be had here" if missing else ""


def short_release(release):
    return ".".join(release.split(".")[:2])


def on_guest(name, image, modules, works, arguments):
    """The tests of one guest."""
    directory = arguments.build.parent / "vm" / re.sub(r"\W", "-", name)
    directory.mkdir(parents=True, exist_ok=True)
    files = list(files_of(arguments.build))
    binaries = [path for path in (arguments.build / "bin").iterdir() if os.access(path, os.X_OK)]
    initramfs.make(directory / "initramfs", directory / "root",
                   [*(work.program for work in works), *binaries], files,
                   [work.command() for work in works], modules)
    guest = boot.boot(image, directory / "initramfs", directory, arguments.seconds)
    (directory / "initramfs").unlink()
    cases = []
    for number, work in enumerate(works):
        program = guest.programs[number] if number < len(guest.programs) else boot.Program("")
        why = f"it did not run: {guest.failure or f'the program ended with {program.status}'}\n"
        names = list(results.expected(work.program, work.test_filter))
        cases += results.cases_of(work.suite, names, program.results, why + program.output[-3000:])
    # Whatever else is wrong is wrong with the guest.
    text = f"{guest.failure}\n{guest.console}" if guest.failure else ""
    cases.append(results.Case("boot", f"Guest.Runs/{name}", "failed" if text else "passed", text))
    return guest.release or name, cases


def on_this_machine(works):
    """The same programs here, for what its own kernel answers."""
    cases = []
    for work in works:
        with tempfile.TemporaryDirectory() as directory:
            xml = pathlib.Path(directory) / "results.xml"
            ended = subprocess.run([*work.command().split(), f"--gtest_output=xml:{xml}"],
                                   capture_output=True, text=True, check=False)
            names = list(results.expected(work.program, work.test_filter))
            cases += results.cases_of(work.suite, names, xml.read_text() if xml.exists() else "",
                                      f"the program ended with {ended.returncode}\n{ended.stdout[-3000:]}")
    return platform.release(), cases


def keep(release, cases, arguments):
    """Writes the files of one kernel's run, with how its answers agree with the documents."""
    answers = {"release": release, "rows": table.answers_of(cases)}
    directory = arguments.build.parent / "vm/answers"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{short_release(release)}.json").write_text(json.dumps(answers, indent=1))
    if not arguments.table:
        text = table.disagreement(answers)
        cases.append(results.Case("table", f"Kernels.AnswerAsDocumented/{short_release(release)}",
                                  "failed" if text else "passed", text))
    results.junit(cases, arguments.build.parent / f"results/linux-{short_release(release)}.xml")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--kernels", type=pathlib.Path, required=True)
    parser.add_argument("--all", action="store_const", dest="form", const="full", default="short")
    parser.add_argument("--own", action="store_true", help="on this machine's kernel as well")
    parser.add_argument("--table", action="store_true", help="write the table of docs/kernels.md")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("kernel", nargs="*")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    arguments.seconds = arguments.seconds or SECONDS[arguments.form]
    works = list(works_of(arguments.build, arguments.form, arguments.suite))
    if not works:
        sys.exit(f"vm: no program of {' '.join(arguments.suite) or 'any suite'} runs in the guests")

    begin = time.monotonic()
    running = {}
    # A guest has one processor: tests run one after the other, and emulated ones that wait for each
    # other cost more than they bring.
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for name in arguments.kernel:
            found = kernel_of(name, arguments.kernels)
            if found and not why_no_guests():
                running[pool.submit(on_guest, name, *found, works, arguments)] = name
            else:
                why = why_no_guests() or "the packages of its kernel cannot be had here"
                skipped = results.Case("boot", f"Guest.Runs/{name}", "skipped", why)
                results.junit([skipped], arguments.build.parent / f"results/linux-{name}.xml")
        for done in concurrent.futures.as_completed(running):
            release, cases = done.result()
            print(f"{release}: {len(cases)} tests, {time.monotonic() - begin:.0f} s", file=sys.stderr)
            keep(release, cases, arguments)
    if arguments.own:
        keep(*on_this_machine(works), arguments)
    if arguments.table:
        table.write(arguments.build.parent / "vm/answers")


if __name__ == "__main__":
    main()
