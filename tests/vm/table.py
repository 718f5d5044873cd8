# The table of docs/kernels.md: what each kernel answers to the tests of some fixtures, those of HEADINGS.
# Run by itself, `table.py PROGRAMS.TXT` checks that the page has a row for each of these tests and no
# other; run.py writes it, and checks its cells against what a kernel answers.
import json
import pathlib
import re
import sys

import results

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/kernels.md"
BEGIN, END = "<!-- made by ./dev vm --all --table -->\n", "<!-- end of what is made -->\n"
# Fixtures in the order of the page, by suite, each with its heading.
HEADINGS = {
    "kernel.PinFacts": "Pins and maps",
    "kernel.AttributeFacts": "Attributes of pins",
    "kernel.MountFacts": "Mounts",
    "kernel.DetachedFacts": "A mount that is attached nowhere",
    "kernel.TokenFacts": "A BPF file system that delegates",
    "kernel.RootlessFacts": "A user without privileges, and root of a user namespace of theirs",
    "kernel.ProbeFacts": "What `pinscope doctor` looks for",
    "engines.LayoutTest": "Views of containers of runc and crun",
    "engines.UserNamespace": "Views of containers with a user namespace",
    "engines.Token": "Containers with BPF tokens",
    "engines.Libbpf": "Unmodified programs that use libbpf, with a token",
}
NAME = re.compile(r"(?:\w+/)?(?P<fixture>\w+)\.(?P<test>\w+)(?:/(?P<parameter>\w+))?")
RUNTIMES = ("runc", "crun")


def row_of(suite, name):
    """(heading, row) of a test, its name in words; None if it has no row."""
    match = NAME.fullmatch(name)
    heading = HEADINGS.get(f"{suite}.{match['fixture']}") if match else None
    if not heading:
        return None
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", match["test"]).lower()
    if match["parameter"] and match["parameter"] not in RUNTIMES:
        text = match["parameter"].replace("_", " ")
    return heading, text[0].upper() + text[1:]


def answer_of(case):
    match case.outcome:
        case "failed":
            return "**failed**"
        case "skipped":
            return case.answer or f"not tried: {case.text}"
    return case.answer or "yes"


def answers_of(cases):
    """[heading, row, answer] of one kernel, in the order in which they ran. A row that both runtimes
    have says it of each where they differ."""
    rows = {}
    for case in cases:
        if row := row_of(case.suite, case.name):
            rows.setdefault(row, {})[case.name.rpartition("/")[2]] = answer_of(case)
    return [[*row, next(iter(answers.values())) if len(set(answers.values())) == 1 else
             "; ".join(f"{name}: {answer}" for name, answer in answers.items())]
            for row, answers in rows.items()]


def version(release):
    return tuple(int(number) for number in re.findall(r"\d+", release)[:3])


def column(release):
    return ".".join(release.split(".")[:2])


def cell(text):
    return text.replace("|", "\\|")


def render(kernels):
    """The tables, with one column for each kernel, oldest first."""
    kernels = sorted(kernels, key=lambda kernel: version(kernel["release"]))
    headings = {}
    for kernel in kernels:
        for heading, row, _ in kernel["rows"]:
            headings.setdefault(heading, {}).setdefault(row, [])
    lines = ["Tried on: " + ", ".join(kernel["release"] for kernel in kernels) + ".", ""]
    for heading in HEADINGS.values():
        if heading not in headings:
            continue
        columns = [column(kernel["release"]) for kernel in kernels]
        lines += [f"## {heading}", "", "| | " + " | ".join(columns) + " |",
                  "|---" * (len(columns) + 1) + "|"]
        for row in headings[heading]:
            answers = [next((answer for at, name, answer in kernel["rows"] if (at, name) == (heading, row)),
                            "not tried") for kernel in kernels]
            lines.append("| " + " | ".join(map(cell, [row, *answers])) + " |")
        lines.append("")
    return "\n".join(lines)


def parse(page):
    """{(heading, row): {column: answer}} of the page."""
    found, heading, columns = {}, "", []
    text = page[page.index(BEGIN):page.index(END)]
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("| | "):
            columns = [word.strip() for word in line.strip("| ").split("|")]
        elif line.startswith("| "):
            cells = [one.strip().replace("\\|", "|") for one in re.split(r"(?<!\\)\|", line)[1:-1]]
            found[heading, cells[0]] = dict(zip(columns, cells[1:]))
    return found


def disagreement(answers):
    """What the page says otherwise of this kernel; empty if nothing, or if it has no such column."""
    page, release = parse(PAGE.read_text()), column(answers["release"])
    lines = []
    for heading, row, answer in answers["rows"]:
        documented = page.get((heading, row), {})
        if release in documented and documented[release] != answer:
            lines.append(f"docs/kernels.md, \"{row}\" on {release}: it says \"{documented[release]}\", "
                         f"the kernel \"{answer}\"")
    return "\n".join(lines)


def write(directory):
    """Puts the answers of all kernels that were tried into the page."""
    kernels = [json.loads(path.read_text()) for path in sorted(directory.glob("*.json"))]
    page = PAGE.read_text()
    before, after = page[:page.index(BEGIN) + len(BEGIN)], page[page.index(END):]
    PAGE.write_text(before + render(kernels) + after)


def main():
    wanted = set()
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        kind, suite, program, _ = line.split()
        if kind == "full":
            wanted |= {row_of(suite, name) for name in results.expected(program, "*")}
    wanted.discard(None)
    there = set(parse(PAGE.read_text()))
    for heading, row in sorted(wanted - there):
        print(f"docs/kernels.md has no row \"{row}\" below \"{heading}\": run ./dev vm --all --table")
    for heading, row in sorted(there - wanted):
        print(f"docs/kernels.md has a row \"{row}\" below \"{heading}\", and no test is called so")
    sys.exit(1 if wanted != there else 0)


if __name__ == "__main__":
    main()
