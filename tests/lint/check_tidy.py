# clang-tidy over every source file of a build, several at a time (--jobs). A file that passed is
# not looked at again until it, a header of the tree or the configuration changes.
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import tree

VERSIONS = ("16", "19", "18")
# The build is GCC's: clang 16 spells the language differently, and libstdc++ shows it std::expected
# only if it says that it knows the last word on concepts.
EXTRA = ["-std=c++2b", "-U__cpp_concepts", "-D__cpp_concepts=202002L",
         "-Wno-builtin-macro-redefined", "-Wno-unknown-warning-option",
         # The macros of libbpf's headers.
         "-Wno-c99-extensions", "-Wno-gnu-statement-expression"]


def find_tidy():
    for version in VERSIONS:
        if name := shutil.which(f"clang-tidy-{version}"):
            return name
    return None


def header_hash(root):
    digest = hashlib.sha256((root / ".clang-tidy").read_bytes())
    if (root / "tests/.clang-tidy").exists():
        digest.update((root / "tests/.clang-tidy").read_bytes())
    digest.update(pathlib.Path(__file__).read_bytes())
    for path in tree.cxx_files(root):
        if path.suffix == ".h":
            digest.update((root / path).read_bytes())
    return digest.hexdigest()


def changed_files(root, since):
    """Files that differ from those of the revision `since`."""
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root)]
    names = subprocess.run([*command, "diff", "--name-only", since], capture_output=True,
                           text=True, check=True).stdout.split()
    names += subprocess.run([*command, "ls-files", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True).stdout.split()
    return {str(root / name) for name in names}


def plain_database(build):
    """Writes a directory with the build's commands as clang understands them: one for each file, and
    without GCC's precompiled headers, so that a file that lacks an include is found."""
    commands = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        entry["command"] = re.sub(r" -Winvalid-pch -include \S+", "", entry["command"])
        commands.setdefault(entry["file"], entry)
    directory = build / "tidy"
    directory.mkdir(exist_ok=True)
    (directory / "compile_commands.json").write_text(json.dumps(list(commands.values())))
    return directory, sorted(commands)


def sources(files, root, only):
    """Those of the files that are sources of the tree."""
    for file in files:
        path = pathlib.Path(file)
        if path.is_relative_to(root) and not path.is_relative_to(root / "build"):
            if path.suffix == ".cc" and path.exists() and (only is None or file in only):
                yield file


def check(tidy, database, file):
    command = [tidy, "-p", str(database), "--quiet",
               *(f"--extra-arg={argument}" for argument in EXTRA), file]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    # Counts of suppressed warnings go to stderr and are no news.
    noise = result.stderr.splitlines() if result.returncode and not result.stdout else []
    return result.returncode, result.stdout.splitlines() + noise


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=tree.default_root())
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--changed", nargs="?", const="HEAD~1", metavar="REVISION",
                        help="only what changed since this revision, HEAD~1 if none is named")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="files at a time")
    parser.add_argument("--nice", type=int, default=0, help="give way to what else runs")
    arguments = parser.parse_args()
    os.nice(arguments.nice)
    root, build = arguments.root.resolve(), arguments.build.resolve()
    tidy = find_tidy()
    if tidy is None:
        print(f"tidy: skipped: there is no clang-tidy {', '.join(VERSIONS)} here")
        sys.exit(77)

    database, files = plain_database(build)
    passed = database / "passed"
    passed.mkdir(exist_ok=True)
    common = header_hash(root) + tidy
    findings, looked_at, pending = [], 0, {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        only = changed_files(root, arguments.changed) if arguments.changed else None
        for file in sources(files, root, only):
            looked_at += 1
            content = pathlib.Path(file).read_bytes()
            stamp = passed / hashlib.sha256(common.encode() + file.encode() + content).hexdigest()
            if not stamp.exists():
                pending[pool.submit(check, tidy, database, file)] = stamp
        for future in concurrent.futures.as_completed(pending):
            status, lines = future.result()
            if status == 0:
                pending[future].touch()
            else:
                findings.append(file)
                print("\n".join(lines or [f"{file}: clang-tidy ended with status {status}"]),
                      flush=True)
    if arguments.changed and looked_at == 0:
        print("tidy: no source file changed")
        return
    tree.report("tidy", findings, looked_at)


main()
