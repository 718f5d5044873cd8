# What `kubectl kustomize` makes of a directory, as far as config/kubernetes uses it: resources, configMapGenerator and
# JSON patches. Distributions have no kubectl that is new enough; where there is one, the test compares the two.
import copy
import pathlib

import yaml

KNOWN = {"apiVersion", "kind", "resources", "configMapGenerator", "generatorOptions", "patches"}


def load_all(path):
    return [each for each in yaml.safe_load_all(path.read_text()) if each is not None]


def apply_patch(target, operation):
    *parents, last = [part.replace("~1", "/").replace("~0", "~")
                      for part in operation["path"].strip("/").split("/")]
    at = target
    for part in parents:
        at = at[int(part)] if isinstance(at, list) else at[part]
    if operation["op"] == "remove":
        del at[int(last) if isinstance(at, list) else last]
        return
    value = copy.deepcopy(operation["value"])
    if operation["op"] == "replace":
        at[int(last) if isinstance(at, list) else last]  # it has to be there
    if isinstance(at, list) and last == "-":
        at.append(value)
    elif isinstance(at, list):
        at[int(last)] = value
    else:
        at[last] = value


def build(directory):
    directory = pathlib.Path(directory)
    kustomization = yaml.safe_load((directory / "kustomization.yaml").read_text())
    unknown = set(kustomization) - KNOWN
    if unknown or kustomization["kind"] != "Kustomization":
        raise ValueError(f"{directory}: not known here: {unknown or kustomization['kind']}")
    objects = []
    for name in kustomization.get("resources", []):
        path = directory / name
        objects += build(path) if path.is_dir() else load_all(path)
    if kustomization.get("configMapGenerator"):
        if kustomization["generatorOptions"] != {"disableNameSuffixHash": True}:
            raise ValueError(f"{directory}: these generator options are not known here")
    for generator in kustomization.get("configMapGenerator", []):
        data = {pathlib.Path(name).name: (directory / name).read_text()
                for name in generator["files"]}
        objects.append({"apiVersion": "v1", "kind": "ConfigMap", "data": data,
                        "metadata": {key: generator[key] for key in ("name", "namespace")}})
    for patch in kustomization.get("patches", []):
        wanted = patch["target"]
        targets = [each for each in objects if each["kind"] == wanted["kind"]
                   and each["metadata"]["name"] == wanted["name"]]
        if len(targets) != 1:
            raise ValueError(f"{directory}: {len(targets)} targets for {wanted}")
        for operation in yaml.safe_load(patch["patch"]):
            apply_patch(targets[0], operation)
    return objects
