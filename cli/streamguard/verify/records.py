"""What topics hold, as the comparison takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from streamguard.kafka.tail import Record
from streamguard.verify.entries import Found, Identity, result, transaction, user

TRANSACTION_HEADER = "sg-transaction"
"""By this header the processor says of which transaction its records are."""


def found_in(records: Iterable[Record]) -> list[Found]:
    """The records of a topic. The value of a transaction is its bytes, which nobody changes; others are parsed."""
    return [_found(record) for record in records]


def document_of(record: Record) -> dict[str, Any]:
    """The value as JSON; empty if it is no JSON object."""
    try:
        value = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def place_of(record: Record) -> str:
    """Partition and offset: the name of a record of which nothing else is known."""
    return f"{record.partition}/{record.offset}"


def unsteady(seen: Sequence[tuple[int, int]], records: Sequence[Record]) -> list[int]:
    """The offsets of one partition at which a reader saw (offset, digest) something else than there is in the end."""
    there = [(record.offset, hash(record)) for record in records]
    if list(seen) == there:
        return []
    then, now = Counter(seen), Counter(there)
    differing = [*(then - now), *(now - then)] or [one for one, two in zip(seen, there, strict=True) if one != two]
    return sorted({offset for offset, _ in differing})


def _found(record: Record) -> Found:
    document = document_of(record)
    value: Any = record.value if "transaction_id" in document else document
    return Found(_identity(document, record), record.partition, record.key, value, place_of(record))


def _identity(document: dict[str, Any], record: Record) -> Identity | None:
    for field in ("transaction_id", "TRANSACTION_ID", "ID"):
        name = document.get(field)
        if isinstance(name, str):
            break
    else:
        return None
    if field == "ID":
        return user(name, _told_by(record))
    return transaction(name) if field == "transaction_id" else result(name)


def _told_by(record: Record) -> str | None:
    told = [value for name, value in record.headers if name == TRANSACTION_HEADER]
    return told[0].decode(errors="replace") if told and told[0] is not None else None
