# Who may include whom: the two rules that carry the design (docs/architecture.md). No stage includes
# another stage; each library's headers appear in one room only.
import re

import tree

# A room's own headers are always allowed. A new room needs a line here: that is the point.
STAGE = {"base", "model"}
ROOMS = {
    "base": set(),
    "model": {"base"},
    "oci": STAGE,
    "policy": STAGE,
    "plan": STAGE,
    "record": STAGE,
    "kernel": STAGE,
    "guard": STAGE | {"kernel"},
    "apply": STAGE | {"kernel"},
    "inventory": STAGE | {"kernel", "record"},
    "nri": {"base"},
    "engine": STAGE,
    "node": STAGE | {"kernel", "policy", "engine", "inventory", "record"},
}
# These sit on top and may include every room; "pipeline" is plugin/pipeline.{h,cc} and
# plugin/pipeline/.
ALL_ROOMS = set(ROOMS)
TOP = {
    "pipeline": ALL_ROOMS,
    "cli": ALL_ROOMS | {"pipeline"},
    "daemon": ALL_ROOMS | {"pipeline"},
    "hooks": ALL_ROOMS | {"pipeline"},
}

# Library header prefix -> the files that may include it.
LIBRARIES = {
    "yaml-cpp/": r"plugin/policy/yaml[a-z_]*\.cc",
    "rapidjson/": r"plugin/base/json(_outline)?\.cc",
    "bpf/": r"plugin/(kernel|guard)/.*",
    "libmount/": r"plugin/kernel/.*",
    "sys/capability.h": r"plugin/kernel/.*",
    "flatbuffers/": r"plugin/policy/.*",
    "CLI/": r"plugin/cli/.*",
    "google/protobuf/": r"plugin/nri/.*",
    "plugin/nri/nri.pb.h": r"plugin/nri/.*",
    "plugin/nri/ttrpc.pb.h": r"plugin/nri/.*",
    "toml++/": r"plugin/engine/toml\.cc",
}
# What the static hook links must start fast: <iostream> brings constructors that run before main.
NO_IOSTREAM = re.compile(
    r"(plugin/(base|model|oci|policy|plan|kernel|apply|record)/.*|plugin/pipeline[./].*|hooks/.*)")

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


def complaints(path, quote, target, root):
    room = room_of(path)
    if quote == '"':
        if target.split("/")[0] not in ("plugin", "hooks", "tests"):
            yield f'"{target}" is not a path from the root of the tree'
        elif not (root / target).exists() and not target.endswith(("_generated.h", ".pb.h")):
            yield f'"{target}" does not exist'
        if room and target.startswith("tests/"):
            yield f"{room} includes a test header"
        wanted = room_of(target)
        if room and wanted and wanted != room:
            allowed = TOP.get(room, ROOMS.get(room))
            if allowed is None:
                yield f'room "{room}" has no rule in tests/lint/check_includes.py'
            elif wanted not in allowed:
                yield f"{room} may not include {wanted}"
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
