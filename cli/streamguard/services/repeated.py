"""Fields that a JSON object has twice: who reads the first one and who reads the last would differ.

A parser keeps one of them, so they are found by counting: a JSON text has two quotation marks for each name and each
text in it.
"""

from __future__ import annotations

from typing import Any


def texts_in(value: bytes, *, has_escapes: bool) -> int:
    """How many names and texts a JSON value has: two quotation marks each, without those that are escaped."""
    if not has_escapes:
        return value.count(b'"') // 2
    value = value.replace(rb"\\", b"")
    return (value.count(b'"') - value.count(rb"\"")) // 2


def texts_of(document: Any) -> int:
    """How many names and texts a parsed value has: fewer if a field was there twice."""
    texts, parts = 0, [document]
    while parts:
        part = parts.pop()
        if type(part) is dict:
            texts += len(part)
            parts += part.values()
        elif type(part) is list:
            parts += part
        else:
            texts += type(part) is str
    return texts
