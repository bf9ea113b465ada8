"""The end of a topic, or all of it, or what comes next: committed records in the order of their time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Message

from streamguard.kafka import clients, topics
from streamguard.kafka.reader import PIECE, TO_THE_END, Reader
from streamguard.settings import Settings

READ_SECONDS = 10.0
POLL_SECONDS = 0.2
OFFSETS_PER_RECORD = 2
"""A transaction's end takes an offset too; a topic of small transactions has twice as many offsets as records."""


@dataclass(frozen=True)
class Record:
    """A record of a topic; `timestamp` is in milliseconds since 1970."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def tail(settings: Settings, topic: str, *, last: int | None = 10, follow: bool = False) -> Iterator[Record]:
    """The last `last` records (None: all, as they come), then for ever what comes next if `follow`.

    Raises:
        TopicError: there is no such topic.
        KafkaUnavailable: no broker answers.
    """
    partitions = range(topics.require(settings, topic).partitions)
    admin = clients.admin(settings)
    with clients.translated(settings):
        first, after = topics.offsets(admin, topic, partitions)
    if last is not None:
        yield from _last(settings, topic, last, first, after)
    elif not follow:
        yield from _read(settings, topic, first)
    if follow:
        yield from _follow(settings, topic, after if last is not None else first)


def tail_several(
    settings: Settings, names: Sequence[str], *, from_beginning: bool, follow: bool
) -> Iterator[tuple[str, Record]]:
    """The records of several topics, each with its topic, as they come: from the first or the next one on, and for ever
    if `follow`, else up to what is there now. What comes at once is in the order of its time.

    Raises:
        TopicError: there is no such topic.
        KafkaUnavailable: no broker answers.
    """
    counts = {name: range(topics.require(settings, name).partitions) for name in names}
    admin = clients.admin(settings)
    with clients.translated(settings):
        bounds = topics.bounds(admin, counts)
    with ExitStack() as stack:
        readers = {
            name: stack.enter_context(Reader(settings, name, first if from_beginning else after))
            for name, (first, after) in bounds.items()
        }
        while follow or not all(reader.reached(bounds[name][1]) for name, reader in readers.items()):
            come = [(name, record_of(m)) for name, reader in readers.items() for m in reader.poll(PIECE, POLL_SECONDS)]
            for name, record in sorted(come, key=lambda found: (found[1].timestamp, found[1].partition)):
                if follow or record.offset < bounds[name][1][record.partition]:
                    yield name, record


def between(settings: Settings, topic: str, starts: Mapping[int, int], ends: Mapping[int, int]) -> list[Record]:
    """The committed records from `starts` to before `ends`, each partition's in its order."""
    with Reader(settings, topic, starts, **TO_THE_END) as reader:
        read = map(record_of, reader.to_offsets(ends, READ_SECONDS))
        return [record for record in read if record.offset < ends[record.partition]]


def _last(settings: Settings, topic: str, last: int, first: dict[int, int], after: dict[int, int]) -> list[Record]:
    """Go back far enough that `last` records are found, whatever else takes offsets; those up to `after`."""
    back = last * OFFSETS_PER_RECORD
    while True:
        starts = {partition: max(first[partition], after[partition] - back) for partition in after}
        found = [r for r in _read(settings, topic, starts) if r.offset < after[r.partition]] if last else []
        if len(found) >= last or starts == first:
            return sorted(found, key=lambda record: (record.timestamp, record.partition, record.offset))[
                -last or None :
            ]
        back *= 4


def _read(settings: Settings, topic: str, starts: dict[int, int]) -> Iterator[Record]:
    with Reader(settings, topic, starts, **TO_THE_END) as reader:
        for message in reader.to_end(READ_SECONDS):
            yield record_of(message)


def _follow(settings: Settings, topic: str, starts: dict[int, int]) -> Iterator[Record]:
    with Reader(settings, topic, starts) as reader:
        while True:
            for message in reader.poll(1, POLL_SECONDS):
                yield record_of(message)


def record_of(message: Message) -> Record:
    """A consumed message as a value."""
    headers: Any = message.headers() or ()  # pairs, whatever the type of confluent_kafka says
    return Record(
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple((name, value) for name, value in headers),
    )
