"""Dead-letter topics as they are at one moment: which there are, what is in them, how far they are replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice

from confluent_kafka import TopicPartition

from streamguard.errors import KafkaError, TopicError
from streamguard.kafka import clients, topics
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.letters.reading import Choice, Letter, Replayed, letter_of
from streamguard.kafka.reader import TO_THE_END, Reader
from streamguard.kafka.tail import READ_SECONDS, record_of
from streamguard.project import did_you_mean
from streamguard.settings import Settings

OnRead = Callable[[int, int], None]
"""Called with the offsets that are read and those that are to be read."""


@dataclass(frozen=True)
class LetterTopic:
    """A dead-letter topic: for each partition its first offset, the one after its last record, and what is replayed."""

    name: str
    first: Mapping[int, int]
    ends: Mapping[int, int]
    replayed: Mapping[int, Replayed]

    @property
    def open(self) -> Mapping[int, int]:
        """The offsets from which on there may be letters that are not replayed."""
        return {number: max(first, self.replayed[number].upto) for number, first in self.first.items()}

    def read(self, settings: Settings, starts: Mapping[int, int], on_read: OnRead) -> Iterator[Letter]:
        """The letters from `starts` on, up to where the topic ended."""
        parts = {number: start for number, start in starts.items() if start < self.ends[number]}
        if not parts:
            return
        ends = {number: self.ends[number] for number in parts}
        at, total = dict(parts), sum(ends.values()) - sum(parts.values())
        with Reader(settings, self.name, parts, **TO_THE_END) as reader:
            for message in reader.to_offsets(ends, READ_SECONDS):
                record = record_of(message)
                if record.offset < ends[record.partition]:
                    at[record.partition] = record.offset + 1
                    yield letter_of(record)
                    on_read(sum(at.values()) - sum(parts.values()), total)

    def last(self, settings: Settings, choice: Choice, number: int) -> list[Letter]:
        """The last `number` letters by the time of their records, of those chosen."""
        return nlargest(number, filter(choice.has, self.read(settings, self.first, ignore)), key=_age)[::-1]

    def at(self, settings: Settings, partition: int, offset: int) -> Letter:
        """The letter at that place; `TopicError` if there is none."""
        if partition in self.first and self.first[partition] <= offset:
            for letter in islice(self.read(settings, {partition: offset}, ignore), 1):
                if letter.record.offset == offset:
                    return letter
        raise TopicError(
            f"{self.name} has no record at {partition}:{offset}: `streamguard dead-letters show {self.name}` has places"
        )


def ignore(_done: int, _wanted: int) -> None:
    """For those who do not want to know."""


def _age(letter: Letter) -> tuple[int, int, int]:
    return letter.record.timestamp, letter.record.partition, letter.record.offset


def group_of(topic: str) -> str:
    """The consumer group of the replays of a dead-letter topic, and their transactional id."""
    return f"sg.dead-letters.{topic}"


class LetterTopics:
    """The topics of a cluster, which is asked once which there are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = clients.admin(settings)
        with clients.translated(settings):
            known = self._admin.list_topics(timeout=topics.ANSWER_SECONDS).topics
        self.partitions: Mapping[str, int] = {name: len(topic.partitions) for name, topic in known.items()}

    def names(self, chosen: Sequence[str] = ()) -> list[str]:
        """The dead-letter topics that there are, or those chosen: `TopicError` (did you mean …?) if one is missing."""
        found = sorted(name for name in self.partitions if name.endswith(dead_letters.SUFFIX))
        for name in chosen:
            if name not in self.partitions:
                raise TopicError(f"there is no topic {name}{did_you_mean(name, found)}")
        return list(dict.fromkeys(chosen)) or found

    def look(self, *names: str) -> list[LetterTopic]:
        """Dead-letter topics at this moment, up to the first open transaction; `TopicError` if one is missing."""
        self.names(names)
        with clients.translated(self._settings):
            found = topics.bounds(self._admin, {name: range(self.partitions[name]) for name in names})
            return [LetterTopic(name, *found[name], self._replayed(name, *found[name])) for name in names]

    def _replayed(self, name: str, first: Mapping[int, int], ends: Mapping[int, int]) -> dict[int, Replayed]:
        """How far it is replayed; of an empty topic nobody has to be asked."""
        if first == ends:
            return {number: Replayed(end) for number, end in ends.items()}
        group = group_of(name)
        reader = clients.offsets_reader(self._settings, group)
        try:
            return committed(
                group, reader.committed([TopicPartition(name, number) for number in first], topics.ANSWER_SECONDS)
            )
        finally:
            reader.close()


def committed(group: str, offsets: Iterable[TopicPartition]) -> dict[int, Replayed]:
    """How far partitions are replayed, by what the group of the replays has committed."""
    try:
        return {at.partition: Replayed.committed(max(at.offset, 0), at.metadata or "") for at in offsets}
    except ValueError:
        raise KafkaError(f"the offsets of group {group} are not those of a replay: delete the group") from None
