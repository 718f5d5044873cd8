# Writes the tables of docs/performance.md from what pinscope-bench --json has measured: page.py RESULTS.JSON.
# Those of the hook, or, with --inventory, that of the inventory.
import datetime
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- made by ./dev bench --page -->\n", "<!-- end of what is made -->\n"
BEGIN_INVENTORY = "<!-- made by ./dev bench --page --inventory -->\n"
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


def inventory_table(scenarios):
    lines = "| machine | floor | inventory | inventory / floor |\n|---|---|---|---|\n"
    for scenario in scenarios:
        by_name = {program["name"]: program for program in scenario["programs"]}
        floor, inventory = by_name["inventory-floor"], by_name["inventory"]
        lines += (f"| {scenario['name']} | {milliseconds(floor)} | {milliseconds(inventory)} | "
                  f"{inventory['p50'] / floor['p50']:.2f} |\n")
    return lines


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
    text = (f"Linux {results['kernel']}, {date}, the tree of {commit()}; p50 in milliseconds.\n\n")
    if all(s["name"].startswith("inventory") for s in results["scenarios"]):
        return write(BEGIN_INVENTORY, text + inventory_table(results["scenarios"]))
    hooks = [s for s in results["scenarios"] if any(p["name"] == "hook" for p in s["programs"])]
    text += HEAD + "".join(row(s) for s in hooks if not s["name"].startswith("runc"))
    for scenario in results["scenarios"]:
        if scenario["name"].startswith("runc"):
            text += plain_table(scenario)
    return write(BEGIN, text)


def write(begin, text):
    """Puts it in the place of what is there, up to the next end."""
    before, rest = PAGE.read_text().split(begin)
    PAGE.write_text(before + begin + text + END + rest.split(END, 1)[1])


main()
