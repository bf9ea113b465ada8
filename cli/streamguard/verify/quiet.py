"""Quiet: no transaction is open, everybody has read to the end, the tables have it all, and nothing moves any more.

Kafka and the catalog offer nothing to wait on, so they are looked at again and again; a server that is away is one
more reason to wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from streamguard.errors import Refused, StreamguardError, WaitTimedOut
from streamguard.kafka.positions import Positions
from streamguard.kafka.watch import Watch
from streamguard.model import Place
from streamguard.verify.rows import Rows
from streamguard.verify.sinks import Table

PAUSE = 0.25
"""Seconds between two looks."""
SETTLE = 2.0
"""Seconds for which nothing may have moved, unless told otherwise."""
EVERY = 5.0
"""Seconds between two words about what is waited for."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Look:
    """What was seen: why it is not quiet, and everything that changes when something moves."""

    reasons: tuple[str, ...]
    state: Hashable = None


@dataclass
class Scene:
    """What is looked at: `readers` has the topics of each group; tables count from `starts` on."""

    positions: Positions
    watch: Watch
    places: Sequence[Place]
    readers: Mapping[str, Sequence[str]]
    tables: Mapping[Table, Rows] = field(default_factory=dict)
    starts: Mapping[Place, int] = field(default_factory=dict)

    def look(self) -> Look:
        """Look at everything once. Raises StreamguardError while a server is away."""
        self.watch.check()
        ends = self.positions.ends(self.places, committed=False)
        stable = self.positions.ends(self.places, committed=True)
        committed = self.positions.committed(self.readers)
        reasons = [f"a transaction is open on {of}" for of in self._topics_where(lambda at: ends[at] > stable[at])]
        reasons += [f"{of} is still read" for of in self._topics_where(lambda at: self.watch.position(at) < stable[at])]
        for group, topics in self.readers.items():
            done = committed[group]
            for topic in topics:
                if lag := sum(self.watch.behind(at, done.get(at, 0)) for at in self.places if at[0] == topic):
                    reasons.append(f"{group} lags behind {topic} by {lag:,}")
        snapshots = []
        if not reasons:  # the tables come last, and are slow to ask
            for table, rows in self.tables.items():
                snapshot, highest = rows.last(self.starts_of(table.topic))
                snapshots.append(snapshot)
                if lag := self._beyond(table.topic, highest):
                    reasons.append(f"{table.namespace}.{table.name} lags behind {table.topic} by {lag:,}")
        moving = (*ends.items(), *((group, *done.items()) for group, done in committed.items()), *snapshots)
        return Look(tuple(reasons), moving)

    def starts_of(self, topic: str) -> dict[int, int]:
        """Where each partition of a topic begins to count."""
        return {number: start for (name, number), start in self.starts.items() if name == topic}

    def _topics_where(self, condition: Callable[[Place], bool]) -> list[str]:
        return sorted({place[0] for place in self.places if condition(place)})

    def _beyond(self, topic: str, highest: Mapping[int, int]) -> int:
        """Records after the highest offset that a table has of each partition."""
        starts = self.starts_of(topic)
        return sum(
            self.watch.behind((topic, number), max(start, highest.get(number, -1) + 1))
            for number, start in starts.items()
        )


def await_quiet(
    look: Callable[[], Look],
    within: float,
    say: Say,
    *,
    settle: float = SETTLE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Look until it is quiet: the seconds it took. Raises WaitTimedOut, which says what is not."""
    begun = clock()
    said = since = begun
    state: Hashable = None
    while True:
        seen = _safely(look)
        now = clock()
        if seen.reasons or seen.state != state:
            since, state = now, seen.state
        elif now - since >= settle:
            return now - begun
        if now - begun > within:
            reasons = "; ".join(seen.reasons) or "something still moves"
            raise WaitTimedOut(f"it is not quiet after {within:.0f} s (see `streamguard status`): {reasons}")
        if seen.reasons and now - said >= EVERY:
            said = now
            say(f"waiting: {'; '.join(seen.reasons)}")
        sleep(PAUSE)


def _safely(look: Callable[[], Look]) -> Look:
    try:
        return look()
    except Refused:
        raise
    except StreamguardError as exc:
        return Look((str(exc),))
