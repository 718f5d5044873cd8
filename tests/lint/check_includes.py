# Who may include whom: the two rules that carry the design. No stage includes another stage; each
# library's headers appear in one room only. docs/architecture.md shows the tables, as --print
# prints them.
import re

import tree

# A room's own headers are always allowed. A new room needs a line here: that is the point.
GROUND = {"base", "json", "host"}
STAGE = GROUND | {"model"}
ROOMS = {
    "base": set(),
    "json": {"base"},
    "host": {"base"},
    "model": {"base", "json"},
    "oci": STAGE,
    "policy": STAGE,
    "plan": STAGE,
    "record": STAGE,
    "kernel": STAGE,
    "values": STAGE | {"kernel"},
    "apply": STAGE | {"kernel", "values"},
    "inventory": STAGE | {"policy", "kernel", "engine", "record"},
    "advice": STAGE | {"policy"},
    "nri": GROUND,
    "engine": STAGE,
    "health": STAGE | {"kernel", "policy", "engine", "inventory", "record"},
    "node": STAGE | {"kernel", "policy", "engine", "inventory", "record"},
    "metrics": STAGE | {"kernel", "policy", "inventory", "record"},
}
# These sit on top: the last rows of the page's table.
ALL_ROOMS = set(ROOMS)
TOP = {
    "pipeline": STAGE | {"oci", "policy", "plan", "record", "kernel", "apply"},
    "follow": STAGE | {"policy", "record", "kernel", "pipeline"},
    "drift": STAGE | {"policy", "record", "kernel", "inventory", "pipeline"},
    "cli": ALL_ROOMS | {"pipeline", "drift"},
    "daemon": ALL_ROOMS | {"pipeline", "follow"},
    "hooks": ALL_ROOMS | {"pipeline"},
}

# Rooms within a room: what each may include of the others. "" is files beside the folders.
PARTS = {
    "policy": {
        "": set(),
        "decide": {""},
        "testing": {"", "decide"},
        "language": {"", "decide", "testing"},
        "set": {""},
    },
    "kernel": {
        "": set(),
        "process": {""},
        "mount": {"", "process"},
        "bpf": {"", "process", "mount"},
        "watch": {"", "process", "mount", "bpf"},
    },
    "engine": {
        "wiring": set(),
        "": {"wiring", "containerd", "docker"},
        "cdi": set(),
        "containerd": {"wiring"},
        "docker": {"wiring"},
    },
    "metrics": {
        "": set(),
        "serve": set(),
    },
    "values": {
        "read": set(),
        "types": {"read"},
        "names": {"types"},
        "fuse": {"read", "types", "names"},
        "hold": {"fuse"},
    },
    "cli": {
        "term": set(),
        "access": {"term"},
        "audit": {"term"},
        "check": {"term"},
        "diff": {"term", "explain"},
        "apply": {"term", "explain"},
        "drift": {"term", "explain", "apply"},
        "exceptions": {"term", "explain", "apply"},
        "dump": {"term"},
        "explain": {"term"},
        "inventory": {"term"},
        "report": {"term"},
        "suggest": {"term"},
        "test": {"term"},
        "": {"term", "access", "apply", "audit", "check", "diff", "drift", "dump", "exceptions", "explain", "inventory", "report", "suggest", "test"},
    },
}
BEYOND_PARTS = {
    # What puts a set in force reads the policies; the hook links the rest of set/, and no YAML.
    "plugin/policy/set/install": {"language"},
    # What the kernel can do is asked of every facility.
    "plugin/kernel/probe": {"bpf", "process"},
    # Declared with the other commands.
    "plugin/cli/access/can": {""},
    "plugin/cli/access/who": {""},
    "plugin/cli/audit/audit": {""},
    "plugin/cli/check/check": {""},
    "plugin/cli/diff/diff": {""},
    "plugin/cli/apply/apply": {""},
    "plugin/cli/drift/drift": {""},
    "plugin/cli/exceptions/exceptions": {""},
    "plugin/cli/exceptions/grant": {""},
    "plugin/cli/exceptions/revoke": {""},
    "plugin/cli/dump/dump": {""},
    "plugin/cli/explain/explain": {""},
    "plugin/cli/inventory/inventory": {""},
    "plugin/cli/report/report": {""},
    "plugin/cli/suggest/suggest": {""},
    "plugin/cli/test/test": {""},
}

# Library header prefix -> the files that may include it.
LIBRARIES = {
    "yaml-cpp/": r"plugin/policy/language/tree\.cc",
    "rapidjson/": r"plugin/json/(json|outline)\.cc",
    "bpf/": r"plugin/values/types/.*",
    "libmount/": r"plugin/kernel/.*",
    "sys/capability.h": r"plugin/kernel/.*",
    "flatbuffers/": r"plugin/policy/set/.*",
    "CLI/": r"plugin/cli/.*",
    "google/protobuf/": r"plugin/nri/.*",
    "plugin/nri/nri.pb.h": r"plugin/(nri|daemon)/.*",
    "plugin/nri/ttrpc.pb.h": r"plugin/nri/.*",
    "toml++/": r"plugin/engine/wiring/toml\.cc",
    "openssl/": r"plugin/(record/chain|values/names/digest)\.cc",
    "fuse3/": r"plugin/values/fuse/.*",
    "dtl/": r"plugin/engine/wiring/difference\.cc",
    "pugixml.hpp": r"plugin/cli/report/.*",
}
# What the static hook links must start fast: <iostream> brings constructors that run before main.
NO_IOSTREAM = re.compile(
    r"(plugin/(base|json|host|model|oci|policy|plan|kernel|apply|record)/.*|plugin/pipeline/.*|hooks/.*)")

PAGE = "docs/architecture.md"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(path):
    """The room of a file or of an included path; None for tests and everything else."""
    parts = path.split("/")
    if parts[0] == "hooks":
        return "hooks"
    if parts[0] != "plugin":
        return None
    if len(parts) == 2:
        return parts[1].split(".")[0]
    return parts[1]


def part_of(path):
    """The part of its room that a file is in; "" for one beside the parts."""
    parts = path.split("/")
    return parts[2] if len(parts) > 3 else ""


def is_apart(path, target):
    """Whether both are in one room, and the file's part may not include the other's."""
    room = room_of(path)
    if room not in PARTS or room_of(target) != room:
        return False
    here, there = part_of(path), part_of(target)
    allowed = PARTS[room].get(here, set()) | BEYOND_PARTS.get(path.rsplit(".", 1)[0], set())
    return here != there and there not in allowed


def suite_of(path):
    """The suite that a test's file or header belongs to; None for everything else."""
    parts = path.split("/")
    return parts[1] if parts[0] == "tests" and len(parts) > 2 else None


def findings_of(path, quote, target, root):
    room = room_of(path)
    if quote == '"':
        if target.split("/")[0] not in ("plugin", "hooks", "tests"):
            yield f'"{target}" is not a path from the root of the tree'
        elif not (root / target).exists() and not target.endswith(("_generated.h", ".pb.h")):
            yield f'"{target}" does not exist'
        if room and target.startswith("tests/"):
            yield f"{room} includes a test header"
        elif suite_of(target) not in (None, suite_of(path), "support"):
            yield f"{path.rsplit('/', 1)[0]} may include tests/support and its own headers only"
        wanted = room_of(target)
        if room and wanted and wanted != room:
            allowed = TOP.get(room, ROOMS.get(room))
            if allowed is None:
                yield f'room "{room}" has no rule in tests/lint/check_includes.py'
            elif wanted not in allowed:
                yield f"{room} may not include {wanted}"
        if is_apart(path, target):
            yield f"{room}/{part_of(path)} may not include {room}/{part_of(target)}"
    if not path.startswith("tests/"):
        for prefix, owner in LIBRARIES.items():
            if target.startswith(prefix) and not re.fullmatch(owner, path):
                yield f"<{target}> belongs to {owner}"
    if target == "iostream" and NO_IOSTREAM.fullmatch(path):
        yield "<iostream> is not for what the hook links"


def words_of(allowed):
    """What a room may include, as the page says it."""
    if allowed >= ALL_ROOMS:
        beyond = "".join(f", `{room}`" for room in TOP if room in allowed - {"pipeline"})
        return f"every room down to `pipeline`{beyond}"
    if allowed >= STAGE:
        rest, base = allowed - STAGE, "model and the ground"
    elif allowed == GROUND:
        return "the ground"
    else:
        return ", ".join(room for room in ROOMS if room in allowed) or "nothing of ours"
    names = ", ".join(room for room in (*ROOMS, *TOP) if room in rest)
    return f"{names}, {base}" if names else base


def words_of_part(allowed):
    """The same of a room within a room."""
    names = sorted(part for part in allowed if part) + ["files beside the folders"] * ("" in allowed)
    return ", ".join(names) or "none of them"


def words_of_files(room, part):
    """The same of its single files that may include more."""
    return "".join(f"; `{path.rsplit('/', 1)[1]}` also {words_of_part(more)}"
                   for path, more in BEYOND_PARTS.items() if path.startswith(f"plugin/{room}/{part}/"))


def table():
    """Each room and each room within a room that is checked, with what it may include, in words."""
    rooms = {room: words_of(allowed) for room, allowed in {**ROOMS, **TOP}.items()}
    for room, parts in PARTS.items():
        rooms |= {f"{room}/{part}": words_of_part(allowed) + words_of_files(room, part)
                  for part, allowed in parts.items() if part}
    return rooms


def differences_of_page(root):
    """Where the tables of the page say something else. Its first column is the room, its last is
    what the room may include."""
    page = root / PAGE
    if not page.exists():
        return
    wanted, seen = table(), set()
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if match := re.match(r"\| `([a-z_/]+?)/?` \|.*\| ([^|]*) \|$", line):
            room, words = match[1], match[2]
            seen.add(room)
            if room in wanted and words != wanted[room]:
                yield f'{PAGE}:{number}: {room} may include "{wanted[room]}", not "{words}"'
    for room in wanted:
        if room not in seen and (root / "plugin" / room).is_dir():
            yield f"{PAGE}: {room} has no row"


def main():
    arguments = tree.parse_arguments(__doc__, print="print the tables that docs/architecture.md shows")
    if arguments.print:
        print("\n".join(f"| `{room}` | {words} |" for room, words in table().items()))
        return
    root = arguments.root
    findings, looked_at = list(differences_of_page(root)), 0
    for path in map(str, tree.cxx_files(root)):
        looked_at += 1
        for number, line in enumerate(tree.text_of(root, path).splitlines(), start=1):
            if match := INCLUDE.match(line):
                for text in findings_of(path, match[1], match[2], root):
                    findings.append(f"{path}:{number}: {text}")
    tree.report("includes", findings, looked_at)


main()
