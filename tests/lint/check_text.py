# What the text of every file has to keep: nothing left open, no path of one machine, and a first
# comment that says what the file is for. Long files are listed, which is a question and no finding.
import re

import tree

# Spelled in two parts so that this file passes its own check.
OPEN_WORDS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
OPEN_WORD_PLACES = ("plugin/", "hooks/", "config/", "tests/", "cmake/", "dev")
# Where people and build machines keep their checkouts.
MACHINE_PATH = re.compile(r"""(?<![\w.}*-])/(home|Users|work|farm|workspace)/[\w.-]+""")
COMMENT = {".h": "//", ".cc": "//", ".c": "//", ".py": "#", ".sh": "#"}
LONG = 400


OWN_HEADER = re.compile(r'#include "[\w/]*/(\w+)\.h"')


def first_comment_missing(path, lines):
    # A source that starts with its own header is explained there.
    if path.suffix in (".cc", ".c") and lines and (match := OWN_HEADER.match(lines[0])):
        return match[1] != path.stem.removesuffix("_test")
    marker = COMMENT.get(path.suffix)
    if marker is None and lines and lines[0].startswith("#!"):
        marker = "#"
    if marker is None:
        return False
    index = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= index or not lines[index].startswith(marker):
        return True
    return len(lines[index].lstrip(marker + " ")) < 10


def main():
    root = tree.parse_arguments(__doc__).root
    findings, looked_at = [], 0
    for path in tree.files(root):
        text = tree.text_of(root, path)
        if text is None or "/corpus/" in str(path):
            continue
        looked_at += 1
        lines = text.splitlines()
        for number, line in enumerate(lines, start=1):
            where = f"{path}:{number}"
            if str(path).startswith(OPEN_WORD_PLACES) and (match := OPEN_WORDS.search(line)):
                findings.append(f"{where}: left open: {match[0]}")
            if match := MACHINE_PATH.search(line):
                findings.append(f"{where}: a path of one machine: {match[0]}")
        if first_comment_missing(path, lines):
            findings.append(f"{path}:1: the first comment has to say what the file is for")
        if path.suffix in tree.CXX_SUFFIXES and len(lines) > LONG:
            print(f"{path}: {len(lines)} lines: is it one thing?")
    tree.report("text", findings, looked_at)


main()
