"""SHOW FUNCTIONS and DESCRIBE FUNCTION in the form of ksqlDB's REST API."""

from __future__ import annotations

from typing import Any

from streamguard.engine.functions.listing import Listed, listed
from streamguard.engine.functions.signatures import Signature, written


def names() -> list[dict[str, Any]]:
    """`functions` of ``function_names``."""
    return [{"name": each.name, "type": each.kind, "category": each.category} for each in listed()]


def description(function: Listed) -> dict[str, Any]:
    """The fields of ``describe_function``."""
    return {
        "name": function.name,
        "description": function.description,
        "author": "",
        "version": "",
        "path": "user" if function.category == "USER" else "internal",
        "functions": [_variant(function, each) for each in function.signatures],
        "type": function.kind,
    }


def _variant(function: Listed, signature: Signature) -> dict[str, Any]:
    arguments = [
        {"name": each.name, "type": written(each.type), "description": "", "isVariadic": each.variadic}
        for each in signature.parameters
    ]
    return {
        "arguments": arguments,
        "returnType": written(signature.returns),
        "description": function.description,
    }
