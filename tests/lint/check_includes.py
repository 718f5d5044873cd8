# Who may include whom: the two rules that carry the design (docs/architecture.md). No stage includes
# another stage; each library's headers appear in one room only.
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
    "guard": STAGE | {"kernel"},
    "apply": STAGE | {"kernel"},
    "inventory": STAGE | {"kernel", "record"},
    "advice": STAGE | {"policy"},
    "nri": GROUND,
    "engine": STAGE,
    "health": STAGE | {"kernel", "policy", "engine", "inventory", "record"},
    "node": STAGE | {"kernel", "policy", "engine", "inventory", "record"},
}
# These sit on top and may include every room.
ALL_ROOMS = set(ROOMS)
TOP = {
    "pipeline": ALL_ROOMS,
    "cli": ALL_ROOMS | {"pipeline"},
    "daemon": ALL_ROOMS | {"pipeline"},
    "hooks": ALL_ROOMS | {"pipeline"},
}

# Rooms within a room: what each may include of the others. "" is what stands beside them.
PARTS = {
    "policy": {
        "": set(),
        "decide": {""},
        "language": {"", "decide"},
        "set": {""},
    },
    "kernel": {
        "": set(),
        "process": {""},
        "mount": {"", "process"},
        "bpf": {"", "process", "mount"},
    },
    "engine": {
        "wiring": set(),
        "": {"wiring"},
        "cdi": set(),
        "containerd": {"wiring"},
        "docker": {"wiring"},
    },
    "cli": {
        "term": set(),
        "explain": {"term"},
        "": {"term", "explain"},
    },
}
BEYOND_PARTS = {
    # What puts a set in force reads the policies; the hook links the rest of set/, and no YAML.
    "plugin/policy/set/install": {"language"},
    # What the kernel can do is asked of every facility.
    "plugin/kernel/probe": {"bpf", "process"},
}

# Library header prefix -> the files that may include it.
LIBRARIES = {
    "yaml-cpp/": r"plugin/policy/language/tree\.cc",
    "rapidjson/": r"plugin/json/(json|outline)\.cc",
    "bpf/": r"plugin/(kernel|guard)/.*",
    "libmount/": r"plugin/kernel/.*",
    "sys/capability.h": r"plugin/kernel/.*",
    "flatbuffers/": r"plugin/policy/set/.*",
    "CLI/": r"plugin/cli/.*",
    "google/protobuf/": r"plugin/nri/.*",
    "plugin/nri/nri.pb.h": r"plugin/nri/.*",
    "plugin/nri/ttrpc.pb.h": r"plugin/nri/.*",
    "toml++/": r"plugin/engine/wiring/toml\.cc",
}
# What the static hook links must start fast: <iostream> brings constructors that run before main.
NO_IOSTREAM = re.compile(
    r"(plugin/(base|json|host|model|oci|policy|plan|kernel|apply|record)/.*|plugin/pipeline/.*|hooks/.*)")

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


def complaints(path, quote, target, root):
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


def main():
    root = tree.parse_arguments(__doc__).root
    findings, looked_at = [], 0
    for path in map(str, tree.cxx_files(root)):
        looked_at += 1
        for number, line in enumerate(tree.text_of(root, path).splitlines(), start=1):
            if match := INCLUDE.match(line):
                for text in complaints(path, match[1], match[2], root):
                    findings.append(f"{path}:{number}: {text}")
    tree.report("includes", findings, looked_at)


main()
