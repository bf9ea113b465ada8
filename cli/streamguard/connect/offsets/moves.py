"""Offsets of sinks: where they stand, where they are to go, and what that skips or repeats. Pure.

A worker takes any number for an offset, also one beyond the end or of a topic that the sink does not read, and the sink
then goes on wherever its `auto.offset.reset` says. So everything is checked here, against what Kafka has.

An Iceberg sink has a second group (`reading.Control`). It is kept as it is when a sink is set to a place: what has been
read and is not in the table yet is still put there. A sink that starts again from the beginning writes that anew, so
its second group goes to the end of the control topic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamguard.connect.offsets.reading import Control
from streamguard.errors import Refused, StreamguardError, TopicError
from streamguard.model import Place
from streamguard.project import did_you_mean

To = Literal["earliest", "latest", "none"]
ControlTo = Literal["keep", "end", "earliest"]

_TARGET = re.compile(r"(?P<topic>[\w.-]+?)(?::(?P<partition>\d+))?=(?P<where>[+-]?\d+|earliest|latest)")
VERSION = 1


@dataclass(frozen=True)
class Partition:
    """One partition and a group. `committed` None: nothing is; `end`: of what readers of committed records see.

    `known` False: Kafka could not be asked, or has no such partition (any more), `first` and `end` mean nothing.
    """

    topic: str
    partition: int
    committed: int | None
    first: int = 0
    end: int = 0
    known: bool = True
    is_read: bool = True
    """Does the sink read it? It may have done so before, and its group remembers."""

    @property
    def place(self) -> Place:
        return (self.topic, self.partition)

    @property
    def at(self) -> int:
        """Where the sink goes on if nothing is done: a sink without an offset reads everything, says Connect."""
        return self.first if self.committed is None else max(self.committed, self.first)

    @property
    def lag(self) -> int | None:
        return max(0, self.end - self.at) if self.known and self.is_read else None


@dataclass(frozen=True)
class Remembered:
    """What the snapshots of an Iceberg table have of a partition of a control topic: events before `offset`."""

    table: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Standing:
    """Where a sink stands; `control`, its partitions and what tables have remembered are those of an Iceberg sink."""

    name: str
    group: str
    partitions: tuple[Partition, ...]
    reset: str = "earliest"
    """Where it begins in a partition without an offset, as its config says."""
    control: Control | None = None
    control_partitions: tuple[Partition, ...] = ()
    remembered: tuple[Remembered, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """A row a partition, those of the second group last."""
        own = [_row(self.name, self.group, partition) for partition in self.partitions]
        group = self.control.group if self.control else ""
        return own + [_row(self.name, group, partition) for partition in self.control_partitions]


@dataclass(frozen=True)
class Target:
    """What a person wrote: ``users:3=120``, ``users=earliest``, ``users=-100``."""

    topic: str
    partition: int | None
    where: str


@dataclass(frozen=True)
class Move:
    """One partition from where it stands to `after`; None: its offset is forgotten. Counts are of offsets: records,
    and the marks that transactions leave."""

    partition: Partition
    after: int | None
    skipped: int
    repeated: int
    control: bool = False

    @property
    def is_one(self) -> bool:
        return self.after != self.partition.committed

    def row(self, name: str) -> dict[str, Any]:
        return {
            "connector": name,
            "topic": self.partition.topic,
            "partition": self.partition.partition,
            "before": self.partition.committed,
            "after": self.after,
            "skipped": self.skipped,
            "repeated": self.repeated,
        }


def parse_target(text: str) -> Target:
    """`ValueError` with a sentence for what is none."""
    found = _TARGET.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not like TOPIC:PARTITION=OFFSET, TOPIC=OFFSET, with earliest, latest, +N or -N")
    partition = found["partition"]
    return Target(found["topic"], None if partition is None else int(partition), found["where"])


def move(partition: Partition, after: int | None, reset: str = "earliest", *, control: bool = False) -> Move:
    """The move, with what it skips and repeats. `Refused` for an offset that the partition does not have."""
    place = f"{partition.topic}, partition {partition.partition}"
    if not partition.known:
        raise TopicError(f"Kafka has no {place}")
    if after is not None and not partition.first <= after <= partition.end:
        raise Refused(
            f"{place} has the offsets {partition.first} to {partition.end}: set to {after}, the sink would go on "
            f"wherever its auto.offset.reset says"
        )
    goes_on = after if after is not None else partition.first if reset == "earliest" else partition.end
    skipped = max(0, goes_on - partition.at)
    repeated = max(0, partition.at - goes_on) if partition.committed is not None else 0
    return Move(partition, after, skipped, repeated, control)


def set_to(standing: Standing, targets: Sequence[Target]) -> list[Move]:
    """The moves that targets ask for; partitions that none names stay. A later target wins over an earlier one."""
    wanted: dict[Place, int] = {}
    by_place = {partition.place: partition for partition in standing.partitions if partition.is_read}
    for target in targets:
        for partition in _meant(standing, by_place, target):
            wanted[partition.place] = _where(partition, target.where)
    return [move(by_place[place], wanted[place]) for place in sorted(wanted)]


def reset_to(standing: Standing, to: To) -> list[Move]:
    """Every partition to its first or next offset; `none`: every offset is forgotten."""
    ours = [partition for partition in standing.partitions if partition.is_read]
    if to == "none":
        return [move(partition, None, standing.reset) for partition in ours]
    return [move(partition, partition.first if to == "earliest" else partition.end) for partition in ours]


def to_time(standing: Standing, found: Mapping[Place, int | None]) -> list[Move]:
    """Every partition to the first record that is as young as a time; to its end if it has none."""
    ours = [partition for partition in standing.partitions if partition.is_read]
    offsets = {partition.place: found.get(partition.place) for partition in ours}
    return [move(p, p.end if (at := offsets[p.place]) is None else min(max(at, p.first), p.end)) for p in ours]


def control_moves(standing: Standing, to: ControlTo) -> list[Move]:
    """What becomes of the second group of an Iceberg sink."""
    if to == "keep":
        return []
    partitions = standing.control_partitions
    return [move(p, p.end if to == "end" else p.first, control=True) for p in partitions]


def loss(standing: Standing, moves: Sequence[Move]) -> str:
    """What would never reach the sink, in words; "" if nothing would be lost.

    Events of the control topic that are passed over are data files that are not put into the table. That loses nothing
    if their records are read again, so only if every partition is read again from its beginning.
    """
    parts = []
    skipped = sum(one.skipped for one in moves if not one.control)
    if skipped:
        parts.append(f"{skipped:,} records would be skipped")
    if standing.reset == "none" and any(one.after is None for one in moves):
        parts.append("its tasks would fail, since its auto.offset.reset is none")
    events = sum(one.skipped for one in moves if one.control)
    starts = {one.partition.place for one in moves if not one.control and _from_the_start(one, standing.reset)}
    if events and starts != {partition.place for partition in standing.partitions if partition.is_read}:
        parts.append(f"up to {events:,} data files that are not in the table yet would never be put there")
    return " and ".join(parts)


def warnings(standing: Standing) -> list[str]:
    """What is wrong with where it stands."""
    found = []
    for one in standing.partitions:
        place = f"{standing.name}: {one.topic}, partition {one.partition}"
        if one.is_read and not one.known:
            found.append(f"{place} does not exist in Kafka")
        elif one.known and one.committed is not None and one.committed > one.end:
            found.append(f"{place} ends at {one.end}, before the sink's {one.committed}: was the topic made anew?")
        elif one.known and one.is_read and one.committed is not None and one.committed < one.first:
            gone = one.first - one.committed
            found.append(f"{place}: {gone:,} records were deleted by retention before the sink had read them")
    return found + _forgotten(standing)


def _forgotten(standing: Standing) -> list[str]:
    """A control topic that was deleted and made again: Kafka deletes the offsets of groups with a topic, so that they
    mostly do not show it, but the table remembers. The sink reads on, and what it reads is not put into the table."""
    ends = {one.place: one for one in standing.control_partitions if one.known}
    at = [(one.place, f"its second group's {one.committed}", one.committed or 0) for one in ends.values()]
    at += [
        ((one.topic, one.partition), f"the {one.offset} that {one.table} remembers", one.offset)
        for one in standing.remembered
    ]
    return [
        f"{standing.name}: its control topic {place[0]} ends at {ends[place].end}, before {words}: the topic was made "
        "anew, and the table ignores its events until they pass the offset that its snapshots remember; set "
        "iceberg.control.topic to a name that was never used, and reset the offsets to what the table lacks"
        for place, words, offset in at
        if place in ends and offset > ends[place].end
    ]


def export(standing: Standing) -> dict[str, Any]:
    """The offsets as a document."""
    document: dict[str, Any] = {
        "name": standing.name,
        "group": standing.group,
        "offsets": [_entry(one) for one in standing.partitions if one.committed is not None],
    }
    if standing.control is not None:
        entries = [_entry(one) for one in standing.control_partitions if one.committed is not None]
        document["control"] = {"group": standing.control.group, "offsets": entries}
    return document


def imported(standing: Standing, document: Mapping[str, Any]) -> list[Move]:
    """The moves back to what `export` wrote; partitions that it does not name stay."""
    by_place = {one.place: one for one in standing.partitions}
    moves = [move(_known(standing, by_place, place), at) for place, at in read_entries(document).items()]
    control = {one.place: one for one in standing.control_partitions}
    for place, at in read_entries(document.get("control") or {"offsets": []}).items():
        moves.append(move(_known(standing, control, place), at, control=True))
    return moves


def read_entries(document: Mapping[str, Any]) -> dict[Place, int]:
    """The offsets of a document; `StreamguardError` if it is none."""
    try:
        found = {(entry["topic"], entry["partition"]): entry["offset"] for entry in document["offsets"]}
    except (KeyError, TypeError):
        raise StreamguardError("the file is not one that `offsets export` wrote: an entry has no offsets") from None
    for (topic, partition), offset in found.items():
        if not isinstance(topic, str) or type(partition) is not int or type(offset) is not int or offset < 0:
            raise StreamguardError(f"the file has no offset for {topic}, partition {partition}, but {offset!r}")
    return found


def _entry(partition: Partition) -> dict[str, Any]:
    return {"topic": partition.topic, "partition": partition.partition, "offset": partition.committed}


def _row(name: str, group: str, one: Partition) -> dict[str, Any]:
    return {
        "connector": name,
        "group": group,
        "topic": one.topic,
        "partition": one.partition,
        "offset": one.committed,
        "first": one.first if one.known else None,
        "end": one.end if one.known else None,
        "lag": one.lag,
    }


def _from_the_start(one: Move, reset: str) -> bool:
    return one.after == one.partition.first or (one.after is None and reset == "earliest")


def _known(standing: Standing, by_place: Mapping[Place, Partition], place: Place) -> Partition:
    found = by_place.get(place)
    if found is None or not found.known:
        topics = {topic for topic, _ in by_place}
        near = "" if place[0] in topics else did_you_mean(place[0], topics)
        raise TopicError(f"{standing.name} reads no {place[0]}, partition {place[1]}{near}")
    return found


def _meant(standing: Standing, by_place: Mapping[Place, Partition], target: Target) -> list[Partition]:
    if target.partition is not None:
        return [_known(standing, by_place, (target.topic, target.partition))]
    found = [partition for (topic, _), partition in by_place.items() if topic == target.topic]
    if not found:
        topics = {topic for topic, _ in by_place}
        raise TopicError(f"{standing.name} reads no topic {target.topic}{did_you_mean(target.topic, topics)}")
    return found


def _where(partition: Partition, where: str) -> int:
    """The offset that ``120``, ``+5``, ``-100``, ``earliest`` or ``latest`` means; a step ends where the partition
    does."""
    if where in ("earliest", "latest"):
        return partition.first if where == "earliest" else partition.end
    if where[0] in "+-":
        return min(max(partition.at + int(where), partition.first), partition.end)
    return int(where)
