# clang-format over every C and C++ file; --fix formats them. Its output differs from version to
# version, so only the one that the tree is formatted with may judge; without it this says so and
# ends with status 77, which ctest counts as skipped.
import shutil
import subprocess
import sys

import tree

VERSION = "14"


def find_formatter():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if shutil.which(name):
            text = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
            if f"version {VERSION}." in text.stdout:
                return name
    return None


def main():
    arguments = tree.parse_arguments(__doc__, fix="format the files in place")
    formatter = find_formatter()
    if formatter is None:
        print(f"format: skipped: there is no clang-format {VERSION} here")
        sys.exit(77)
    paths = [str(path) for path in tree.cxx_files(arguments.root)]
    if arguments.fix:
        subprocess.run([formatter, "-i", *paths], cwd=arguments.root, check=True)
        return
    result = subprocess.run([formatter, "--dry-run", "-Werror", *paths], cwd=arguments.root,
                            capture_output=True, text=True, check=False)
    findings = [line for line in result.stderr.splitlines() if ": error: " in line]
    if result.returncode and not findings:
        findings = [result.stderr or f"{formatter} ended with status {result.returncode}"]
    tree.report("format", findings, len(paths))


main()
