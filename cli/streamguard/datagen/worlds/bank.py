"""The bank world: people transfer money, and somebody has already evaluated the transfers.

Pure: record i depends on the run and i alone, not on the records before it, the size of a batch, or the clock.
`evaluation` is a declared label, drawn by the shares of the run and independent of every other field.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from itertools import count
from statistics import NormalDist

BLOCK, RANGE = 1024, 1 << 32
FRAUDULENT, UNIDENTIFIED, LEGITIMATE = range(3)
EVALUATIONS = ("fraudulent", "unidentified", "legitimate")
STATUSES = ("completed", "pending", "failed")
BANKS = (
    "Albion Trust",
    "Bank of the Moors",
    "Caledonian Mutual",
    "First Harbour Bank",
    "Meridian Savings",
    "Northgate Bank",
    "Severn and Wye",
    "Thistle Bank",
)
POOL = 5_000
"""People in the pool unless told otherwise."""

_STATUS_LIMITS = (int(RANGE * 0.92), int(RANGE * 0.98))
_AMOUNT_MEDIAN, _AMOUNT_SIGMA = 120.0, 1.1  # a log-normal: mean about 220, one in a hundred above 1,500
_AMOUNT_STEPS = 4096
_MICROSECONDS = 1_000_000
_AT_ONCE = 1_000_000.0  # with no rate, transfers are a microsecond apart: no record is produced before its date


@dataclass(frozen=True)
class Shares:
    """The parts of all records, from 0 to 1, that are fraudulent and unidentified; the rest is legitimate."""

    fraudulent: float = 0.10
    unidentified: float = 0.20

    def __post_init__(self) -> None:
        parts = (self.fraudulent, self.unidentified)
        if not all(0 <= part <= 1 for part in parts) or sum(parts) > 1 + 1e-9:
            raise ValueError("shares are parts of one")


@dataclass(frozen=True)
class Run:
    """Everything that decides what a run writes.

    `name` begins the transaction ids, so two runs that share one overwrite each other's transactions in the sinks.
    `start` is the date of record 0 and the others follow at `rate` a second; a `rate` of None is as fast as possible.
    """

    name: str
    seed: int
    start: datetime
    rate: float | None = None
    shares: Shares = field(default_factory=Shares)
    people: int = POOL


@dataclass(frozen=True)
class Columns:
    """Consecutive records, a list a field. People, evaluations, statuses and banks are indexes; `cents` is the
    amount; `instants` are microseconds since 1970."""

    first: int
    senders: list[int]
    receivers: list[int]
    evaluations: list[int]
    statuses: list[int]
    cents: list[int]
    instants: list[int]
    banks: list[int]


def blocks(run: Run, first: int = 0) -> Iterator[Columns]:
    """The records of a run from `first` on, without end, `BLOCK` at a time (the first block may be shorter)."""
    for number in count(first // BLOCK):
        yield columns(run, number, skip=max(0, first - number * BLOCK))


def columns(run: Run, block: int, *, skip: int = 0) -> Columns:
    """The records of one block, without its first `skip` ones."""
    people, others = run.people, run.people - 1
    senders = [draw * people >> 32 for draw in _draws(run, "sender", block, skip)]
    # A step of 1 to people - 1 around the pool never ends at the sender.
    steps = (1 + (draw * others >> 32) for draw in _draws(run, "receiver", block, skip))
    receivers = [(sender + step) % people for sender, step in zip(senders, steps, strict=True)]
    fraudulent = round(run.shares.fraudulent * RANGE)
    limits = (fraudulent, fraudulent + round(run.shares.unidentified * RANGE))
    return Columns(
        first=block * BLOCK + skip,
        senders=senders,
        receivers=receivers,
        evaluations=_choices(_draws(run, "evaluation", block, skip), limits),
        statuses=_choices(_draws(run, "status", block, skip), _STATUS_LIMITS),
        cents=_cents(_draws(run, "amount", block, skip)),
        instants=_instants(run, block * BLOCK + skip, BLOCK - skip),
        banks=[draw * len(BANKS) >> 32 for draw in _draws(run, "bank", block, skip)],
    )


def _draws(run: Run, column: str, block: int, skip: int) -> tuple[int, ...]:
    text = f"{run.seed}/bank/{column}/{block}".encode()
    return struct.unpack(f"<{BLOCK}I", hashlib.shake_256(text).digest(4 * BLOCK))[skip:]


def _choices(numbers: tuple[int, ...], limits: tuple[int, int]) -> list[int]:
    low, high = limits
    return [0 if draw < low else 1 if draw < high else 2 for draw in numbers]


def _cents(numbers: tuple[int, ...]) -> list[int]:
    """Amounts by inverse transform, between the quantiles in whole numbers: no float can differ in its last digit."""
    table = _quantiles()
    return [table[step := draw >> 20] + ((table[step + 1] - table[step]) * (draw & 0xFFFFF) >> 20) for draw in numbers]


@cache
def _quantiles() -> tuple[int, ...]:
    normal = NormalDist(math.log(_AMOUNT_MEDIAN * 100), _AMOUNT_SIGMA)
    middles = (min(max(step, 0.5), _AMOUNT_STEPS - 0.5) / _AMOUNT_STEPS for step in range(_AMOUNT_STEPS + 1))
    return tuple(max(1, round(math.exp(normal.inv_cdf(part)))) for part in middles)


def _instants(run: Run, first: int, length: int) -> list[int]:
    """Dates from the record's number, not from the date before: a rate that is no round number does not drift."""
    start = round(run.start.timestamp() * _MICROSECONDS)
    per_million_seconds = max(1, round((run.rate or _AT_ONCE) * _MICROSECONDS))
    scale = _MICROSECONDS * _MICROSECONDS
    return [start + sequence * scale // per_million_seconds for sequence in range(first, first + length)]
