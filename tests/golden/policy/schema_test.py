# The JSON Schema accepts and refuses what the loader accepts and refuses.
#
# Every valid file must pass, every invalid one must not, but for those that say in their first line
# that a schema cannot express what is wrong with them: those must pass, so that the mark stays true.

import json
import pathlib
import re
import sys

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"skipped: {error} (packages python3-jsonschema and python3-yaml)")
    sys.exit(77)

CANNOT_EXPRESS = "# schema: cannot express"


def keys_are_text(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and keys_are_text(item) for key, item in value.items())
    return not isinstance(value, list) or all(keys_are_text(item) for item in value)


def problems(validator, data):
    """What an editor would complain about, or nothing."""
    try:
        # The second reader is the one that editors use: a file must be YAML to both.
        documents = [item for item in yaml.safe_load_all(data) if item is not None]
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        return [f"not YAML: {str(error).splitlines()[0]}"]
    found = []
    for document in documents:
        if not keys_are_text(document):
            found.append("a key is not text")
        else:
            found += [error.message for error in validator.iter_errors(document)]
    return found


def map_type_names(root):
    """The names in the table of map types, and those of types that cannot be granted for reading."""
    source = (root / "plugin/model/map_types.cc").read_text()
    body = re.search(r"kMapTypes = .*?\{(.*?)\n\}\);", source, re.S).group(1)
    rows = re.findall(r'^    \{"(\w+)",\s*(nullptr)?', body, re.M)
    return [name for name, _ in rows], [name for name, not_read in rows if not_read]


def type_names(source, table):
    body = re.search(table + r" = .*?\{(.*?)\}\);", source, re.S).group(1)
    return re.findall(r'"(\w+)"', body)


def delegated(maps, types, rights):
    """What the loader lets a policy delegate: every name but the dangerous ones."""
    programs = re.search(r"kPrograms = .*?\{(.*?)\n\}\);", rights, re.S).group(1)
    dangers = re.findall(r"\{(\w+),\s*Scope::", programs)
    bad_attach = re.search(r"kDangerousAttach =\s*mask\(\{(.*?)\}\)", rights, re.S).group(1)
    return {
        "delegatedMap": [name for name in maps if name != "struct_ops"],
        "delegatedProgram": [name for name, danger in zip(
            type_names(types, "kProgramTypes"), dangers, strict=True) if danger == "nullptr"],
        "delegatedAttachType": [name for name in type_names(rights, "kAttachTypes")
                                if name not in re.findall(r'"(\w+)"', bad_attach)],
    }


def main():
    root = pathlib.Path(sys.argv[1])
    schema = json.loads((root / "config/policy.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    failures = []
    counts = {"valid": 0, "refused": 0, "cannot express": 0}

    golden = root / "tests/golden/policy"
    valid = sorted((golden / "valid").glob("*.yaml"))
    valid += sorted((root / "config/policies").glob("*.yaml"))
    for path in valid:
        counts["valid"] += 1
        for problem in problems(validator, path.read_bytes()):
            failures.append(f"{path.name}: the loader accepts it, the schema says: {problem}")

    blocks = re.findall(r"^```yaml\n(.*?)^```$", (root / "docs/policy.md").read_text(), re.S | re.M)
    for number, block in enumerate(blocks, 1):
        counts["valid"] += 1
        for problem in problems(validator, block.encode()):
            failures.append(f"docs/policy.md, example {number}: the schema says: {problem}")

    for path in sorted((golden / "invalid").glob("*.yaml")):
        data = path.read_bytes()
        marked = data.startswith(CANNOT_EXPRESS.encode())
        refused = bool(problems(validator, data))
        counts["cannot express" if marked else "refused"] += 1
        if refused and marked:
            failures.append(f"{path.name}: the schema can express it after all: remove the mark")
        if not refused and not marked:
            failures.append(f"{path.name}: the loader refuses it, the schema does not")

    source = (root / "plugin/model/bpf_types.cc").read_text()
    maps, not_read = map_type_names(root)
    if maps != schema["definitions"]["mapType"]["enum"]:
        failures.append("mapType in the schema differs from map_types.cc")
    if not_read != schema["definitions"]["mapTypeNotRead"]["enum"]:
        failures.append("mapTypeNotRead in the schema differs from map_types.cc")
    if type_names(source, "kProgramTypes") != schema["definitions"]["programType"]["enum"]:
        failures.append("programType in the schema differs from bpf_types.cc")

    rights = (root / "plugin/model/token_rights.cc").read_text()
    for name, wanted in delegated(maps, source, rights).items():
        if schema["definitions"][name]["enum"] != wanted:
            failures.append(f"{name} in the schema differs from token_rights.cc")

    for failure in failures:
        print(failure)
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if failures or counts["valid"] < 15 or counts["refused"] < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
