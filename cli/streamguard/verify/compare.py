"""Every difference between what places should hold and what they hold; pure, and the same faults for every place.

A record that is wrong is counted once, where it is seen, under the fault that says most about it:

* there more often than it should be: *repeated*;
* on another partition, or in another place, than it should be: *misrouted* (and then not lost where it should be);
* there with another value or key, or unreadable: *corrupted*; with a value that the place had for it before: *stale*;
* unlike anything that should be anywhere: *phantom*;
* not found: *torn* when other parts of its whole are there, *lost* otherwise;
* behind a record that should come after it: *reordered*.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise

from streamguard.verify.entries import Fault, Found, Identity, Wanted

Faults = dict[Fault, list[str]]
"""Of each fault the names of the records."""
Wholes = Iterable[Sequence[Wanted]]


def compare(
    wanted: Mapping[str, Sequence[Wanted]], found: Mapping[str, Sequence[Found]], wholes: Wholes = ()
) -> dict[str, Faults]:
    """The faults of each place; `found` is in the order in which each place holds its records.

    The members of one of the `wholes` are there together or not at all; each is wanted in one place only.
    """
    by_name = {name: _Place(entries, found.get(name, ())) for name, entries in wanted.items()}
    places = list(by_name.values())
    _blame_misrouted(places, unchanged=True)
    for place in places:
        place.blame_corrupted()
    _blame_misrouted(places, unchanged=False)
    for place in places:
        place.blame_strays()
        place.blame_order()
    _blame_missing(places, wholes)
    return {name: place.faults for name, place in by_name.items()}


class _Place:
    """One place: `missing` and `strays` are what is not explained yet."""

    def __init__(self, wanted: Sequence[Wanted], found: Sequence[Found]) -> None:
        self.wanted: dict[Identity, list[Wanted]] = defaultdict(list)
        self.found = found
        self.strays: list[Found] = []
        self.missing: dict[Identity, int] = {}
        self.faults: Faults = {fault: [] for fault in Fault}
        for entry in wanted:
            self.wanted[entry.identity].append(entry)
        alike: dict[Identity, list[Found]] = defaultdict(list)
        for record in found:
            if record.identity is not None and record.identity in self.wanted:
                alike[record.identity].append(record)
            else:
                self.strays.append(record)
        for identity, entries in self.wanted.items():
            self._match(identity, entries, alike.get(identity, ()))

    def _match(self, identity: Identity, entries: Sequence[Wanted], records: Sequence[Found]) -> None:
        entry = entries[0]
        others = [record for record in records if not _equal(entry, record)]
        equal = len(records) - len(others)
        for _ in range(equal - len(entries)):
            self.blame(Fault.REPEATED, entry)
        room = max(0, len(entries) - equal)
        for record in others[:room]:
            self.blame(_difference(entry, record), entry)
        self.strays += others[room:]
        if room > len(others):
            self.missing[identity] = room - len(others)

    def blame(self, fault: Fault, entry: Wanted) -> None:
        self.faults[fault].append(entry.name)

    def wants(self, record: Found, *, unchanged: bool) -> bool:
        """Whether a record of that identity belongs here: with the same key and value, if it is to be `unchanged`."""
        entries = self.wanted.get(record.identity) if record.identity is not None else None
        if not entries:
            return False
        return not unchanged or bool(entries[0].key == record.key and entries[0].value == record.value)

    def take_missing(self, identity: Identity) -> Wanted | None:
        """One of the missing records, which is missing no more; None if none of them is."""
        count = self.missing.pop(identity, 0)
        if count > 1:
            self.missing[identity] = count - 1
        return self.wanted[identity][0] if count else None

    def blame_corrupted(self) -> None:
        """A stray with the partition and key of a missing record is that record."""
        absent: dict[tuple[int, Hashable], list[Identity]] = defaultdict(list)
        for identity, count in self.missing.items():
            entry = self.wanted[identity][0]
            absent[entry.partition, entry.key] += [identity] * count
        strays, self.strays = self.strays, []
        for record in strays:
            identities = absent.get((record.partition, record.key))
            taken = self.take_missing(identities.pop()) if identities else None
            if taken is None:
                self.strays.append(record)
            else:
                self.blame(Fault.CORRUPTED, taken)

    def blame_strays(self) -> None:
        """A stray whose like is wanted here, and there, is one too many; any other comes from nowhere."""
        for record in self.strays:
            if record.identity in self.wanted:
                self.blame(Fault.REPEATED, self.wanted[record.identity][0])
            else:
                self.faults[Fault.PHANTOM].append(record.name)

    def blame_order(self) -> None:
        """The fewest records whose removal leaves each lane in order."""
        lanes: dict[tuple[int, Hashable], list[Wanted]] = defaultdict(list)
        for record in self.found:
            entries = self.wanted.get(record.identity) if record.identity is not None else None
            if entries and entries[0].lane is not None and entries[0].partition == record.partition:
                lanes[record.partition, entries[0].lane].append(entries[0])
        for lane in lanes.values():
            for entry in _moved(lane):
                self.blame(Fault.REORDERED, entry)


def _equal(entry: Wanted, record: Found) -> bool:
    return entry.partition == record.partition and entry.key == record.key and bool(entry.value == record.value)


def _difference(entry: Wanted, record: Found) -> Fault:
    if entry.key != record.key:
        return Fault.CORRUPTED
    if entry.value == record.value:
        return Fault.MISROUTED
    return Fault.STALE if record.value in entry.earlier else Fault.CORRUPTED


def _blame_misrouted(places: Sequence[_Place], *, unchanged: bool) -> None:
    """A stray that belongs elsewhere is misrouted, and explains why it is missing there."""
    for place in places:
        strays, place.strays = place.strays, []
        for record in strays:
            homes = [other for other in places if other is not place and other.wants(record, unchanged=unchanged)]
            if record.identity is None or record.identity in place.wanted or not homes:
                place.strays.append(record)
                continue
            missed = [home for home in homes if record.identity in home.missing]
            for home in missed[:1]:
                home.take_missing(record.identity)
            place.blame(Fault.MISROUTED, homes[0].wanted[record.identity][0])


def _blame_missing(places: Sequence[_Place], wholes: Wholes) -> None:
    """What is missing with its whole, or has none, is lost; what is missing alone is torn."""
    absent = {identity: place for place in places for identity in place.missing}
    members: set[Identity] = set()
    for whole in wholes if absent else ():
        identities = [entry.identity for entry in whole]
        members.update(identities)
        if all(identity in absent and identity in absent[identity].missing for identity in identities):
            for entry in whole:
                absent[entry.identity].take_missing(entry.identity)
                absent[entry.identity].blame(Fault.LOST, entry)
    for place in places:
        for identity, count in place.missing.items():
            for _ in range(count):
                place.blame(Fault.TORN if identity in members else Fault.LOST, place.wanted[identity][0])


def _moved(lane: Sequence[Wanted]) -> list[Wanted]:
    """The records outside the longest rising part of a lane; one that is there twice may be right in either place."""
    if all(one.sequence < two.sequence for one, two in pairwise(lane)):
        return []
    ends: list[int] = []  # where the rising part of each length ends that ends lowest
    before: list[int | None] = []
    for at, entry in enumerate(lane):
        length = bisect_left(ends, entry.sequence, key=lambda end: lane[end].sequence)
        before.append(ends[length - 1] if length else None)
        ends[length : length + 1] = [at]
    kept: set[int] = set()
    step: int | None = ends[-1]
    while step is not None:
        kept.add(lane[step].sequence)
        step = before[step]
    return list({entry.sequence: entry for entry in lane if entry.sequence not in kept}.values())
