"""The JSON object that a record carries."""

from __future__ import annotations

from typing import Any

import orjson

from streamguard.errors import RecordRefused


def document_in(value: bytes | None) -> dict[str, Any]:
    """The object in the value of a record; RecordRefused if it is none."""
    if value is None:
        raise RecordRefused("E_EMPTY", "the record has no value")
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise RecordRefused("E_JSON", f"the value is not JSON: {exc.msg} at byte {exc.pos}") from None
    if type(document) is not dict:
        raise RecordRefused("E_SCHEMA", "the value is not a JSON object")
    return document
