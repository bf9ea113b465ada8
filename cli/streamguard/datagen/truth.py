"""The truth about records, and what investigators find out of it, late and not without error.

Truth is told of what is not ordinary: fraud, what only looks like it (`fraud` is false), and faults. A label is a
report of fraud: it comes days after the event, some never come, and some name another transaction than they should.
Neither is in the records themselves; both depend on seed, stream and number of the record alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from streamguard.datagen.distributions import Numbers, chance
from streamguard.datagen.draws import BLOCK, Draws32, block
from streamguard.datagen.faults import Spoilt
from streamguard.datagen.stream import Columns
from streamguard.datagen.world.model import World
from streamguard.datagen.world.streams import NumberColumn, ShowText, Stream

LOSS = "amount"
"""The column of a stream that says what a fraud costs."""

_MICROSECONDS = 1_000_000
_MILLISECONDS = 1_000


@dataclass(frozen=True)
class Told:
    """A record about a record: key, value, and when it may be told (milliseconds since 1970). `index` is what about."""

    index: int
    key: bytes | None
    value: bytes
    time: int


@dataclass(frozen=True)
class Happened:
    """A block of records as those who know everything see it: `instants` are the event times that the records show
    (microseconds; faults move some away from those of `columns`), `keys` the right ones."""

    columns: Columns
    instants: NDArray[np.int64]
    keys: Sequence[bytes | None]
    ledger: Sequence[Spoilt]


class TruthTeller:
    """Makes truth and labels of the records of one stream."""

    def __init__(self, stream: Stream, world: World, run: str, seed: int) -> None:
        self._stream, self._campaigns, self._run, self._seed = stream, world.campaigns, run, seed
        self._labels = labels = world.truth.labels if world.truth else None
        self._delays = Numbers([labels.delay], _MICROSECONDS) if labels else None
        self._id = _identity(stream)
        self._decimals = next(
            (each.decimals for each in stream.columns if isinstance(each, NumberColumn) and each.name == LOSS), None
        )

    def truth(self, happened: Happened) -> list[Told]:
        """One for each record that is not ordinary, in order."""
        columns = happened.columns
        spoilt = {entry.index - columns.first: entry for entry in happened.ledger}
        places = sorted({*np.flatnonzero((columns.campaign != 0) | columns.fraud).tolist(), *spoilt})
        return [
            self._told(happened, place, self._truth(happened, place, spoilt.get(place)), self._time(happened, place))
            for place in places
        ]

    def labels(self, happened: Happened) -> list[Told]:
        """The reports about the records of a block, in their order; `time` is when each is made."""
        if self._labels is None or self._delays is None:
            return []
        columns = happened.columns

        def draw(name: str) -> Draws32:
            return block(self._seed, f"{self._stream.name}/label/{name}", columns.first // BLOCK)

        frauds = np.flatnonzero(columns.fraud & (draw("reported") >= chance(self._labels.unreported)))
        delays = np.maximum(self._delays.take(draw, "delay"), 1)
        wrong, others, ordinary = (
            draw("wrong") < chance(self._labels.wrong),
            draw("other"),
            np.flatnonzero(~columns.fraud),
        )
        reports: dict[int, int] = {}
        for place in frauds.tolist():
            about = int(ordinary[others[place] % len(ordinary)]) if wrong[place] and len(ordinary) else place
            reports.setdefault(about, int(columns.instants[about] + delays[place]) // _MILLISECONDS)
        return [
            self._told(happened, place, {"label": "fraud", "reported_at": reports[place]}, reports[place])
            for place in sorted(reports)
        ]

    def _told(self, happened: Happened, place: int, content: Mapping[str, Any], time: int) -> Told:
        """A record about the one at `place`: which one that is, and what there is to say."""
        index = happened.columns.first + place
        name, before, width, after = self._id
        own = {name: f"{before.format(run=self._run)}{index:0{width}d}{after.format(run=self._run)}"} if name else {}
        which = {"run": self._run, "stream": self._stream.name, "index": index}
        when = {"event_time": self._time(happened, place)}
        return Told(index, happened.keys[place], orjson.dumps({**own, **which, **when, **content}), time)

    def _truth(self, happened: Happened, place: int, spoilt: Spoilt | None) -> dict[str, Any]:
        columns = happened.columns
        number, instance, step = (int(each[place]) for each in (columns.campaign, columns.instance, columns.step))
        campaign = self._campaigns[number - 1] if number else None
        fraud = bool(columns.fraud[place])
        loss = int(columns.values[LOSS][place]) if fraud and self._decimals is not None else 0
        return {
            "fraud": fraud,
            "campaign": campaign.name if campaign else None,
            "kind": campaign.kind if campaign else None,
            "instance": instance if campaign and instance >= 0 else None,
            "step": step if campaign and step >= 0 else None,
            "loss": loss / 10**self._decimals if self._decimals else loss,
            "fault": spoilt.kind if spoilt else None,
            "field": spoilt.field if spoilt else None,
        }

    def _time(self, happened: Happened, place: int) -> int:
        return int(happened.instants[place]) // _MILLISECONDS


class Delayed:
    """Labels that are not due yet. What comes out is in order of time, and does not depend on how it was asked for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, bytes | None, bytes]] = []

    @property
    def pending(self) -> int:
        """How many are not due yet."""
        return len(self._waiting)

    def take(self, labels: Iterable[Told]) -> None:
        """Keep these until they are due."""
        for label in labels:
            heapq.heappush(self._waiting, (label.time, label.index, label.key, label.value))

    def due(self, now: int) -> list[Told]:
        """Those whose time (milliseconds since 1970) has come."""
        found = []
        while self._waiting and self._waiting[0][0] <= now:
            time, index, key, value = heapq.heappop(self._waiting)
            found.append(Told(index, key, value, time))
        return found


def _identity(stream: Stream) -> tuple[str, str, int, str]:
    """The first field whose text is made of run and number: its name, and what is before, how wide, and after it."""
    for field in stream.record:
        if isinstance(field.show, ShowText):
            texts, width = [""], 0
            for part in field.show.parts:
                if isinstance(part, str):
                    texts[-1] += part.replace("{", "{{").replace("}", "}}")
                elif part[0] == "run":
                    texts[-1] += "{run}"
                elif part[0] == "index" and len(texts) == 1:
                    width = int(part[1].removesuffix("d") or 1)
                    texts.append("")
                else:
                    break
            else:
                if len(texts) == 2:
                    return field.name, texts[0], width, texts[1]
    return "", "", 0, ""
