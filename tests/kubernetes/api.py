# Checks an object against the API types that the Kubernetes project generates from its OpenAPI description, as the
# package python3-kubernetes has them: every field known, of the right type, and every required one there.
import datetime
import re

from kubernetes import client

KINDS = {
    ("v1", "ConfigMap"): "V1ConfigMap",
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "Pod"): "V1Pod",
    ("v1", "ServiceAccount"): "V1ServiceAccount",
    ("apps/v1", "DaemonSet"): "V1DaemonSet",
    ("node.k8s.io/v1", "RuntimeClass"): "V1RuntimeClass",
}
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object,
         "datetime": (str, datetime.datetime)}


def required_fields(model):
    """The model's setters refuse None for these."""
    probe = model.__new__(model)
    probe.local_vars_configuration = client.Configuration()
    probe.local_vars_configuration.client_side_validation = True
    for name in model.openapi_types:
        try:
            setattr(probe, name, None)
        except ValueError:
            yield name


def mistakes_of(value, type_name, path):
    if match := re.fullmatch(r"list\[(.*)\]", type_name):
        if not isinstance(value, list):
            yield f"{path}: a list was expected"
            return
        for number, item in enumerate(value):
            yield from mistakes_of(item, match[1], f"{path}[{number}]")
    elif match := re.fullmatch(r"dict\(str, (.*)\)", type_name):
        if not isinstance(value, dict):
            yield f"{path}: a mapping was expected"
            return
        for key, item in value.items():
            if not isinstance(key, str):
                yield f"{path}: the key {key!r} is no text"
            yield from mistakes_of(item, match[1], f"{path}.{key}")
    elif type_name in PLAIN:
        is_wrong_bool = isinstance(value, bool) and type_name in ("int", "float")
        if not isinstance(value, PLAIN[type_name]) or is_wrong_bool:
            yield f"{path}: {type_name} was expected, not {value!r}"
    else:
        yield from mistakes_of_model(value, getattr(client, type_name), path)


def mistakes_of_model(value, model, path):
    if not isinstance(value, dict):
        yield f"{path}: a mapping was expected"
        return
    fields = {json_name: name for name, json_name in model.attribute_map.items()}
    for key in value:
        if key not in fields:
            yield f"{path}.{key}: {model.__name__} has no such field"
        elif value[key] is None:
            yield f"{path}.{key}: it has no value"
        else:
            yield from mistakes_of(value[key], model.openapi_types[fields[key]], f"{path}.{key}")
    for name in required_fields(model):
        if model.attribute_map[name] not in value:
            yield f"{path}.{model.attribute_map[name]}: it is required"


def mistakes(document):
    """Everything that is wrong with one object."""
    kind = (document.get("apiVersion"), document.get("kind"))
    if kind not in KINDS:
        return [f"{kind} is not an object that is known here"]
    name = document.get("metadata", {}).get("name", "?")
    return list(mistakes_of_model(document, getattr(client, KINDS[kind]), f"{kind[1]} {name}"))
