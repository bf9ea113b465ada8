"""What was written, in a few numbers: counts and a hash that do not depend on how the records were cut up.

A block's hash is made of its lengths, keys, values, times and truth, each in order; the hash of a stream is a chain of
those of its blocks: ``link = sha256(link + block)``. So processes may sum blocks of their own, in any order, and a run
that goes on later needs the last link alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.blocks import Block
from streamguard.datagen.records.truth import Told

_NOTHING = -1
"""The length of a key or value that is null."""

_PARTS = 6


@dataclass
class Tally:
    """Counts: of records, of what is written, of truth and labels told, and by label, campaign and fault."""

    records: int = 0
    written: int = 0
    truth: int = 0
    labels: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    campaigns: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def take(self, block: Block) -> None:
        """Count a block, or a part of one."""
        self.records += block.size
        self.written += len(block.values)
        self.truth += len(block.truth)
        self.labels += len(block.labels)
        self.counts.update(block.counts)
        self.campaigns.update(block.campaigns)
        self.faults.update(block.faults)

    def add(self, other: Tally) -> None:
        """Count what another one has counted."""
        self.records += other.records
        self.written += other.written
        self.truth += other.truth
        self.labels += other.labels
        self.counts.update(other.counts)
        self.campaigns.update(other.campaigns)
        self.faults.update(other.faults)

    def document(self) -> dict[str, Any]:
        """As JSON; names in order, so that equal tallies are equal texts."""
        numbers = {name: getattr(self, name) for name in ("records", "written", "truth", "labels")}
        return numbers | {name: dict(sorted(getattr(self, name).items())) for name in ("counts", "campaigns", "faults")}

    @staticmethod
    def of(document: Mapping[str, Any]) -> Tally:
        """What `document` made a document of."""
        numbers = {name: document[name] for name in ("records", "written", "truth", "labels")}
        counts, campaigns, faults = (Counter(document[name]) for name in ("counts", "campaigns", "faults"))
        return Tally(**numbers, counts=counts, campaigns=campaigns, faults=faults)


@dataclass(frozen=True)
class Sum:
    """Hash and counts of the records from number `first` to `stop` (exclusive) of one block."""

    first: int
    stop: int
    digest: bytes
    tally: Tally

    @property
    def number(self) -> int:
        """Which block it is."""
        return self.first // BLOCK


class Summer:
    """Sums blocks up: parts of the same block one after another, blocks in any order."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._done: list[Sum] = []

    def take(self, block: Block) -> None:
        """Sum a block, or the next part of one."""
        number = block.first // BLOCK
        summing = self._open.get(number)
        if summing is None:
            summing = self._open[number] = _Open(block.first)
        summing.take(block)
        if summing.stop == (number + 1) * BLOCK:
            self._done.append(self._open.pop(number).sum())

    def done(self) -> list[Sum]:
        """The blocks that have ended since this was last asked."""
        done, self._done = self._done, []
        return done

    def rest(self) -> list[Sum]:
        """The blocks that have begun and not ended; asked for at the end."""
        rest = [summing.sum() for _, summing in sorted(self._open.items())]
        self._open.clear()
        return rest


@dataclass
class Account:
    """The sums of a stream: `link` is the chain of all blocks before block `number`, `tally` what they hold."""

    number: int = 0
    link: bytes = b""
    tally: Tally = field(default_factory=Tally)
    _ahead: dict[int, Sum] = field(default_factory=dict)

    def add(self, sums: Iterable[Sum]) -> None:
        """Take note of these blocks, in any order."""
        self._ahead.update((each.number, each) for each in sums)

    def fold(self, below: int | None = None) -> None:
        """Put the blocks that follow in the chain, those below number `below` alone."""
        while self.number in self._ahead and (below is None or self.number < below):
            following = self._ahead.pop(self.number)
            self.link = hashlib.sha256(self.link + following.digest).digest()
            self.tally.add(following.tally)
            self.number += 1

    def document(self) -> dict[str, Any]:
        """What is in the chain, as JSON."""
        return {"block": self.number, "sha256": self.link.hex(), "tally": self.tally.document()}

    @staticmethod
    def of(document: Mapping[str, Any]) -> Account:
        """What `document` made a document of."""
        return Account(document["block"], bytes.fromhex(document["sha256"]), Tally.of(document["tally"]))


class _Open:
    """A block that is being summed."""

    def __init__(self, first: int) -> None:
        self.first = self.stop = first
        self._tally = Tally()
        self._hashes = [hashlib.sha256() for _ in range(_PARTS)]

    def take(self, block: Block) -> None:
        assert block.first == self.stop, "parts of a block are summed in order"
        self.stop += block.size
        self._tally.take(block)
        lengths, keys, values, times, truth, labels = self._hashes
        lengths.update(np.column_stack([_lengths(block.keys), _lengths(block.values)]).tobytes())
        keys.update(_joined(block.keys))
        values.update(_joined(block.values))
        if block.times is not None:
            times.update(np.array(block.times, "<i8").tobytes())
        truth.update(_told(block.truth))
        labels.update(_told(block.labels))

    def sum(self) -> Sum:
        digest = hashlib.sha256(b"".join(each.digest() for each in self._hashes)).digest()
        return Sum(self.first, self.stop, digest, self._tally)


def _lengths(texts: Sequence[bytes | None]) -> NDArray[np.int64]:
    try:
        return np.fromiter(map(len, texts), "<i8", len(texts))  # type: ignore[arg-type]
    except TypeError:  # some are null
        return np.array([_NOTHING if text is None else len(text) for text in texts], "<i8")


def _joined(texts: Sequence[bytes | None]) -> bytes:
    try:
        return b"".join(texts)  # type: ignore[arg-type]
    except TypeError:
        return b"".join(text for text in texts if text is not None)


def _told(told: Sequence[Told]) -> bytes:
    heads = (b"%d %d %d " % (each.index, each.time, len(each.key or b"")) for each in told)
    return b"".join(head + (each.key or b"") + each.value for head, each in zip(heads, told, strict=True))
