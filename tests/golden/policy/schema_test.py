# The JSON Schema accepts and refuses what the loader accepts and refuses.
#
# Every valid file must pass, every invalid one must not, but for those that say in their first line
# that a schema cannot express what is wrong with them: those must pass, so that the mark stays true.
# Every key and every word of the schema must be one of the loader's, and the other way round.

import json
import pathlib
import re
import subprocess
import sys
import tempfile

try:
    import jsonschema
    import yaml
except ImportError as error:
    print(f"skipped: {error} (packages python3-jsonschema and python3-yaml)")
    sys.exit(77)

UNKNOWN = "zzzzzzzz"  # no key and no word is near it
CANNOT_EXPRESS = "# schema: cannot express"


def keys_are_text(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and keys_are_text(item) for key, item in value.items())
    return not isinstance(value, list) or all(keys_are_text(item) for item in value)


def problems(validator, data):
    """What an editor would report, or nothing."""
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


class Loader:
    """What the loader knows: its lists of names, and its keys and words as its errors tell them."""

    def __init__(self, pinscope, policy_words):
        self.pinscope = pinscope
        lines = subprocess.run([policy_words], capture_output=True, text=True, check=True).stdout
        self.lists = {name: words for name, *words in map(str.split, lines.splitlines())}

    def told(self, place, value, pattern):
        """The words that `check` lists by this pattern of a policy with the value at that place."""
        policy = {"apiVersion": "pinscope/v1", "kind": "Policy", "metadata": {"name": "p"},
                  "spec": {"select": {}}}
        at = policy
        for key in place[:-1]:
            at = at.setdefault(key, {})
        at[place[-1]] = value
        for key in ("grants", "deny"):
            if key in policy["spec"]:
                policy["spec"][key] = [{"pin": "/sys/fs/bpf/a", **policy["spec"][key]}]
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(policy, file)
            file.flush()
            said = subprocess.run([self.pinscope, "check", file.name], capture_output=True,
                                  text=True, check=False)
        found = re.search(pattern, said.stdout + said.stderr)
        return re.split(", | or ", found[1]) if found else [said.stdout + said.stderr]


def resolved(schema, node):
    """What a reference, a list of such, or one of them stands for; and the name of that definition."""
    name = None
    while True:
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            node = schema["definitions"][name]
        elif "oneOf" in node:
            node = node["oneOf"][0]
        elif node.get("type") == "array":
            node = node["items"]
        else:
            return node, name


def differences(schema, loader, node, place=()):
    """Where keys and words of the schema are not those of the loader, from this place downwards."""
    node, name = resolved(schema, node)
    if node.get("additionalProperties") is False:
        known = loader.told((*place, UNKNOWN), 1, "known keys: (.*)")
        if sorted(known) != sorted(node["properties"]):
            yield f"keys of {'.'.join(place) or 'a policy'}: the loader has {known}"
        for key, below in node["properties"].items():
            yield from differences(schema, loader, below, (*place, key))
    words = node.get("enum") or node.get("anyOf", [{}])[0].get("enum")
    if words and name in loader.lists:
        if words != loader.lists[name]:
            yield f"{name}: the loader has {loader.lists[name]}"
    elif words:
        known = loader.told(place, UNKNOWN, "must be (.*?)(?: or the absolute path of a namespace)?\n")
        if known != words:
            yield f"words of {'.'.join(place)}: the loader has {known}"


def differences_of_tests(root, schema, counts):
    """The same of the schema of policy tests: the examples and broken ones of each, key by key."""
    validator = jsonschema.Draft7Validator(schema)
    pinscope = sys.argv[2]
    spec = {"policies": str(root / "config/policies/everyone-else.yaml"), "pins": ["/sys/fs/bpf/a"],
            "subjects": [{"name": "s", "engine": "crio", "image": "i", "bundle": "/b",
                          "kubernetes": {"namespace": "n", "pod": "p", "container": "c",
                                         "labels": {"a": "b"}},
                          "user": {"uid": 1, "gid": 2}, "annotations": {"a": "b"},
                          "namespaces": {kind: "private" for kind in ("user", "net", "pid", "ipc",
                                                                      "uts", "cgroup", "time", "mnt")},
                          "expect": {"selectedBy": ["everyone-else"], "grants": [],
                                     "notGranted": ["/x"], "refused": [], "delegates": False,
                                     "view": {"at": "/sys/fs/bpf", "layout": "shared",
                                              "hostBpffs": "mask", "void": "allow"}}}]}
    whole = {"apiVersion": "pinscope/v1", "kind": "PolicyTest", "metadata": {"name": "t"}, "spec": spec}

    def accepted(test):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(test, file)
            file.flush()
            said = subprocess.run([pinscope, "test", "--output", "json", file.name],
                                  capture_output=True, text=True, check=False)
        return not json.loads(said.stdout)["diagnostics"], said.stdout

    def places(node, at=()):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*at, key)
            if isinstance(value, (dict, list)):
                yield from places(value, (*at, key))

    def changed(place, change):
        test = json.loads(json.dumps(whole))
        at = test
        for key in place[:-1]:
            at = at[key]
        change(at, place[-1])
        return test

    variants = [whole]
    for place in places(whole):
        if place == ("spec", "policies"):
            continue
        variants.append(changed(place, lambda at, key: at.__delitem__(key)))
        variants.append(changed(place, lambda at, key: at.__setitem__(key, [["x"]])))
        if isinstance(place[-1], str):
            variants.append(changed(place, lambda at, key: at.__setitem__(UNKNOWN + key, at.pop(key))))
    for engine in ("podman", "docker", "host"):
        variants.append(changed(("spec", "subjects", 0, "engine"),
                                lambda at, key: at.__setitem__(key, engine)))
    for expect in ({"error": "policy-conflict"}, {"error": "policy-conflict", "grants": []},
                   {"selectedBy": [], "view": {"at": "/run/bpf"}}, {"selectedBy": [], "grants": []},
                   {"grants": [{"pin": "/a/*", "access": "read"}]},
                   {"grants": [{"pin": "/a/b", "access": "write"}]},
                   {"grants": [{"pin": "/a/b", "as": "_rw", "access": "use"}]}, {}):
        variants.append(changed(("spec", "subjects", 0, "expect"),
                                lambda at, key: at.__setitem__(key, expect)))
    for test in variants:
        loader, said = accepted(test)
        found = [error.message for error in validator.iter_errors(test)]
        counts["valid" if loader else "refused"] += 1
        if loader == bool(found):
            yield f"policy test {json.dumps(test)}: the schema says {found}, the loader {said}"
    for path in sorted((root / "config/policies/tests").glob("*.yaml")):
        counts["valid"] += 1
        for problem in problems(validator, path.read_bytes()):
            yield f"{path.relative_to(root)}: the schema says: {problem}"


def main():
    root = pathlib.Path(sys.argv[1])
    schema = json.loads((root / "config/policy.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    failures = []
    counts = {"valid": 0, "refused": 0, "cannot express": 0}

    golden = root / "tests/golden/policy"
    valid = sorted((golden / "valid").rglob("*.yaml"))
    valid += sorted((root / "config/policies").glob("*.yaml"))
    for path in valid:
        counts["valid"] += 1
        for problem in problems(validator, path.read_bytes()):
            failures.append(f"{path.relative_to(root)}: the loader accepts it, the schema says: {problem}")

    blocks = re.findall(r"^```yaml\n(.*?)^```$", (root / "docs/policy.md").read_text(), re.S | re.M)
    for number, block in enumerate(blocks, 1):
        counts["valid"] += 1
        for problem in problems(validator, block.encode()):
            failures.append(f"docs/policy.md, example {number}: the schema says: {problem}")

    tests = json.loads((root / "config/policy-test.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(tests)
    failures += differences_of_tests(root, tests, counts)

    for path in sorted((golden / "invalid").rglob("*.yaml")):
        data = path.read_bytes()
        marked = data.startswith(CANNOT_EXPRESS.encode())
        refused = bool(problems(validator, data))
        counts["cannot express" if marked else "refused"] += 1
        if refused and marked:
            failures.append(f"{path.relative_to(root)}: the schema can express it after all: remove the mark")
        if not refused and not marked:
            failures.append(f"{path.relative_to(root)}: the loader refuses it, the schema does not")

    loader = Loader(*sys.argv[2:4])
    failures += differences(schema, loader, schema)
    # What only a condition of the schema names.
    for name in ("mapType", "mapTypeNotRead", "programType"):
        if schema["definitions"][name]["enum"] != loader.lists[name]:
            failures.append(f"{name}: the loader has {loader.lists[name]}")

    for failure in failures:
        print(failure)
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if failures or counts["valid"] < 15 or counts["refused"] < 40 else 0


if __name__ == "__main__":
    sys.exit(main())
