"""Where each query of a source stands, kept in the one offset that Kafka commits for a partition.

Queries that read one topic share a consumer group, so a partition has a single committed offset: the least of its
queries'. Which query is further ahead is written into the offset's metadata, in the same transaction:

    12 500:7,9 640:12        queries up to number 12 have been started; 7 and 9 stand at 500, 12 at 640, others here

A query's number is the offset of its command, so a later query has a greater one. A query above the first number has
never been committed: it begins at its own start. Metadata that is empty (an operator has reset the group's offsets)
means that all queries stand at the committed offset. The first number is that of the last command that whoever
committed had carried out: who has not come so far does not know which queries there are, and waits (see `source_task`).

A paused query stays where it is, and others go on: then it is the one with an offset of its own, behind theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

BEGINNING = 0


@dataclass(frozen=True)
class Resume:
    """Where to start reading a partition, and the offset of each query's first record, by query number.

    `paused` are the offsets of those that take none for now.
    """

    offset: int
    first: Mapping[int, int]
    paused: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def horizon(self) -> int:
        """From this offset on every query takes part."""
        return max(self.first.values(), default=self.offset)

    def active(self, offset: int) -> frozenset[int]:
        """The numbers of the queries that take the record at `offset`."""
        if offset >= self.horizon:
            return self._everybody
        return frozenset(number for number, first in self.first.items() if first <= offset)

    @cached_property
    def _everybody(self) -> frozenset[int]:
        return frozenset(self.first)

    def metadata(self, position: int, upto: int) -> str:
        """The text to commit with `position`, the next offset to read, after all commands up to number `upto`."""
        apart = {number: first for number, first in self.first.items() if first > position}
        apart |= {number: first for number, first in self.paused.items() if first != position}
        return encode(upto, apart)


def resume(
    committed: int | None, metadata: str, starts: Mapping[int, int], paused: Collection[int] = frozenset()
) -> Resume:
    """`starts` are the recorded starts of all present queries, by number; `committed` None means never committed."""
    if committed is None:
        first = dict(starts)
    elif not metadata:
        first = dict.fromkeys(starts, committed)
    else:
        upto, apart = decode(metadata)
        first = {number: apart.get(number, committed) if number <= upto else starts[number] for number in starts}
    working = {number: offset for number, offset in first.items() if number not in paused}
    resting = {number: offset for number, offset in first.items() if number in paused}
    return Resume(min(working.values(), default=committed or BEGINNING), working, resting)


def started(metadata: str) -> int:
    """The number of the last command that was carried out before this text was committed; -1 for empty text."""
    return decode(metadata)[0] if metadata else -1


def encode(upto: int, apart: Mapping[int, int]) -> str:
    """The metadata text; shorter than Kafka's limit of 4,096 characters for several hundred queries."""
    groups: dict[int, list[int]] = {}
    for number, offset in sorted(apart.items()):
        groups.setdefault(offset, []).append(number)
    words = [f"{offset}:{','.join(map(str, numbers))}" for offset, numbers in sorted(groups.items())]
    return " ".join([str(upto), *words])


def decode(metadata: str) -> tuple[int, dict[int, int]]:
    """The reverse of `encode`; ValueError if the text is not ours."""
    upto, *groups = metadata.split(" ")
    apart: dict[int, int] = {}
    for group in groups:
        offset, numbers = group.split(":")
        apart |= {int(number): int(offset) for number in numbers.split(",")}
    return int(upto), apart
