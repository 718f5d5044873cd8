# Writes the tables of docs/performance.md from what pinscope-bench --json has measured: page.py RESULTS.JSON.
# Those of the hook, or that of --inventory, --values, --dump or --follow.
import datetime
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/performance.md"
END = "<!-- end of what is made -->\n"
HEAD = ("| scenario | empty | view only | floor | hook | shell | hook / floor | hook / empty | peak of the hook |\n"
        "|---|---|---|---|---|---|---|---|---|\n")


def milliseconds(program):
    if not program:
        return ""
    value = program["p50"] / 1e6
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(program, reference):
    value = program.get(f"thousandths_of_{reference}")
    return f"{value / 1000:.2f}" if value else ""


def row(scenario):
    by_name = {program["name"]: program for program in scenario["programs"]}
    hook = by_name["hook"]
    cells = [scenario["name"]]
    cells += [milliseconds(by_name.get(name)) for name in
              ("empty", "floor-view-only", "floor", "hook", "shell")]
    cells += [ratio(hook, "floor"), ratio(hook, "empty") if "floor-view-only" not in by_name else ""]
    cells.append(f"{hook['peak_kib'] / 1024:.1f} MiB")
    return "| " + " | ".join(cells) + " |\n"


def plain_table(scenario):
    lines = f"\n| {scenario['name']} | p50 | p99 |\n|---|---|---|\n"
    for program in scenario["programs"]:
        lines += (f"| {program['name']} | {program['p50'] / 1e6:.3g} | "
                  f"{program['p99'] / 1e6:.3g} |\n")
    return lines


def beside_the_first(scenarios):
    """What the first program of each scenario does is the least that the others can take."""
    lines = "| scenario | program | p50 | of the first |\n|---|---|---|---|\n"
    for scenario in scenarios:
        first, *others = scenario["programs"]
        lines += f"| {scenario['name']} | {first['name']} | {milliseconds(first)} | |\n"
        for program in others:
            lines += (f"| | {program['name']} | {milliseconds(program)} | "
                      f"{program['p50'] / first['p50']:.2f} |\n")
    return lines


def with_processor(scenarios):
    lines = "| scenario | program | p50 | p99 | on a processor | memory |\n|---|---|---|---|---|---|\n"
    for scenario in scenarios:
        for program in scenario["programs"]:
            # Of what somebody waits for, and many processes work at.
            is_wait = program["cpu_p50"] == program["p50"]
            memory = f"{program['peak_kib'] / 1024:.1f} MiB" if program.get("peak_kib") else ""
            lines += (f"| {scenario['name']} | {program['name']} | {milliseconds(program)} | "
                      f"{milliseconds({'p50': program['p99']})} | "
                      f"{'' if is_wait else milliseconds({'p50': program['cpu_p50']})} | {memory} |\n")
    return lines


def of_the_hook(scenarios):
    hooks = [s for s in scenarios if any(p["name"] == "hook" for p in s["programs"])]
    text = HEAD + "".join(row(s) for s in hooks if not s["name"].startswith("runc"))
    return text + "".join(plain_table(s) for s in scenarios if s["name"].startswith("runc"))


# By the first scenario that each of them has.
TABLES = {"inventory-pins": (" --inventory", beside_the_first),
          "value-opened-read-closed": (" --values", beside_the_first),
          "dump-number": (" --dump", beside_the_first),
          "follow-1": (" --follow", with_processor)}


def commit():
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    name = subprocess.run([*git, "log", "-1", "--format=%h"], capture_output=True, text=True,
                          check=True).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "plugin", "hooks", "tests/bench"],
                             check=False).returncode
    return name + (" and changes on top of it" if changed else "")


def main():
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    date = datetime.datetime.now(datetime.timezone.utc).date()
    option, table = TABLES.get(results["scenarios"][0]["name"], ("", of_the_hook))
    write(f"<!-- made by ./dev bench --page{option} -->\n",
          f"Linux {results['kernel']}, {date}, the tree of {commit()}; p50 in milliseconds.\n\n" +
          table(results["scenarios"]))


def write(begin, text):
    """Puts it in the place of what is there, up to the next end."""
    before, rest = PAGE.read_text().split(begin)
    PAGE.write_text(before + begin + text + END + rest.split(END, 1)[1])


main()
