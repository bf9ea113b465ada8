"""Faults: which records are spoilt, and how. A ledger tells every one of them, so that dead letters can be counted.

Whether a record is spoilt depends, as all else, on seed, stream and number of the record alone; a fault has draws of
its own, and one that is added behind the others leaves those as they are. A record has at most one fault, and each
fault the share of all records that the world declares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import orjson
from numpy.typing import NDArray

from streamguard.datagen.columns.distributions import Numbers, chance
from streamguard.datagen.columns.draws import BLOCK, Draws32, below, block
from streamguard.datagen.world.model import Fault, FaultKind

KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
"""All faults; `codes` count them from 1, and 0 is none."""

UNKNOWN_FIELD = "unknown_field"
PADDING = "padding"
STRANGE_KEY = b"wrong-key"
"""The key of a record with a wrong key where all records of a block have the same key, or none."""

_MICROSECONDS = 1_000_000
_MILLISECOND = 1_000

Codes = NDArray[np.int8]
Whole = NDArray[np.int64]
Spoils = dict[int, list[tuple[bytes | None, bytes | None]]]
"""Key and value of what is written in a place of the block instead of the record: nothing, one, or two."""


@dataclass(frozen=True)
class Spoilt:
    """An entry of the ledger: record `index` has this fault; `field` is the one that it is in, if it is in one."""

    index: int
    kind: FaultKind
    field: str | None = None


class Faults:
    """The faults of one stream."""

    def __init__(self, faults: Sequence[Fault], seed: int, stream: str) -> None:
        self._faults = [fault for fault in faults if fault.share > 0]
        self._draw: Callable[[str, int], Draws32] = lambda name, number: block(seed, f"{stream}/fault/{name}", number)
        self._limits = _limits(self._faults)
        self._delays = {fault.kind: Numbers([fault.delay], _MICROSECONDS) for fault in self._faults if fault.delay}
        self._by_code = {KINDS.index(fault.kind) + 1: fault for fault in self._faults}

    def codes(self, number: int) -> Codes | None:
        """The fault of each record of a block; None if no record of it has one."""
        codes = np.zeros(BLOCK, np.int8)
        for fault, limit in zip(self._faults, self._limits, strict=True):
            hit = self._draw(fault.kind, number) < limit
            if fault.kind == "out_of_order":
                hit[0] = False  # it would have to come before a record of another block
            codes[hit & (codes == 0)] = KINDS.index(fault.kind) + 1
        return codes if codes.any() else None

    def moved(self, number: int, codes: Codes, instants: Whole) -> Whole:
        """The event times (microseconds) that the records show: late ones are older, others come out of order."""
        moved = instants.copy()
        for code, fault in self._by_code.items():
            hit = np.flatnonzero(codes == code)
            if fault.kind == "late" and len(hit):
                delays = self._delays["late"].take(lambda name: self._draw(name, number), "late/delay")
                moved[hit] -= np.maximum(delays[hit], _MILLISECOND)
            elif fault.kind == "out_of_order" and len(hit):
                back = 1 + below(self._draw("out_of_order/distance", number)[hit], max(1, fault.distance))
                moved[hit] = instants[np.maximum(hit - back, 0)] - _MILLISECOND
        return moved

    def spoil(self, number: int, codes: Codes, keys: Sequence[bytes | None], values: Sequence[bytes]) -> Spoils:
        """What is written in the place of each record that is not written as it is, by its place in the block."""
        draws = self._draw("how", number).tolist()
        spoilt: Spoils = {}
        others = keys if len({*keys} - {None}) > 1 else ()
        for place in np.flatnonzero(codes).tolist():
            kind, key, value, draw = KINDS[codes[place] - 1], keys[place], values[place], draws[place]
            if kind == "dropped":
                spoilt[place] = []
            elif kind == "duplicate":
                spoilt[place] = [(key, value)] * 2
            elif kind == "wrong_key":
                spoilt[place] = [(_another(others, key, place + draw), value)]
            elif kind not in ("late", "out_of_order"):
                spoilt[place] = [(key, _spoilt(self._by_code[int(codes[place])], value, draw))]
        return spoilt

    def ledger(self, number: int, codes: Codes, values: Sequence[bytes]) -> list[Spoilt]:
        """The faults of a block, record by record."""
        draws = self._draw("how", number)
        return [
            Spoilt(
                number * BLOCK + place,
                KINDS[codes[place] - 1],
                _field(self._by_code[int(codes[place])], orjson.loads(values[place]), int(draws[place])),
            )
            for place in np.flatnonzero(codes).tolist()
        ]


def _limits(faults: Sequence[Fault]) -> list[np.uint64]:
    """What draws must be below, among the records that no fault before has taken, for the share to be that of all."""
    limits, left = [], 1.0
    for fault in faults:
        limits.append(chance(fault.share / left) if left > 0 else chance(0))
        left -= fault.share
    return limits


def _spoilt(fault: Fault, value: bytes, draw: int) -> bytes | None:
    """The value with its fault."""
    if fault.kind == "tombstone":
        return None
    if fault.kind == "truncated":
        return value[: 1 + draw % (len(value) - 1)]
    if fault.kind == "oversize":
        start = value[:-1] + b',"%b":"' % PADDING.encode()
        return start + b"x" * max(1, fault.size - len(start) - 2) + b'"}'
    if fault.kind == "unknown_field":
        return value[:-1] + b',"%b":%d}' % (UNKNOWN_FIELD.encode(), draw)
    document = orjson.loads(value)
    field = _field(fault, document, draw)
    assert field is not None
    if fault.kind == "missing_field":
        del document[field]
    else:
        document[field] = None if fault.kind == "null" else _of_wrong_type(document[field])
    return orjson.dumps(document)


def _field(fault: Fault, document: dict[str, Any], draw: int) -> str | None:
    """The field that such a fault is in."""
    if fault.kind not in ("null", "wrong_type", "missing_field"):
        return None
    fields = fault.fields or tuple(document)
    return fields[draw % len(fields)]


def _of_wrong_type(value: object) -> object:
    """Text for what is none, and a number for text."""
    return 0 if isinstance(value, str) else "wrong"


def _another(keys: Sequence[bytes | None], own: bytes | None, draw: int) -> bytes:
    """One of `keys` that is another one; if there are none, a strange one."""
    others = (keys[(draw + step) % len(keys)] for step in range(len(keys)))
    return next((key for key in others if key is not None and key != own), STRANGE_KEY)
