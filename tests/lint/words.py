# Words that docs/glossary.md says are not used: its third column, in documents, man pages and
# comments. Code is left out, in `backticks` as well; a word that is itself in backticks there is not
# used in names of the code. check_docs.py runs it.
import re

import tree

GLOSSARY = "docs/glossary.md"
ROW = re.compile(r"^\|([^|]+)\|[^|]*\|([^|]+)\|$", re.MULTILINE)
CODE = re.compile(r"`[^`]*`")
NOT_NAMES = re.compile(r'"(?:\\.|[^"\\])*"|//.*')
HEADINGS = {"do not say", "---"}


def unused(root):
    """Word that is not used -> the word of the glossary."""
    if not (root / GLOSSARY).exists():
        return {}
    rows = ROW.findall((root / GLOSSARY).read_text())
    return {word.strip().lower(): used.strip() for used, words in rows
            for word in words.split(",") if word.strip() and word.strip() not in HEADINGS}


def prose(root, path):
    """(line number, text) of what people read in a file."""
    if path.suffix != ".md" and path.parts[:2] != ("docs", "man"):
        yield from tree.comments(root, path)
        return
    fenced = False
    for number, line in enumerate((root / path).read_text().splitlines(), start=1):
        fenced ^= line.startswith("```")
        if not fenced:
            yield number, line


def findings_in_names(root, names):
    if not names:
        return
    pattern = re.compile(rf"\w*({'|'.join(map(re.escape, names))})\w*", re.I)
    for path in tree.cxx_files(root):
        for number, line in enumerate((tree.text_of(root, path) or "").splitlines(), start=1):
            for match in pattern.finditer(NOT_NAMES.sub("", line)):
                yield (f'{path}:{number}: the name "{match[0]}": {GLOSSARY} says '
                       f'"{names[match[1].lower()]}"')


def findings(root):
    everything = unused(root)
    if not everything:
        return
    names = {word.strip("`"): used for word, used in everything.items() if word[0] == "`"}
    words = {word: used for word, used in everything.items() if word[0] != "`"}
    words |= {re.sub("y$", "ie", word): used for word, used in words.items()}
    yield from findings_in_names(root, names)
    # With an ending as well, but no name with a dot.
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, words))})(s|es|ed|ing)?\b(?!\.\w)", re.I)
    for path in tree.files(root):
        if str(path) == GLOSSARY:
            continue
        for number, text in prose(root, path):
            for match in pattern.finditer(CODE.sub("", text)):
                yield (f'{path}:{number}: "{match[0]}": {GLOSSARY} says '
                       f'"{words[match[1].lower()]}"')
