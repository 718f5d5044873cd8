# What documents and comments name has to exist: files of the tree, tests, error codes. A test that a document
# cites as the proof of a claim cannot be renamed or removed unnoticed. The index of decisions is whole,
# and no word is used that the glossary has another one for (words.py).
import re

import tree
import words

TEST_MACRO = re.compile(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", re.MULTILINE)
# `Inside.AReadGrantIsNotWritable`, with or without the suite's label and "*." before it, and with the
# instance and the parameter around it.
CITED_TEST = re.compile(r"`(?:[a-z]+\.)?(?:\*|[a-z]+/)?([A-Z]\w+)\.([A-Z]\w+|\*)(?:/\w+)?`")
# NAME in a path stands for any.
CITED_FILE = re.compile(r"`((?:plugin|hooks|tests|docs|config|cmake)/[\w./-]*\w)/?`")
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
CODE_NAME = re.compile(r'\{ErrorCode::k\w+, "([\w-]+)"\}')
# In a comment: a path from the root of the tree, or the bare name of a source (not <linux/bpf.h>).
COMMENTED_FILE = re.compile(r"(?<![\w./<*-])((?:plugin|hooks|tests|docs|config|cmake)/[\w./-]*\w)")
COMMENTED_SOURCE = re.compile(r"(?<![\w./<*])([a-z]\w*\.(?:h|cc))\b")
DECISION = re.compile(r"(\d{4})-[\w-]+\.md")
DECISIONS = "docs/adr/README.md"
ERROR_SOURCE = "plugin/base/error.cc"
ERROR_DOCUMENT = "docs/operating.md"


def tests_of(root):
    names = set()
    for path in tree.cxx_files(root):
        if str(path).startswith("tests/"):
            names.update(TEST_MACRO.findall(tree.text_of(root, path) or ""))
    return names


def cited_tests(line, tests):
    for suite, case in CITED_TEST.findall(line):
        known = any(suite == one for one, _ in tests) if case == "*" else (suite, case) in tests
        if not known:
            yield f"there is no test {suite}.{case}"


def missing_files(root, names):
    for name in names:
        if "NAME" not in name and not any((root / name).parent.glob((root / name).name + "*")):
            yield f"there is no {name}"


def cited_files(root, path, line):
    yield from missing_files(root, CITED_FILE.findall(line))
    for name in LINK.findall(line):
        if not ((root / path).parent / name).exists():
            yield f"the link leads nowhere: {name}"


def commented_files(root):
    sources = {path.name for path in tree.files(root)}
    for path in tree.files(root):
        for number, comment in tree.comments(root, path):
            problems = [*missing_files(root, COMMENTED_FILE.findall(comment)),
                        *(f"there is no {name}" for name in COMMENTED_SOURCE.findall(comment)
                          if name not in sources and "NAME" not in name)]
            for problem in problems:
                yield f"{path}:{number}: {problem}"


def undocumented_codes(root):
    source = root / ERROR_SOURCE
    if not source.exists():
        return
    document = (root / ERROR_DOCUMENT).read_text() if (root / ERROR_DOCUMENT).exists() else ""
    for code in CODE_NAME.findall(source.read_text()):
        if f"| `{code}` |" not in document:
            yield f"{ERROR_DOCUMENT}:1: the error code {code} is not explained"


def holes_of_decisions(root):
    """Every page of docs/adr has a row in its index, and every number up to the last is spoken of."""
    pages = sorted(path.name for path in (root / DECISIONS).parent.glob("[0-9]*.md"))
    text = (root / DECISIONS).read_text() if (root / DECISIONS).exists() else ""
    for page in pages:
        if f"({page})" not in text:
            yield f"{DECISIONS}:1: {page} has no row"
    for number in range(1, int(DECISION.match(pages[-1])[1]) if pages else 0):
        if not re.search(rf"\b{number}\b", DECISION.sub("", text)):
            yield f"{DECISIONS}:1: nothing is said of number {number}"


def main():
    root = tree.parse_arguments(__doc__).root
    findings, looked_at = [*undocumented_codes(root), *holes_of_decisions(root),
                             *commented_files(root), *words.findings(root)], 0
    tests = tests_of(root)
    for path in tree.files(root):
        if path.suffix != ".md":
            continue
        looked_at += 1
        for number, line in enumerate((root / path).read_text().splitlines(), start=1):
            problems = [*cited_tests(line, tests), *cited_files(root, path, line)]
            findings += [f"{path}:{number}: {problem}" for problem in problems]
    tree.report("docs", findings, looked_at)


main()
