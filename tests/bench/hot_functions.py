#!/usr/bin/python3
# Writes hooks/hot_functions.ld: the functions that a start runs, for the linker to put side by side.
# hot_functions.py BUILD, as root, with the release build there. It runs the suite "fault"'s count of
# instructions, which follows the hook step by step, and looks each address up in the linker's map.
# A list that is older than the code does no harm but to the page faults, which HookBudget counts.
import array
import bisect
import os
import pathlib
import re
import subprocess
import sys
import tempfile

LIST = pathlib.Path(__file__).resolve().parents[2] / "hooks/hot_functions.ld"
HEAD = """/* Made by tests/bench/hot_functions.py: what a start runs, in the order of its first use. A name that
   does not exist is passed over. */
SECTIONS
{
  .text.start :
  {
"""
TAIL = """  }
}
INSERT BEFORE .text;
"""
# A section's name, and its address, size and file: on the same line, or on the next if the name is long.
SECTION = re.compile(r"^ (\.text[.\w]*)\s+0x(\w+)\s+0x(\w+) (\S+)$", re.MULTILINE)
MEMBER = re.compile(r".*/(lib[^/]*\.a)\((.*)\)")


def sections(linker_map):
    text = linker_map.read_text()
    found = SECTION.findall(text[text.index("Linker script and memory map"):])
    return sorted((int(at, 16), int(size, 16), name, file) for name, at, size, file in found if int(at, 16))


def steps_of(build):
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run([build / "tests/fault/budget_test", "--gtest_filter=*ByInstructions/*"],
                       env=os.environ | {"PINSCOPE_STEPS": file.name}, stdout=subprocess.DEVNULL, check=False)
        steps = array.array("Q")
        steps.frombytes(pathlib.Path(file.name).read_bytes())
    return dict.fromkeys(steps)  # each once, in order


def pattern(name, file):
    member = MEMBER.match(file)
    if member and not member[1].startswith("libpinscope"):
        return f"*{member[1]}:{member[2]}({name})"
    return None if name == ".text" else f"*({name})"


def main():
    build = pathlib.Path(sys.argv[1])
    known = sections(build / "hooks/pinscope-hook.map")
    begins = [at for at, *_ in known]
    patterns = {}
    for step in steps_of(build):
        at, size, name, file = known[bisect.bisect(begins, step) - 1]
        if at <= step < at + size and (found := pattern(name, file)):
            patterns[found] = size
    LIST.write_text(HEAD + "".join(f"    {found}\n" for found in patterns) + TAIL)
    print(f"{LIST.name}: {len(patterns)} functions, {sum(patterns.values())} bytes")


main()
