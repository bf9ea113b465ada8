"""An alert or a decision as a line for a terminal, or as a document. What is no such record is shown all the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands.record_text import harmless, time_text
from streamguard.services.decider.outcomes import SEVERITIES
from streamguard.services.notifier.decision import amount_text

if TYPE_CHECKING:
    from streamguard.kafka.tail import Record

TOPICS = {"alerts": "fraud-alerts", "decisions": "fraud-decisions"}
STYLES: dict[str, dict[str, Any]] = {
    "low": {"dim": True},
    "medium": {"fg": "yellow"},
    "high": {"fg": "red"},
    "critical": {"fg": "red", "bold": True, "reverse": True},
}
ASKED = {"BLOCK": "high", "REVIEW": "medium"}
"""The severity of an alert by what it asks for."""


@dataclass(frozen=True)
class Seen:
    """One record, as far as it can be read. `level`: of SEVERITIES; what can not be read is the highest."""

    topic: str
    record: Record
    severity: str
    rules: frozenset[str]
    account: str
    time: str
    what: str
    amount: str
    reason: str

    @property
    def level(self) -> int:
        return SEVERITIES.index(self.severity)

    @property
    def document(self) -> dict[str, Any]:
        """The whole record."""
        value = self.record.value
        return {
            "topic": self.topic,
            "partition": self.record.partition,
            "offset": self.record.offset,
            "timestamp": time_text(self.record.timestamp),
            "severity": self.severity,
            "value": _object(value) or (None if value is None else value.decode(errors="backslashreplace")),
        }


def seen(topic: str, record: Record) -> Seen:
    """Read a record of one of TOPICS."""
    found = _object(record.value)
    if found is None:
        reason = f"{record.partition}:{record.offset} is no JSON object"
        return Seen(
            topic, record, SEVERITIES[-1], frozenset(), "", time_text(record.timestamp), "unreadable", "", reason
        )
    return _alert(topic, record, found) if topic == TOPICS["alerts"] else _decision(topic, record, found)


def line(each: Seen) -> str:
    """Time, severity, what, rules, account, amount, reason; coloured where click colours."""
    parts = (
        each.time,
        each.severity.upper().ljust(8),
        each.what.ljust(7),
        ",".join(sorted(each.rules)) or "-",
        each.account or "-",
        each.amount or "-",
        each.reason,
    )
    return click.style("  ".join(map(harmless, parts)).rstrip(), **STYLES[each.severity])


def _alert(topic: str, record: Record, found: dict[str, Any]) -> Seen:
    asked, time = _text(found, "ACTION_REQUIRED"), found.get("EVENT_TIME")
    return Seen(
        topic,
        record,
        ASKED.get(asked, SEVERITIES[-1]),
        frozenset({_text(found, "RULE")} - {""}),
        _text(found, "ACCOUNT_ID"),
        time_text(time if isinstance(time, int) else record.timestamp),
        asked,
        _amount(found, "AMOUNT"),
        _text(found, "REASON"),
    )


def _decision(topic: str, record: Record, found: dict[str, Any]) -> Seen:
    reasons = [reason for reason in found.get("reasons") or () if isinstance(reason, dict)]
    severity = _text(found, "severity")
    revision = found.get("revision")
    told = "; ".join(filter(None, (_text(reason, "text") for reason in reasons)))
    return Seen(
        topic,
        record,
        severity if severity in SEVERITIES else SEVERITIES[-1],
        frozenset(_text(reason, "rule") for reason in reasons) - {""},
        _text(found, "account_id"),
        _text(found, "event_time") or time_text(record.timestamp),
        _text(found, "action"),
        f"{_amount(found, 'amount')} {_text(found, 'currency')}".strip(),
        f"{told} (revision {revision})" if isinstance(revision, int) and revision > 1 else told,
    )


def _object(value: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(value or b"null")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _amount(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return amount_text(value) if isinstance(value, int | float) else _text(found, name)


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return "" if value is None else str(value)
