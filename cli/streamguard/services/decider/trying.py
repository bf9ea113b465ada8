"""What would be decided about transactions in a file: without Kafka, without PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from streamguard.errors import ProjectError, RecordRefused
from streamguard.services.decider.decisions import decide
from streamguard.services.decider.facts import Alert, Profile, Transaction
from streamguard.services.decider.outcomes import Decision
from streamguard.services.decider.rows import transaction_of
from streamguard.services.decider.rules import Rules


def decisions(
    transactions: Sequence[Transaction], alerts: Sequence[Alert], profile: Profile, rules: Rules
) -> Iterator[tuple[Transaction, Decision]]:
    """The decision about each, all of them with these alerts; each account begins with this profile."""
    profiles: dict[str, Profile] = {}
    for transaction in transactions:
        known = profiles.get(transaction.account_id, profile)
        yield transaction, decide(transaction, alerts, known, rules)
        profiles[transaction.account_id] = known.after(transaction)


def transactions_in(file: str, content: bytes) -> list[Transaction]:
    """The transactions of a file: a record, a list of records, or one a line, also as `topics tail` prints them.

    Raises ProjectError, which names the file and the record.
    """
    found = []
    for number, value in enumerate(_values(content), start=1):
        try:
            found.append(transaction_of(value))
        except RecordRefused as exc:
            raise ProjectError(f"{file}, record {number}: {exc.code}, {exc}") from None
    if not found:
        raise ProjectError(f"{file} is empty: write a transaction into it, as it is in the topic")
    return found


def _values(content: bytes) -> Iterator[bytes]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        lines = content.splitlines()  # one record a line, or one that is no JSON
    else:
        lines = [orjson.dumps(item) for item in document] if isinstance(document, list) else [content]
    for line in lines:
        if line.strip():
            yield _value(line)


def _value(line: bytes) -> bytes:
    """The record's value in what `topics tail` prints; else the line as it is, for a repeated field to be seen."""
    try:
        document: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    if isinstance(document, dict) and "transaction_id" not in document and isinstance(document.get("value"), str):
        return str(document["value"]).encode()
    return line
