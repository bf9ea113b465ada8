"""Consumer groups of others: how far they have read, which offsets there are to choose from, and moving them.

Groups are asked by a consumer that never joins them, as `clients.offsets_reader` says why.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamguard.kafka import clients
from streamguard.kafka.listed import listed
from streamguard.model import Place
from streamguard.settings import Settings

SECONDS = 10.0
WINDOW = 60.0
KEPT = 64
"""Readers that are kept open; one has four threads and is open in 20 ms."""
_STILL_THERE = frozenset(
    {
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_COORDINATOR,
    }
)


@dataclass(frozen=True)
class Bounds:
    """The offsets that a partition has: of the first record, and of the next one that a reader of committed records
    will see."""

    first: int
    end: int


@dataclass(frozen=True)
class Seen:
    """The offsets that a group had committed at a time, in seconds of one clock."""

    offsets: Mapping[Place, int] = field(default_factory=dict)
    time: float = 0.0


@dataclass(frozen=True)
class Pace:
    """A group now and a while ago: at most `WINDOW` seconds, since groups commit in steps of many seconds."""

    last: Seen
    earlier: Seen


class GroupReaders:
    """Reads the committed offsets of many groups, again and again; for one thread."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._readers: dict[str, Consumer] = {}
        self._seen: dict[str, deque[Seen]] = {}

    def look(
        self, wanted: Mapping[str, Collection[Place]], seconds: float, later: Collection[str] = ()
    ) -> dict[str, Pace]:
        """What is known of each group. As many as can be asked in `seconds` are asked now, at least one; the others in
        the next look, so that a thousand groups do not hold up the caller. Those in `later` come after all others."""
        end = self._clock() + seconds
        for number, group in enumerate(self._turn(wanted, frozenset(later))):
            if number and self._clock() >= end:
                break
            self._remember(group, Seen(self.committed(group, wanted[group]), self._clock()))
        return {group: Pace(seen[-1], seen[0]) for group in wanted if (seen := self._seen.get(group))}

    def _turn(self, wanted: Collection[str], later: Collection[str]) -> list[str]:
        """The groups in the order in which they are asked: the one that was asked longest ago is first."""

        def asked(group: str) -> tuple[bool, float]:
            seen = self._seen.get(group)
            return group in later, seen[-1].time if seen else 0.0

        return sorted(sorted(wanted), key=asked)

    def _remember(self, group: str, seen: Seen) -> None:
        looks = self._seen.setdefault(group, deque())
        looks.append(seen)
        while len(looks) > 2 and looks[1].time <= seen.time - WINDOW:
            looks.popleft()

    def committed(self, group: str, places: Collection[Place]) -> dict[Place, int]:
        """The offsets that a group has committed of `places`; `KafkaUnavailable` after ten seconds."""
        if not places:
            return {}
        asked = [TopicPartition(topic, number) for topic, number in sorted(places)]
        try:
            with clients.translated(self._settings):
                found = self._reader(group).committed(asked, SECONDS)
        except BaseException:
            self.close()  # new ones are made: these may remember a coordinator of before
            raise
        return {(at.topic, at.partition): at.offset for at in found if at.offset >= 0}

    def close(self) -> None:
        """Let go of every reader."""
        for reader in self._readers.values():
            reader.close()
        self._readers = {}

    def _reader(self, group: str) -> Consumer:
        if group not in self._readers:
            if len(self._readers) >= KEPT:
                self._readers.pop(next(iter(self._readers))).close()
            self._readers[group] = clients.offsets_reader(self._settings, group)
        return self._readers[group]


def partitions(settings: Settings) -> dict[str, list[int]]:
    """The partitions of every topic."""
    admin = clients.admin(settings)
    with clients.translated(settings):
        return {name: sorted(topic.partitions) for name, topic in admin.list_topics(timeout=SECONDS).topics.items()}


def bounds(settings: Settings, places: Collection[Place]) -> dict[Place, Bounds]:
    """The first and the next offset of each partition."""
    admin = clients.admin(settings)
    first = _offsets(settings, admin, places, OffsetSpec.earliest())
    end = _offsets(settings, admin, places, OffsetSpec.latest())
    return {place: Bounds(first[place], end[place]) for place in places}


def at_time(settings: Settings, places: Collection[Place], milliseconds: int) -> dict[Place, int | None]:
    """The offset of the first record that is as young as a time since 1970, or younger; None if there is none."""
    found = _offsets(settings, clients.admin(settings), places, OffsetSpec.for_timestamp(milliseconds))
    return {place: offset if offset >= 0 else None for place, offset in found.items()}


def commit(settings: Settings, group: str, offsets: Mapping[Place, int], *, timeout: float = 60.0) -> None:
    """Commit offsets for a group that has no members; those that are leaving are waited for."""
    reader = clients.offsets_reader(settings, group)
    wanted = [TopicPartition(topic, number, offset) for (topic, number), offset in sorted(offsets.items())]
    end = time.monotonic() + timeout
    try:
        with clients.translated(settings):
            while True:
                try:
                    answers = reader.commit(offsets=wanted, asynchronous=False)
                    failed = next((at.error for at in answers or () if at.error is not None), None)
                    if failed is None:
                        return
                    raise KafkaException(failed)
                except KafkaException as exc:
                    if exc.args[0].code() not in _STILL_THERE or time.monotonic() >= end:
                        raise
                    reader.poll(0.5)  # a member that did not say goodbye is gone after its session time-out
    finally:
        reader.close()


def _offsets(settings: Settings, admin: AdminClient, places: Collection[Place], spec: OffsetSpec) -> dict[Place, int]:
    with clients.translated(settings):
        try:
            return listed(admin, places, spec, seconds=SECONDS, wait=2 * SECONDS)
        except TimeoutError as exc:
            raise clients.unavailable(settings) from exc
