# Which files of the tree the lint checks read, and how a check reports: one "file:line: text" for
# each finding, exit status 1 if there was one. Every check takes the tree's root as its argument, so
# that the self-tests can point it at a small tree with a planted mistake.
import argparse
import os
import pathlib
import re
import sys

SKIPPED_DIRECTORIES = {".git", "build", ".cache", "__pycache__"}
CXX_SUFFIXES = {".h", ".cc", ".c"}
COMMENT_MARKERS = {".h": "//", ".cc": "//", ".c": "//", ".fbs": "//", ".proto": "//", ".py": "#",
                   ".sh": "#", ".cmake": "#", ".txt": "#", "": "#"}


def default_root():
    return pathlib.Path(__file__).resolve().parents[2]


def files(root):
    """Every regular file of the tree, relative to its root, sorted."""
    for directory, subdirectories, names in os.walk(root):
        subdirectories[:] = sorted(set(subdirectories) - SKIPPED_DIRECTORIES)
        # In a work tree of git's, .git is a file with the path of the repository.
        for name in sorted(set(names) - SKIPPED_DIRECTORIES):
            path = pathlib.Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(root)


def cxx_files(root):
    return (path for path in files(root) if path.suffix in CXX_SUFFIXES)


def text_of(root, path):
    """The text of a file, or None if it is not text (fuzz corpora hold anything)."""
    try:
        return (root / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def comments(root, path):
    """(line number, text) of each comment of a source or script that runs to the end of its line."""
    marker, text = COMMENT_MARKERS.get(path.suffix), text_of(root, path)
    if marker is None or text is None or "/corpus/" in str(path):
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.search(rf"(?:^|\s){marker}(.*)", line):
            yield number, match[1]


def parse_arguments(description, **flags):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=default_root())
    for name, help_text in flags.items():
        parser.add_argument("--" + name, action="store_true", help=help_text)
    arguments = parser.parse_args()
    arguments.root = arguments.root.resolve()
    return arguments


def report(check, findings, looked_at):
    """Prints the findings and ends the program. A check that found no file to read has failed."""
    for finding in findings:
        print(finding)
    if looked_at == 0:
        print(f"{check}: found nothing to check")
    else:
        print(f"{check}: {looked_at} files, {len(findings)} findings")
    sys.exit(1 if findings or looked_at == 0 else 0)
