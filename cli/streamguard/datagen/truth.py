"""The truth about records, and what investigators find out of it, late and not without error.

Truth is told of what is not ordinary: fraud, what only looks like it (`fraud` is false), and faults. A label is a
report of fraud: it comes days after the event, some never come, and some name another transaction than they should.
Neither is in the records themselves; both depend on seed, stream and number of the record alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import orjson
from numpy.typing import NDArray

from streamguard.datagen.distributions import Numbers, chance
from streamguard.datagen.draws import BLOCK, Draws32, block
from streamguard.datagen.encoding.parts import INDEX
from streamguard.datagen.faults import Spoilt
from streamguard.datagen.stream import Columns
from streamguard.datagen.world.campaigns import Campaign
from streamguard.datagen.world.model import World
from streamguard.datagen.world.streams import NumberColumn, ShowText, Stream

LOSS = "amount"
"""The column of a stream that says what a fraud costs."""

_MICROSECONDS = 1_000_000
_MILLISECONDS = 1_000


@dataclass(slots=True)
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
    """Makes truth and labels of the records of one stream. Their texts are put together from pieces, as records are."""

    def __init__(self, stream: Stream, world: World, run: str, seed: int) -> None:
        self._stream, self._seed = stream.name, seed
        self._labels = labels = world.truth.labels if world.truth else None
        self._delays = Numbers([labels.delay], _MICROSECONDS) if labels else None
        self._which = _Which(stream, run)
        self._campaigns = [_campaign(None), *map(_campaign, world.campaigns)]
        self._decimals = next(
            (each.decimals for each in stream.columns if isinstance(each, NumberColumn) and each.name == LOSS), None
        )

    def truth(self, happened: Happened) -> list[Told]:
        """One for each record that is not ordinary, in order."""
        columns = happened.columns
        spoilt = {entry.index - columns.first: entry for entry in happened.ledger}
        places = sorted({*np.flatnonzero((columns.campaign != 0) | columns.fraud).tolist(), *spoilt})
        rows = zip(
            places,
            (happened.instants[places] // _MILLISECONDS).tolist(),
            *(each[places].tolist() for each in (columns.campaign, columns.instance, columns.step)),
            self._losses(columns, places),
            strict=True,
        )
        return [
            Told(
                columns.first + place,
                happened.keys[place],
                (
                    f"{self._which.record(columns.first + place, time)},{self._campaigns[campaign]}"
                    f',"instance":{_or_null(instance)},"step":{_or_null(step)},"loss":{loss},{_fault(spoilt.get(place))}}}'
                ).encode(),
                time,
            )
            for place, time, campaign, instance, step, loss in rows
        ]

    def labels(self, happened: Happened) -> list[Told]:
        """The reports about the records of a block, in their order; `time` is when each is made."""
        if self._labels is None or self._delays is None:
            return []
        columns, number = happened.columns, happened.columns.first // BLOCK

        def draw(name: str) -> Draws32:
            return block(self._seed, f"{self._stream}/label/{name}", number)

        frauds = np.flatnonzero(columns.fraud & (draw("reported") >= chance(self._labels.unreported)))
        ordinary, about = np.flatnonzero(~columns.fraud), frauds
        if len(ordinary):
            wrong = draw("wrong")[frauds] < chance(self._labels.wrong)
            about = np.where(wrong, ordinary[draw("other")[frauds] % len(ordinary)], frauds)
        delays = np.maximum(self._delays.take(draw, "delay"), 1)[frauds]
        about, first = np.unique(about, return_index=True)  # who is named twice is reported once
        reported = ((columns.instants[about] + delays[first]) // _MILLISECONDS).tolist()
        happened_at = (happened.instants[about] // _MILLISECONDS).tolist()
        return [
            Told(
                columns.first + place,
                happened.keys[place],
                f'{self._which.record(columns.first + place, at)},"label":"fraud","reported_at":{time}}}'.encode(),
                time,
            )
            for place, at, time in zip(about.tolist(), happened_at, reported, strict=True)
        ]

    def _losses(self, columns: Columns, places: Sequence[int]) -> list[str]:
        """What each of these records cost: its amount if it is fraud."""
        if self._decimals is None:
            return ["0"] * len(places)
        amounts = np.where(columns.fraud[places], columns.values[LOSS][places], 0).tolist()
        unit = 10**self._decimals
        return [
            f"{amount // unit}.{amount % unit:0{self._decimals}d}" if unit > 1 else f"{amount}" for amount in amounts
        ]


class _Which:
    """Tells which record something is about: its own id, if it shows one, its number, and when it happened."""

    def __init__(self, stream: Stream, run: str) -> None:
        name, before, width, after = _identity(stream, run)
        self._own = (f"{_json(name)}:{_json(before)[:-1]}", width, f"{_json(after)[1:]},") if name else None
        self._run = f'"run":{_json(run)},"stream":{_json(stream.name)},"index":'

    def record(self, index: int, time: int) -> str:
        """The beginning of an object about a record."""
        own = f"{self._own[0]}{index:0{self._own[1]}d}{self._own[2]}" if self._own else ""
        return f'{{{own}{self._run}{index},"event_time":{time}'


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


def _campaign(campaign: Campaign | None) -> str:
    if campaign is None:
        return '"fraud":false,"campaign":null,"kind":null'
    fraud = "true" if campaign.fraud else "false"
    return f'"fraud":{fraud},"campaign":{_json(campaign.name)},"kind":{_json(campaign.kind)}'


def _fault(spoilt: Spoilt | None) -> str:
    return f'"fault":{_json(spoilt.kind if spoilt else None)},"field":{_json(spoilt.field if spoilt else None)}'


def _or_null(number: int) -> str:
    return "null" if number < 0 else str(number)


@cache
def _json(text: str | None) -> str:
    return orjson.dumps(text).decode()


def _identity(stream: Stream, run: str) -> tuple[str, str, int, str]:
    """The first field whose text is made of run and number: its name, and what is before, how wide, and after it."""
    for field in stream.record:
        if isinstance(field.show, ShowText):
            parts = [run if part == ("run", "") else part for part in field.show.parts]
            numbers = [place for place, part in enumerate(parts) if not isinstance(part, str)]
            if len(numbers) == 1 and parts[numbers[0]][0] == INDEX:
                (place,) = numbers
                before, after = ("".join(map(str, each)) for each in (parts[:place], parts[place + 1 :]))
                return field.name, before, int(parts[place][1].removesuffix("d") or 1), after
    return "", "", 0, ""
