"""Batches of records that were read, and where each partition stood before and after.

A batch is stored as a whole, or not at all, if the database stands where the batch begins. One that the database
refuses for what is in it is cut in halves until the record is found that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from streamguard.errors import RecordRefused
from streamguard.model import Place
from streamguard.services.decider.facts import Transaction, tuple_of
from streamguard.services.decider.rows import AlertRow, alert_of, transaction_of

if TYPE_CHECKING:
    from streamguard.kafka.exactly_once.produce import Record


class Item(NamedTuple):
    """A record, and what it was taken for."""

    row: Transaction | AlertRow | RecordRefused
    place: Place
    offset: int
    record: Record


@dataclass(frozen=True)
class Batch:
    """Records in the order of reading; `starts` and `ends` are the next offsets of their partitions before and after.

    A partition of which nothing was ever stored starts at -1.
    """

    items: Sequence[Item]
    starts: Mapping[Place, int]
    ends: Mapping[Place, int]

    def halves(self) -> Iterator[Batch]:
        """Two batches, which are to be stored one after the other."""
        middle, starts = len(self.items) // 2, self.starts
        for items in (self.items[:middle], self.items[middle:]):
            ends = {item.place: item.offset + 1 for item in items}
            yield Batch(items, {place: starts[place] for place in ends}, ends)
            starts = {**starts, **ends}

    def refused(self, refusal: RecordRefused) -> Batch:
        """The same records as dead letters."""
        return Batch([item._replace(row=refusal) for item in self.items], self.starts, self.ends)


def batch_of(
    records: Sequence[Record], starts: Mapping[Place, int], ends: Mapping[Place, int], *, alerts: str
) -> Batch:
    """A batch of records; `alerts` is the topic of those that are alerts, the others are transactions."""
    items = []
    for record in records:
        topic = record.topic() or ""
        row: Transaction | AlertRow | RecordRefused
        try:
            row = alert_of(record.value(), record.key()) if topic == alerts else transaction_of(record.value())
        except RecordRefused as refusal:
            row = refusal
        items.append(tuple_of(Item, (row, (topic, record.partition() or 0), record.offset() or 0, record)))
    return Batch(items, starts, ends)
