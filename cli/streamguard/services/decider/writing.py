"""Writing what follows from a batch: new transactions and decisions by a COPY into each table, everything else by one
into a staging table of the connection, and a statement.

Keys are sorted, so rows are locked in one order, and as a rule what is new comes to the end of an index. The text of a
COPY needs no escapes but for backslashes: control characters never get as far, and null is written as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from streamguard.model import Place
from streamguard.services.decider.changes import AccountSums, Changes, Sums
from streamguard.services.decider.known import Decided
from streamguard.services.decider.letters import Letter, iso
from streamguard.services.decider.outcomes import Decision, decision_id
from streamguard.services.decider.rows import EPOCH, AlertRow
from streamguard.services.decider.statements import NEW_DECISIONS, NEW_TRANSACTIONS, OUTBOX, STAGING, UPSERTS

if TYPE_CHECKING:
    import psycopg

NULL = "\x01"
AT_ONCE = 1_000
"""Rows that are made before PostgreSQL gets them."""
NOBODY = f"0\t0\t0\t{NULL}\t{NULL}"
"""The profile of an account without an earlier transaction."""
FIRST_DAY = date(1970, 1, 1)


def write(connection: psycopg.Connection[Any], changes: Changes, now: datetime) -> None:
    """Write everything but offsets."""
    _make_staging(connection)
    cursor = connection.cursor()
    new = sorted(changes.new, key=_id)
    _copy(cursor, NEW_TRANSACTIONS, _transactions(new))
    _copy(cursor, NEW_DECISIONS, _decisions(new, iso(now)))
    lines: dict[str, Iterable[str]] = {
        "transactions": map(_flag, changes.flagged),
        "fraud_decisions": (_changed(taken, iso(now)) for taken in changes.changed),
        "fraud_alerts": (_alert(*each) for each in changes.alerts),
        "unlinked": map("\t".join, sorted(changes.unlinked)),
        "alert_transactions": map("\t".join, sorted(changes.linked)),
        "account_totals": (_account(key, changes.accounts[key]) for key in sorted(changes.accounts)),
        "daily_totals": (_day(*each) for each in sorted(changes.days.items(), key=_first)),
        "rule_totals": (
            f"{rule}\t{partition}\t{alerts}" for (rule, partition), alerts in sorted(changes.rules.items())
        ),
    }
    for table, rows in lines.items():
        if _copy(cursor, f"staged_{table}", rows):
            cursor.execute(UPSERTS[table])
    _copy(cursor, OUTBOX, map(_letter, changes.outbox))


def write_offsets(connection: psycopg.Connection[Any], service: str, ends: Mapping[Place, int]) -> None:
    """Where each partition is to be read on."""
    rows = [(service, topic, partition, offset) for (topic, partition), offset in sorted(ends.items())]
    connection.execute(UPSERTS["kafka_offsets"], [list(column) for column in zip(*rows, strict=True)])


def _copy(cursor: psycopg.Cursor[Any], into: str, lines: Iterable[str]) -> bool:
    """Copy rows; whether there were any. PostgreSQL takes some while the next are made."""
    rest = iter(lines)
    some = list(islice(rest, AT_ONCE))
    if not some:
        return False
    with cursor.copy(f"COPY {into} FROM STDIN (NULL E'\\x01')") as copy:
        while some:
            copy.write("\n".join([*some, ""]).replace("\\", "\\\\"))
            some = list(islice(rest, AT_ONCE))
    return True


def _make_staging(connection: psycopg.Connection[Any]) -> None:
    """Tables of this connection alone, which are empty at the beginning of a transaction."""
    if connection.execute("SELECT to_regclass('pg_temp.staged_rule_totals')").fetchone() == (None,):
        connection.execute(STAGING)


def _first(pair: tuple[Any, Any]) -> Any:
    return pair[0]


def _id(taken: Decided) -> str:
    return taken[0][0]


def _transactions(new: Iterable[Decided]) -> Iterator[str]:
    seconds: dict[int, str] = {}
    for row, partition, offset, _, decision, _, _ in new:
        identity, account, card, user, merchant, category, country, amount, currency, time = row
        second = time // 1000
        text = seconds.get(second)
        if text is None:
            text = seconds[second] = (EPOCH + timedelta(seconds=second)).isoformat()[:19]
        fraud = "t" if decision[0] == "decline" else "f"
        yield (
            f"{identity}\t{account}\t{card}\t{user}\t{merchant}\t{category}\t{country}\t{amount!r}\t{currency}\t"
            f"{text}.{time % 1000:03d}Z\t{fraud}\t{partition}\t{offset}"
        )


def _decisions(new: Iterable[Decided], now: str) -> Iterator[str]:
    """One that nothing is said about is the same object each time: its text is made once."""
    texts: dict[int, str] = {}
    for row, _, _, profile, decision, revision, published in new:
        text = texts.get(id(decision))
        if text is None:
            text = _decision(decision)
            if not decision.reasons:
                texts[id(decision)] = text
        identity = row[0]
        transactions, total, highest, time, country = profile
        met = f"{transactions}\t{total!r}\t{highest!r}\t{time}\t{country}" if transactions else NOBODY
        told = "t" if published else "f"
        yield f"{identity}\t{decision_id(identity)}\t{revision}\t{text}\t{told}\t{now}\t{met}"


def _changed(taken: Decided, now: str) -> str:
    told = "t" if taken.published else "f"
    return f"{taken.transaction.transaction_id}\t{taken.revision}\t{_decision(taken.decision)}\t{told}\t{now}"


def _flag(taken: Decided) -> str:
    return f"{taken.transaction.transaction_id}\t{'t' if taken.decision.is_fraud else 'f'}"


def _decision(decision: Decision) -> str:
    reasons = orjson.dumps([{"rule": reason.rule, "text": reason.text} for reason in decision.reasons]).decode()
    ids = _array(decision.alert_ids)
    return f"{decision.action}\t{reasons}\t{ids}\t{decision.score}\t{decision.severity}\t{decision.rules_version}"


def _alert(row: AlertRow, partition: int, offset: int) -> str:
    values = (*row[:9], _array(row.transaction_ids), *row[10:], partition, offset)
    return "\t".join([NULL if value is None else str(value) for value in values])


def _account(key: tuple[str, int], sums: AccountSums) -> str:
    account, partition = key
    _, total, highest, time, country = sums.profile
    told = f"{sums.first}\t{sums.last}\t{total!r}\t{highest!r}\t{time or 0}\t{country or ''}"
    return f"{account}\t{partition}\t{_sums(sums)}\t{told}"


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
