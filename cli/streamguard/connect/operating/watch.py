"""Watch: what connectors do, from one request to Connect and a few to Kafka a look.

`Sample` is one look. `rows` is pure: looks in, a row a connector out.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from streamguard.connect.deploying.report import cause_of
from streamguard.connect.deploying.wait import summary
from streamguard.connect.offsets import reading
from streamguard.connect.offsets.tails import Tails
from streamguard.connect.operating.operate import rests
from streamguard.connect.rest.answers import Deployed
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.rest.globs import matching, select
from streamguard.errors import ConnectError, StreamguardError
from streamguard.kafka import backlog, group_offsets
from streamguard.kafka.group_offsets import Bounds, GroupReaders, Pace
from streamguard.model import Place
from streamguard.settings import Settings

DEADLINE = 5.0
"""Seconds for the request to Connect with its repeats: the next look comes soon."""
BUDGET = 1.0
"""Seconds of a look that may go into asking consumer groups; what does not fit is asked in the next."""
ORDER = ("FAILED", "UNASSIGNED", "starting", "RUNNING", "PAUSED", "STOPPED")
"""What needs somebody is first."""


@dataclass(frozen=True)
class Sink:
    """Where Kafka has what a connector does: its group, the partitions that it reads, those of its dead letters."""

    group: str
    places: tuple[Place, ...]
    letters: tuple[Place, ...] = ()
    missing: tuple[str, ...] = ()
    """Topics that it should read and that do not exist."""


@dataclass(frozen=True)
class Sample:
    """One look. `kafka` says why there are no offsets, "" if there are; `time` is in seconds of one clock."""

    time: float
    connectors: Mapping[str, Deployed]
    sinks: Mapping[str, Sink] = field(default_factory=dict)
    bounds: Mapping[Place, Bounds] = field(default_factory=dict)
    groups: Mapping[str, Pace] = field(default_factory=dict)
    empty: frozenset[tuple[Place, int]] = frozenset()
    """Partitions, each with an offset behind which there is no record."""
    kafka: str = ""


@dataclass(frozen=True)
class Row:
    """A connector in one look; None: not known, or it is a source. `rate` is in records a second over the last minute,
    `errors` are all its dead letters, `new_errors` those since the first look."""

    name: str
    state: str
    running: int
    tasks: int
    lag: int | None = None
    rate: float | None = None
    errors: int | None = None
    new_errors: int | None = None
    cause: str | None = None

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "state": self.state,
            "tasks_running": self.running,
            "tasks": self.tasks,
            "lag": self.lag,
            "rate": None if self.rate is None else round(self.rate, 1),
            "errors": self.errors,
            "new_errors": self.new_errors,
            "cause": self.cause,
        }

    def __str__(self) -> str:
        """As a line of a log."""
        parts = [f"{self.name}: {self.state}", f"{self.running} of {self.tasks} tasks run"]
        parts += [f"lag {self.lag:,}"] if self.lag is not None else []
        parts += [f"{self.rate:,.1f} records/s"] if self.rate is not None else []
        if self.errors is not None:
            parts.append(f"{self.errors:,} errors" + (f" (+{self.new_errors:,})" if self.new_errors else ""))
        return ", ".join(parts) + (f": {self.cause}" if self.cause else "")


def rows(now: Sample, first: Sample | None = None) -> list[Row]:
    """A row a connector, those that need somebody first. New errors are those since the sample `first`."""
    found = [_row(name, now, first) for name in now.connectors]
    return sorted(found, key=lambda row: (_need(row), row.name))


def _need(row: Row) -> float:
    """Less for what needs somebody more; of two in the same state, one that says why."""
    return (ORDER.index(row.state) if row.state in ORDER else 0) - (0.5 if row.cause else 0)


def _row(name: str, now: Sample, first: Sample | None) -> Row:
    connector, sink = now.connectors[name], now.sinks.get(name)
    status = connector.status
    tasks = status.tasks if status else ()
    cause = cause_of(status, connector.config) if status else None
    if not cause and sink and sink.missing:
        cause = f"it reads {', '.join(sink.missing)}, which does not exist"
    letters, earlier = _letters(now, sink), _letters(first, sink) if first else None
    return Row(
        name,
        summary(status) if status else "UNASSIGNED",
        sum(task.state == "RUNNING" for task in tasks),
        len(tasks),
        _lag(now, sink),
        _rate(now, sink),
        letters,
        None if letters is None or first is None else max(0, letters - (earlier or 0)),
        cause,
    )


def _lag(now: Sample, sink: Sink | None) -> int | None:
    """Records that the group has yet to read; where it has committed nothing, all that are there."""
    if sink is None or not sink.places or sink.group not in now.groups:
        return None
    offsets = now.groups[sink.group].last.offsets
    parts = [now.bounds[place] for place in sink.places if place in now.bounds]
    if len(parts) < len(sink.places):
        return None
    at = [(place, _goes_on(offsets, place, part)) for place, part in zip(sink.places, parts, strict=True)]
    return sum(max(0, part.end - one[1]) for part, one in zip(parts, at, strict=True) if one not in now.empty)


def _goes_on(offsets: Mapping[Place, int], place: Place, part: Bounds) -> int:
    return max(offsets.get(place, 0), part.first)


def _rate(now: Sample, sink: Sink | None) -> float | None:
    """Records a second that the group has committed in the last minute, or since it was first asked."""
    pace = now.groups.get(sink.group) if sink else None
    if pace is None or pace.last.time <= pace.earlier.time:
        return None
    moved = sum(at - pace.earlier.offsets.get(place, _first(now, place)) for place, at in pace.last.offsets.items())
    return max(0.0, moved / (pace.last.time - pace.earlier.time))


def _first(now: Sample, place: Place) -> int:
    return now.bounds[place].first if place in now.bounds else 0


def _letters(now: Sample, sink: Sink | None) -> int | None:
    if sink is None or not sink.letters or any(place not in now.bounds for place in sink.letters):
        return None
    return sum(now.bounds[place].end - now.bounds[place].first for place in sink.letters)


def sink_of(connector: Deployed, partitions: Mapping[str, Sequence[int]]) -> Sink | None:
    """Where Kafka has what this connector does; None for a source."""
    topics = reading.topics_of(connector.config, partitions)
    if not topics:
        return None
    letters = reading.dead_letter_topic(connector.config)
    return Sink(
        reading.group_of(connector.name, connector.config),
        tuple((topic, number) for topic in topics for number in partitions.get(topic, ())),
        tuple((letters, number) for number in partitions.get(letters, ())),
        tuple(topic for topic in topics if topic not in partitions),
    )


class Watcher:
    """Takes samples; for one thread. Without Kafka there are no lags, rates and errors, and the sample says why;
    `unfit` says why Kafka is not even asked."""

    def __init__(
        self,
        client: ConnectClient,
        settings: Settings,
        patterns: Sequence[str] = (),
        *,
        unfit: str = "",
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._settings = settings
        self._patterns = patterns
        self._readers = GroupReaders(settings)
        self._tails = Tails(partial(backlog.with_records, settings))
        self._unfit = unfit
        self._clock = clock
        self._sleep = sleep
        self._started = False

    def looks(self, interval: float, count: int | None = None) -> Iterator[tuple[list[Row], str]]:
        """Rows, and what is wrong with them, every `interval` seconds. Connect being away is waited out, once it has
        answered; there are no rows then."""
        first: Sample | None = None
        for number in itertools.count():
            if number:
                self._sleep(interval)
            try:
                sample = self.look()
            except ConnectError as exc:
                if not self._started:
                    raise
                yield [], str(exc)
            else:
                first = sample if first is None and not sample.kafka else first
                yield rows(sample, first), f"no offsets: {sample.kafka}" if sample.kafka else ""
            if count is not None and number + 1 >= count:
                return

    def look(self) -> Sample:
        """One request to Connect. A name that chooses nothing is an error in the first look only: it may be deleted
        later."""
        listed = self._client.connectors()
        names = self._names(listed)
        chosen = {name: listed[name] for name in names}
        now = self._clock()
        if self._unfit:
            return Sample(now, chosen, kafka=self._unfit)
        try:
            return _with_offsets(Sample(now, chosen), self._settings, self._readers, self._tails)
        except StreamguardError as exc:
            return Sample(now, chosen, kafka=str(exc))

    def close(self) -> None:
        self._readers.close()

    def _names(self, listed: Mapping[str, Deployed]) -> list[str]:
        if not self._started:
            names = select(self._patterns, listed, self._client.shown_url)
            self._started = True
            return names
        if not self._patterns:
            return sorted(listed)
        return matching(self._patterns, listed)


def _with_offsets(sample: Sample, settings: Settings, readers: GroupReaders, tails: Tails) -> Sample:
    partitions = group_offsets.partitions(settings)
    found = {name: sink_of(connector, partitions) for name, connector in sample.connectors.items()}
    sinks = {name: sink for name, sink in found.items() if sink is not None}
    places = {place for sink in sinks.values() for place in (*sink.places, *sink.letters)}
    bounds = group_offsets.bounds(settings, places)
    resting = {sink.group for name, sink in sinks.items() if rests(sample.connectors[name].status)}
    groups = readers.look({sink.group: sink.places for sink in sinks.values()}, BUDGET, later=resting)
    standings = {
        (place, _goes_on(groups[sink.group].last.offsets, place, bounds[place]), bounds[place].end)
        for sink in sinks.values()
        if sink.group in groups
        for place in sink.places
    }
    return Sample(sample.time, sample.connectors, sinks, bounds, groups, tails.empty(standings))
