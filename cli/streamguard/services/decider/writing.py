"""Writing what follows from a batch: each table by one COPY into a staging table of the connection, and one upsert.

Keys are sorted, so rows are locked in one order. The text of a COPY needs no escapes but for backslashes: control
characters never get as far, and null is written as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from streamguard.model import Place
from streamguard.services.decider.changes import AccountSums, Changes, Sums
from streamguard.services.decider.facts import NEW, Profile
from streamguard.services.decider.known import Decided
from streamguard.services.decider.letters import Letter, iso
from streamguard.services.decider.outcomes import Decision, decision_id
from streamguard.services.decider.rows import AlertRow
from streamguard.services.decider.statements import STAGING, UPSERTS

if TYPE_CHECKING:
    import psycopg

NULL = "\x01"
FIRST_DAY = date(1970, 1, 1)


def write(connection: psycopg.Connection[Any], changes: Changes, now: datetime) -> None:
    """Write everything but offsets."""
    _make_staging(connection)
    lines: dict[str, Iterable[str]] = {
        "transactions": map(_transaction, changes.transactions),
        "fraud_decisions": _decisions(changes.decisions, iso(now)),
        "fraud_alerts": (_alert(*each) for each in changes.alerts),
        "unlinked": map("\t".join, sorted(changes.unlinked)),
        "alert_transactions": map("\t".join, sorted(changes.linked)),
        "account_totals": (_account(*each) for each in sorted(changes.accounts.items(), key=_first)),
        "daily_totals": (_day(*each) for each in sorted(changes.days.items(), key=_first)),
        "rule_totals": (
            f"{rule}\t{partition}\t{alerts}" for (rule, partition), alerts in sorted(changes.rules.items())
        ),
    }
    cursor = connection.cursor()
    for table, rows in lines.items():
        if _copy(cursor, f"staged_{table}", rows):
            cursor.execute(UPSERTS[table])
    _copy(cursor, "outbox (topic, key, value, timestamp_ms, headers)", map(_letter, changes.outbox))


def write_offsets(connection: psycopg.Connection[Any], service: str, ends: Mapping[Place, int]) -> None:
    """Where each partition is to be read on."""
    rows = [(service, topic, partition, offset) for (topic, partition), offset in sorted(ends.items())]
    connection.execute(UPSERTS["kafka_offsets"], [list(column) for column in zip(*rows, strict=True)])


def _copy(cursor: psycopg.Cursor[Any], into: str, lines: Iterable[str]) -> bool:
    """Copy rows; whether there were any."""
    data = "\n".join(lines)
    if not data:
        return False
    with cursor.copy(f"COPY {into} FROM STDIN (NULL E'\\x01')") as copy:
        copy.write(data.replace("\\", "\\\\") + "\n")
    return True


def _make_staging(connection: psycopg.Connection[Any]) -> None:
    """Tables of this connection alone, which are empty at the beginning of a transaction."""
    if connection.execute("SELECT to_regclass('pg_temp.staged_rule_totals')").fetchone() == (None,):
        connection.execute(STAGING)


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _transaction(taken: Decided) -> str:
    row, partition, offset = taken[:3]
    texts = "\t".join(row[:7])
    fraud = "t" if taken.decision.action == "decline" else "f"
    return f"{texts}\t{row.amount!r}\t{row.currency}\t{row.event_time}\t{fraud}\t{partition}\t{offset}"


def _decisions(decisions: Iterable[Decided], now: str) -> Iterator[str]:
    """One that nothing is said about is the same object each time: its text is made once."""
    texts: dict[int, str] = {}
    for row, _, _, profile, decision, revision, published in decisions:
        text = texts.get(id(decision))
        if text is None:
            text = _decision(decision)
            if not decision.reasons:
                texts[id(decision)] = text
        told = f"{decision_id(row.transaction_id)}\t{revision}\t{text}\t{_profile(profile)}"
        yield f"{row.transaction_id}\t{told}\t{'t' if published else 'f'}\t{now}"


def _decision(decision: Decision) -> str:
    reasons = orjson.dumps([{"rule": reason.rule, "text": reason.text} for reason in decision.reasons]).decode()
    ids = _array(decision.alert_ids)
    return f"{decision.action}\t{reasons}\t{ids}\t{decision.score}\t{decision.severity}\t{decision.rules_version}"


def _profile(profile: Profile) -> str:
    if profile is NEW:
        return NEW_PROFILE
    return orjson.dumps(dict(zip(Profile._fields, profile, strict=True))).decode()


NEW_PROFILE = orjson.dumps(NEW._asdict()).decode()


def _alert(row: AlertRow, partition: int, offset: int) -> str:
    values = (*row[:9], _array(row.transaction_ids), *row[10:], partition, offset)
    return "\t".join([NULL if value is None else str(value) for value in values])


def _account(key: tuple[str, int], sums: AccountSums) -> str:
    account, partition = key
    profile = sums.profile
    told = f"{profile.total!r}\t{profile.highest!r}\t{profile.last_time or 0}\t{profile.last_country or ''}"
    return f"{account}\t{partition}\t{_sums(sums)}\t{sums.first}\t{sums.last}\t{told}"


def _day(key: tuple[int, str, int], sums: Sums) -> str:
    day, currency, partition = key
    return f"{FIRST_DAY + timedelta(days=day)}\t{currency}\t{partition}\t{_sums(sums)}"


def _sums(sums: Sums) -> str:
    return f"{sums.transactions}\t{sums.amount}\t{sums.reviews}\t{sums.frauds}\t{sums.fraud_amount}"


def _letter(letter: Letter) -> str:
    texts = [_hex(letter.key), _hex(letter.value), NULL if letter.time is None else str(letter.time)]
    return "\t".join([letter.topic, *texts, _hex(letter.headers)])


def _hex(value: bytes | None) -> str:
    return NULL if value is None else rf"\x{value.hex()}"


def _array(texts: Iterable[str]) -> str:
    r"""A list of texts as PostgreSQL writes it; its own backslashes are escaped with everything else."""
    escaped = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return "{" + ",".join([f'"{text}"' for text in escaped]) + "}"
