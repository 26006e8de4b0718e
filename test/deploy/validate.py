"""Validates documents strictly: Kubernetes' own kinds by the schemas of each version, custom kinds by their CRD, and a
Compose file by its specification. Reads a list of {name, kubernetes, yaml} or {name, compose} on standard input; prints a
list of problems.
"""

import json
import sys
from pathlib import Path

import jsonschema
import kubernetes_validate
import yaml

schemas = Path(sys.argv[1]) / "schemas"
custom_groups = ("keda.sh", "monitoring.coreos.com")


def closed(schema):
    """Returns the schema with unknown fields refused wherever it names the fields that there are."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(part) for key, part in schema.items()}
    names_fields = isinstance(schema.get("properties"), dict)
    open_ended = schema.get("x-kubernetes-preserve-unknown-fields", False)
    if names_fields and not open_ended and "additionalProperties" not in schema:
        result["additionalProperties"] = False
    return result


def custom_schema(document):
    crd = yaml.safe_load((schemas / f"{document['kind']}.yaml").read_text())
    version = document["apiVersion"].split("/")[1]
    [served] = [v for v in crd["spec"]["versions"] if v["name"] == version]
    schema = closed(served["schema"]["openAPIV3Schema"])
    # A CRD leaves an object's metadata to Kubernetes.
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


def problems_of(document, version):
    try:
        if document["apiVersion"].startswith(custom_groups):
            jsonschema.Draft202012Validator(custom_schema(document)).validate(document)
        else:
            used = kubernetes_validate.validate(document, version, strict=True)
            if used != version:
                return [f"no schemas of {version}, only of {used}"]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [str(error)]
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return [f"{'/'.join(str(part) for part in error.path)}: {error.message}"]
    return []


def main():
    problems = []
    for given in json.load(sys.stdin):
        if "compose" in given:
            schema = json.loads((schemas / "compose-spec.json").read_text())
            validator = jsonschema.Draft202012Validator(schema)
            document = yaml.safe_load(given["compose"])
            found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
            problems += [f"{given['name']}: {problem}" for problem in found]
            continue
        for document in filter(None, yaml.safe_load_all(given["yaml"])):
            for problem in problems_of(document, given["kubernetes"]):
                problems.append(f"{given['name']} {given['kubernetes']} {document['kind']}: {problem}")
    json.dump(problems, sys.stdout)


main()
