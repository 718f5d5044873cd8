# clang-tidy over the source files of a build, several at a time (--jobs). A file that passed is not
# looked at again, in any clone, until it, a header of the tree that it includes, its command or the
# configuration changes. With --seconds, no file is begun after that time: those that changed last come
# first, and how many were not looked at is said.
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
import time

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


INCLUDE = re.compile(rb'^\s*#\s*include "([^"]+)"', re.MULTILINE)


KEPT_SECONDS = 30 * 24 * 3600


def passed_directory():
    """Where files that passed are remembered, for every clone of the user's; not for ever."""
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    directory = pathlib.Path(cache) / "pinscope" / "tidy"
    directory.mkdir(parents=True, exist_ok=True)
    for stamp in directory.iterdir():
        if stamp.stat().st_mtime < time.time() - KEPT_SECONDS:
            stamp.unlink(missing_ok=True)
    return directory


class Stamps:
    """What a file's outcome depends on, as a digest: the file and the headers of the tree that it
    includes, by paths from the root; its command; and what is common to all."""

    def __init__(self, root, tidy, commands):
        self.root, self.commands, self.texts = root, commands, {}
        self.common = hashlib.sha256(tidy.encode())
        for name in (".clang-tidy", "tests/.clang-tidy"):
            if (root / name).exists():
                self.common.update((root / name).read_bytes())
        self.common.update(pathlib.Path(__file__).read_bytes())
        # What headers are generated from.
        for path in tree.files(root):
            if path.suffix in {".fbs", ".proto"}:
                self.common.update((root / path).read_bytes())

    def text(self, name):
        """The digest and the includes of a file of the tree, None if it has no such file."""
        if name not in self.texts:
            try:
                content = (self.root / name).read_bytes()
                included = [include.decode() for include in INCLUDE.findall(content)]
                self.texts[name] = hashlib.sha256(content).digest(), included
            except OSError:
                self.texts[name] = None
        return self.texts[name]

    def of(self, file):
        digest, seen, left = self.common.copy(), set(), [os.path.relpath(file, self.root)]
        command = self.commands[file]["command"].replace(str(self.root), "")
        digest.update(command.encode())
        while left:
            name = left.pop()
            if name in seen or (text := self.text(name)) is None:
                continue
            seen.add(name)
            digest.update(name.encode() + b"\0" + text[0])
            left += text[1]
        return digest.hexdigest()


def git(root, *arguments):
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")


def ages(root):
    """File without its suffix -> how many changes of files came after its last, as git tells it: a
    header is looked at in the source that belongs to it. Empty where git tells nothing."""
    result = {}
    names = git(root, "ls-files", "--modified", "--others", "--exclude-standard")
    for name in names + git(root, "log", "--name-only", "--no-renames", "--format="):
        result.setdefault(str(root / name).rpartition(".")[0], len(result))
    return result


def changed_files(root, since):
    """Files that differ from those of the revision `since`."""
    names = git(root, "diff", "--name-only", since)
    return {str(root / name)
            for name in names + git(root, "ls-files", "--others", "--exclude-standard") if name}


def apart(entry):
    """The entries of the sources that this one compiles: several where CMake has them included by one
    of its own."""
    united = "/CMakeFiles/" in entry["file"] and "/Unity/" in entry["file"]
    for file in INCLUDE.findall(pathlib.Path(entry["file"]).read_bytes()) if united else [entry["file"].encode()]:
        command = re.sub(r" -o \S+", "", entry["command"]).replace(entry["file"], file.decode())
        yield {"directory": entry["directory"], "file": file.decode(), "command": command}


def plain_database(build):
    """Writes a directory with the build's commands as clang understands them: one for each file, and
    without GCC's precompiled headers, so that a file that lacks an include is found."""
    commands = {}
    for entries in map(apart, json.loads((build / "compile_commands.json").read_text())):
        for entry in entries:
            entry["command"] = re.sub(r" -Winvalid-pch -include \S+", "", entry["command"])
            commands.setdefault(entry["file"], entry)
    directory = build / "tidy"
    directory.mkdir(exist_ok=True)
    (directory / "compile_commands.json").write_text(json.dumps(list(commands.values())))
    return directory, commands


def sources(files, root, only):
    """Those of the files that are sources of the tree."""
    for file in files:
        path = pathlib.Path(file)
        if path.is_relative_to(root) and not path.is_relative_to(root / "build"):
            if path.suffix == ".cc" and path.exists() and (only is None or file in only):
                yield file


def check(tidy, database, file, end):
    """Exit status and lines of clang-tidy over a file; None if the time was up before."""
    if end and time.monotonic() > end:
        return None
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
    parser.add_argument("--seconds", type=int, default=int(os.environ.get("PINSCOPE_TIDY_SECONDS", 0)),
                        help="begin no file after this time (0: look at all)")
    parser.add_argument("--nice", type=int, default=0, help="give way to what else runs")
    arguments = parser.parse_args()
    os.nice(arguments.nice)
    root, build = arguments.root.resolve(), arguments.build.resolve()
    tidy = find_tidy()
    if tidy is None:
        print(f"tidy: skipped: there is no clang-tidy {', '.join(VERSIONS)} here")
        sys.exit(77)

    database, commands = plain_database(build)
    passed = passed_directory()
    stamps, age = Stamps(root, tidy, commands), ages(root)
    only = changed_files(root, arguments.changed) if arguments.changed else None
    chosen = sorted(sources(sorted(commands), root, only),
                    key=lambda file: age.get(file.rpartition(".")[0], len(age)))
    end = time.monotonic() + arguments.seconds if arguments.seconds else None
    findings, looked_at, pending = [], 0, {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for file in chosen:
            stamp = passed / stamps.of(file)
            if stamp.exists():
                stamp.touch()
                looked_at += 1
            else:
                pending[pool.submit(check, tidy, database, file, end)] = file, stamp
        for future in concurrent.futures.as_completed(pending):
            file, stamp = pending[future]
            if (result := future.result()) is None:
                continue
            looked_at += 1
            status, lines = result
            if status == 0:
                stamp.touch()
            else:
                findings.append(file)
                print("\n".join(lines or [f"{file}: clang-tidy ended with status {status}"]),
                      flush=True)
    if arguments.changed and looked_at == 0:
        print("tidy: no source file changed")
        return
    if looked_at < len(chosen):
        print(f"tidy: the time was up: {len(chosen) - looked_at} of {len(chosen)} files, which changed "
              "before the others, were not looked at")
    tree.report("tidy", findings, looked_at)


main()
