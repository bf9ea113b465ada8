"""From columns to bytes: the pieces of a record are encoded once, a record is their concatenation.

Only the sequence, the amount and the date are written for each record; everything else is one of a few thousand
pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import orjson

from streamguard.datagen.people import People, make_people
from streamguard.datagen.worlds.bank import BANKS, EVALUATIONS, POOL, STATUSES, Columns, Run, Shares, blocks


class JsonEncoder:
    """Bank records as JSON, keyed by the sender's account."""

    def __init__(self, run: Run, people: People) -> None:
        if len(people) != run.people:
            raise ValueError(f"the run is made for {run.people} people, the pool has {len(people)}")
        self._head = b'{"transaction_id":' + orjson.dumps(run.name)[:-1] + b"-"
        self._accounts = [account.encode() for account in people.accounts]
        pieces = list(zip(self._accounts, people.details, strict=True))
        self._senders = [
            b'","sender_bank_account":"%b","sender_details":%b,"receiver_bank_account":"' % piece for piece in pieces
        ]
        self._receivers = [b'%b","receiver_details":%b,"amount":' % piece for piece in pieces]
        self._labels = [[_label(status, evaluation) for evaluation in EVALUATIONS] for status in STATUSES]
        self._tails = [b'Z","sender_bank":' + orjson.dumps(bank) + b"}" for bank in BANKS]

    def keys(self, columns: Columns) -> list[bytes]:
        """The key of each record."""
        accounts = self._accounts
        return [accounts[sender] for sender in columns.senders]

    def values(self, columns: Columns) -> list[bytes]:
        """The value of each record."""
        join, head, senders, receivers = b"".join, self._head, self._senders, self._receivers
        labels, tails = self._labels, self._tails
        rows = zip(
            range(columns.first, columns.first + len(columns.senders)),
            columns.senders,
            columns.receivers,
            columns.cents,
            columns.statuses,
            columns.evaluations,
            _dates(columns.instants),
            columns.banks,
            strict=True,
        )
        return [
            join(
                (
                    head,
                    b"%09d" % sequence,
                    senders[sender],
                    receivers[receiver],
                    b"%d.%02d" % divmod(cents, 100),
                    labels[status][evaluation],
                    date,
                    tails[bank],
                )
            )
            for sequence, sender, receiver, cents, status, evaluation, date, bank in rows
        ]


def records(
    seed: int,
    run: str,
    start: datetime,
    count: int,
    *,
    first: int = 0,
    rate: float | None = None,
    shares: Shares | None = None,
    people: int | People = POOL,
) -> Iterator[dict[str, Any]]:
    """What a run wrote, record by record, worked out again without Kafka; the summary of the run has the arguments."""
    pool = make_people(people) if isinstance(people, int) else people
    described = Run(run, seed, start, rate, shares or Shares(), len(pool))
    encoder = JsonEncoder(described, pool)
    values: Iterable[bytes] = chain.from_iterable(map(encoder.values, blocks(described, first)))
    return map(orjson.loads, islice(values, count))


def _label(status: str, evaluation: str) -> bytes:
    return b',"status":"%b","evaluation":"%b","transfer_date":"' % (status.encode(), evaluation.encode())


def _dates(instants: list[int]) -> Iterator[bytes]:
    """Microseconds since 1970 as ISO 8601 to the millisecond, without the zone; a second is formatted once."""
    current, text = -1, b""
    for instant in instants:
        second, micros = divmod(instant, 1_000_000)
        if second != current:
            current = second
            text = f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.".encode()
        yield b"%b%03d" % (text, micros // 1000)
