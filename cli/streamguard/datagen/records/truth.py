"""The truth about records, and what investigators find out of it, late and not without error.

Truth is told of what is not ordinary: fraud, what only looks like it (`fraud` is false), and faults. A label is a
report of fraud: it comes days after the event, some never come, and some name another transaction than they should.
Neither is in the records themselves; both depend on seed, stream and number of the record alone.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from streamguard.datagen.columns.distributions import Numbers, chance
from streamguard.datagen.columns.draws import BLOCK, Draws32, Whole, block
from streamguard.datagen.columns.stream import Columns
from streamguard.datagen.encoding.parts import INDEX, INSTANT, Moment, Number, Part, Piece, Text
from streamguard.datagen.encoding.splicer import Splicer, Values
from streamguard.datagen.records.faults import Spoilt
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
    """Makes truth and labels of the records of one stream. Their texts are spliced, as those of records are."""

    def __init__(self, stream: Stream, world: World, run: str, seed: int) -> None:
        self._stream, self._seed = stream.name, seed
        self._labels = labels = world.truth.labels if world.truth else None
        self._delays = Numbers([labels.delay], _MICROSECONDS) if labels else None
        decimals = [each.decimals for each in stream.columns if isinstance(each, NumberColumn) and each.name == LOSS]
        self._has_loss = bool(decimals)
        faults = _faults(world, stream)
        self._faults = {fault: place for place, fault in enumerate(faults)}
        which = _which(stream, run)
        told = [_campaign(one, fraud=fraud) for fraud in (True, False) for one in (None, *world.campaigns)]
        self._innocent = len(told) // 2  # from there on, campaigns of records that are no fraud
        begin: list[Part] = [*which, Text(b","), Piece("campaign", tuple(told))]
        end: list[Part] = [
            Text(b',"loss":'),
            Number("loss", *decimals),
            Text(b","),
            Piece("fault", tuple(map(_fault, faults))),
        ]
        numbers: list[Part] = [Text(b',"instance":'), Number("instance"), Text(b',"step":'), Number("step")]
        self._numbered = Splicer([*begin, *numbers, *end, Text(b"}")])
        self._plain = Splicer([*begin, Text(b',"instance":null,"step":null'), *end, Text(b"}")])
        reported: list[Part] = [Text(b',"label":"fraud","reported_at":'), Moment("epoch_ms", "reported"), Text(b"}")]
        self._reports = Splicer([*which, *reported])

    def truth(self, happened: Happened) -> list[Told]:
        """One for each record that is not ordinary, in order."""
        columns = happened.columns
        spoilt = {entry.index - columns.first: self._faults[entry.kind, entry.field] for entry in happened.ledger}
        marked = np.flatnonzero((columns.campaign != 0) | columns.fraud)
        places = np.union1d(marked, np.array([*spoilt], np.int64)) if spoilt else marked
        shown = {
            **_shown(happened, places),
            "campaign": columns.campaign[places] + np.where(columns.fraud[places], 0, self._innocent),
            "instance": columns.instance[places],
            "step": columns.step[places],
            "loss": np.where(columns.fraud[places], columns.values[LOSS][places], 0) if self._has_loss else places * 0,
            "fault": np.array([spoilt.get(place, 0) for place in places.tolist()], np.int64),
        }
        return _told(happened, places, self._written(shown), happened.instants[places])

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
        reported = columns.instants[about] + delays[first]
        texts = self._reports.write({**_shown(happened, about), "reported": reported}, len(about))
        return _told(happened, about, texts, reported)

    def _written(self, shown: Values) -> list[bytes]:
        """What belongs to an instance of a campaign has its number, the others have none."""
        numbered = shown["instance"] >= 0
        kinds = [
            iter(splicer.write({name: column[chosen] for name, column in shown.items()}, int(chosen.sum())))
            for splicer, chosen in ((self._plain, ~numbered), (self._numbered, numbered))
        ]
        return [next(kinds[kind]) for kind in numbered.tolist()]


def _shown(happened: Happened, places: Whole) -> dict[str, NDArray[Any]]:
    return {INDEX: places + happened.columns.first, INSTANT: happened.instants[places]}


def _told(happened: Happened, places: Whole, texts: Sequence[bytes], instants: Whole) -> list[Told]:
    first, keys = happened.columns.first, happened.keys
    rows = zip(places.tolist(), texts, (instants // _MILLISECONDS).tolist(), strict=True)
    return [Told(first + place, keys[place], text, time) for place, text, time in rows]


class Delayed:
    """Labels that are not due yet. What comes out is in order of time, and does not depend on how it was asked for."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, int, bytes | None, bytes]] = []

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


def _campaign(campaign: Campaign | None, *, fraud: bool) -> bytes:
    if campaign is None:
        return b'"fraud":false,"campaign":null,"kind":null'
    parts = map(orjson.dumps, (fraud, campaign.name, campaign.kind))
    return b'"fraud":%b,"campaign":%b,"kind":%b' % tuple(parts)


def _fault(fault: tuple[str | None, str | None]) -> bytes:
    return b'"fault":%b,"field":%b' % tuple(map(orjson.dumps, fault))


def _faults(world: World, stream: Stream) -> list[tuple[str | None, str | None]]:
    """All faults that there can be, each with the field that it is in; the first is none."""
    fields = (None, *(field.name for field in stream.record))
    return [(None, None), *((fault.kind, field) for fault in world.faults for field in fields)]


def _which(stream: Stream, run: str) -> list[Part]:
    """Which record something is about, as the beginning of an object: its own id, if it shows one, its number, and
    when it happened."""
    name, before, width, after = _identity(stream, run)
    named = b'"run":%b,"stream":%b,"index":' % (orjson.dumps(run), orjson.dumps(stream.name))
    number: list[Part] = [Number(INDEX), Text(b',"event_time":'), Moment("epoch_ms")]
    if not name:
        return [Text(b"{" + named), *number]
    begin = b"{%b:%b" % (orjson.dumps(name), orjson.dumps(before)[:-1])
    return [Text(begin), Number(INDEX, width=width), Text(orjson.dumps(after)[1:] + b"," + named), *number]


def _identity(stream: Stream, run: str) -> tuple[str, str, int, str]:
    """The first field whose text is made of run and number: its name, and what is before, how wide, and after it."""
    for field in stream.record:
        if isinstance(field.show, ShowText):
            parts = [run if part == ("run", "") else part for part in field.show.parts]
            numbers = [place for place, part in enumerate(parts) if not isinstance(part, str)]
            if len(numbers) == 1 and parts[numbers[0]][0] == "index":
                (place,) = numbers
                before, after = ("".join(map(str, each)) for each in (parts[:place], parts[place + 1 :]))
                return field.name, before, int(parts[place][1].removesuffix("d") or 1), after
    return "", "", 0, ""
