"""What Strimzi's own resource definitions say of a resource, as Kubernetes would before it takes it.

`definitions.yml` has the schemas of what streamguard writes, without words and status, as Strimzi 1.2.0's own generator
makes them; tests/soak/test_strimzi.py runs that generator and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator

from streamguard.strimzi import API, is_name

FILE = Path(__file__).parent / "definitions.yml"
POM = Path(__file__).parent / "pom.xml"
_OPEN = "x-kubernetes-preserve-unknown-fields"


def known() -> dict[str, dict[str, Any]]:
    """The schemas of `definitions.yml`, by kind."""
    return cast("dict[str, dict[str, Any]]", yaml.safe_load(FILE.read_text()))


def bare(schema: Any, *, top: bool = True) -> Any:
    """A schema as a definition has it, without words, and without the status that the operator writes."""
    if not isinstance(schema, dict):
        return schema
    kept = {name: part for name, part in schema.items() if name != "description"}
    if "properties" in kept:
        parts = kept["properties"].items()
        kept["properties"] = {name: bare(part, top=False) for name, part in parts if not (top and name == "status")}
    for inner in ("items", "additionalProperties"):
        if inner in kept:
            kept[inner] = bare(kept[inner], top=False)
    return kept


def problems(document: Mapping[str, Any], schemas: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong with a resource: fields that nobody knows too, which `kubectl apply` refuses."""
    schema = (schemas or known()).get(document.get("kind", ""))
    if schema is None:
        return [f"no resource of Strimzi's: {document.get('kind')}"]
    found = [
        f"{error.json_path}: {error.message}" for error in Draft202012Validator(_closed(schema)).iter_errors(document)
    ]
    if document.get("apiVersion") != API:
        found.append(f"{document.get('apiVersion')} is not {API}")
    metadata = document.get("metadata", {})
    if not is_name(metadata.get("name", "")):
        found.append(f"no name of a resource: {metadata.get('name')}")
    return found


def _closed(schema: Any, *, top: bool = True) -> Any:
    """The schema, refusing what it does not name; `metadata` is Kubernetes' own."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    if "properties" in made:
        inner = {name: _closed(part, top=False) for name, part in made["properties"].items()}
        made["properties"] = inner | ({"metadata": {"type": "object"}} if top else {})
        if not made.get(_OPEN):
            made["additionalProperties"] = False
    if "items" in made:
        made["items"] = _closed(made["items"], top=False)
    return made
