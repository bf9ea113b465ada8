"""Where the records of a run come from: any of them, in any order, in any process, always the same bytes.

Everything between the columns of a stream and whoever sends or stores its records happens here, a block at a time:
faults move event times, the encoder makes bytes, faults spoil some of them, and the truth is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.columns.stream import Columns, compile_stream
from streamguard.datagen.encoding.json import Encoder, JsonEncoder
from streamguard.datagen.encoding.parts import INDEX, INSTANT
from streamguard.datagen.records.blocks import Block, Classes, Texts
from streamguard.datagen.records.faults import Codes, Faults, Spoils, Spoilt
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.truth import Happened, Told, TruthTeller
from streamguard.datagen.world.streams import LabelColumn

_MICROSECONDS = 1_000_000
_WITHOUT_LABEL = ("ordinary", "fraud")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Written:
    """One record as it is written."""

    index: int
    key: bytes | None
    value: bytes | None


class Source:
    """The records of one stream of a run."""

    def __init__(self, run: Run, name: str, cache_dir: Path | None = None) -> None:
        world = run.resolved()
        declared = world.stream(name)
        self._stream = compile_stream(
            world,
            name,
            seed=run.seed,
            start=_microseconds(run.start),
            cache_dir=cache_dir,
            full_speed=run.full_speed and not run.backfill,
        )
        self._encoder: Encoder = JsonEncoder(declared, self._stream.form, run.name)
        self._faults = Faults(world.faults, run.seed, name)
        self._teller = TruthTeller(declared, world, run.name, run.seed) if world.truth else None
        label = next((each for each in declared.columns if isinstance(each, LabelColumn)), None)
        self._label = label.name if label else None
        self._labels = tuple(map(str, label.choices.values)) if label else _WITHOUT_LABEL
        self._campaigns = tuple(campaign.name for campaign in world.campaigns)
        self._run = run
        self._last: tuple[int, Block] | None = None
        self.name, self.topic, self.record = name, declared.topic, declared.record
        self.form = self._stream.form
        self.spoils = bool(world.faults)
        self.truth_topic = world.truth.topic if world.truth else None
        self.labels_topic = world.truth.labels.topic if world.truth and world.truth.labels else None

    def starting(self, start: datetime) -> Source:
        """The same with another start: costs next to nothing, as what takes time to make is shared."""
        other = copy(self)
        other._run = replace(self._run, start=start)
        other._stream = self._stream.starting(_microseconds(start))
        other._last = None
        return other

    @property
    def total(self) -> int | None:
        """How many records a backfill has; None: it has no end."""
        return self.due((self._run.to - self._run.start).total_seconds()) if self._run.to else None

    def due(self, seconds: float) -> int:
        """How many records are due before so many seconds after the start."""
        return int(self._stream.clock.count_until(round(seconds * _MICROSECONDS)))

    def due_at(self, index: int) -> float:
        """Seconds after the start at which a record is due."""
        return float(self._stream.clock.due_at(index)) / _MICROSECONDS

    def block(self, number: int, first: int = 0, stop: int = BLOCK) -> Block:
        """The records from place `first` to `stop` (exclusive) of a block; parts of the same block cost little."""
        if self._last is None or self._last[0] != number:
            self._last = None  # its memory is used again at once, while it is still in the processor's cache
            self._last = number, self._made(number)
        whole = self._last[1]
        return whole if (first, stop) == (0, BLOCK) else whole.part(first, stop)

    def blocks(self, first: int, stop: int) -> Iterator[Block]:
        """The records from number `first` to `stop` (exclusive), whole blocks where that is possible."""
        for number in range(first // BLOCK, -(-stop // BLOCK)):
            base = number * BLOCK
            yield self.block(number, max(0, first - base), min(BLOCK, stop - base))

    def ledger(self, first: int, stop: int) -> Iterator[Spoilt]:
        """The faults of the records from number `first` to `stop` (exclusive)."""
        for block in self.blocks(first, stop):
            yield from block.ledger

    def waiting(self, index: int) -> list[Told]:
        """The labels that a run has not told which goes on with record `index`: about records before it, and due after
        the last of them."""
        if self._teller is None or self.labels_topic is None:
            return []
        now = (_microseconds(self._run.start) + round(self.due_at(max(0, index - 1)) * _MICROSECONDS)) // 1000
        found: list[Told] = []
        for number in range(-(-index // BLOCK)):
            columns, _, shown = self._shown(number)
            happened = Happened(columns, shown[INSTANT], self._encoder.keys(shown, columns.size), ())
            found += (each for each in self._teller.labels(happened) if each.index < index and each.time > now)
        return found

    def _shown(self, number: int) -> tuple[Columns, Codes | None, dict[str, NDArray[Any]]]:
        """The columns of a block, the faults of its records, and what the encoder shows of them."""
        columns = self._stream.block(number)
        codes = self._faults.codes(number)
        instants = columns.instants if codes is None else self._faults.moved(number, codes, columns.instants)
        numbers = np.arange(columns.first, columns.first + columns.size, dtype=np.int64)
        return columns, codes, {**columns.values, INDEX: numbers, INSTANT: instants}

    def _made(self, number: int) -> Block:
        columns, codes, shown = self._shown(number)
        keys, values = self._encoder.keys(shown, columns.size), self._encoder.values(shown, columns.size)
        ledger: Sequence[Spoilt] = ()
        written: tuple[NDArray[np.int64] | None, Texts, Texts] = None, keys, values
        if codes is not None:
            ledger = self._faults.ledger(number, codes, values)
            written = _written(self._faults.spoil(number, codes, keys, values), keys, values)
        return self._block(Happened(columns, shown[INSTANT], keys, ledger), written, codes)

    def _block(
        self, happened: Happened, written: tuple[NDArray[np.int64] | None, Texts, Texts], codes: Codes | None
    ) -> Block:
        columns, (places, keys, values) = happened.columns, written
        label, campaign = self._label_of(columns), columns.campaign
        times = happened.instants // 1000 if self._run.backfill else None
        if places is not None:
            label, campaign = label[places], campaign[places]
            times = None if times is None else times[places]
        return Block(
            first=columns.first,
            size=columns.size,
            keys=keys,
            values=values,
            times=None if times is None else times.tolist(),
            classes=Classes(self._labels, self._campaigns, label, campaign, codes),
            places=places,
            truth=self._teller.truth(happened) if self._teller else (),
            labels=self._teller.labels(happened) if self._teller else (),
            ledger=happened.ledger,
        )

    def _label_of(self, columns: Columns) -> NDArray[Any]:
        label: NDArray[Any] = columns.values[self._label] if self._label else columns.fraud.astype(np.int8)
        return label


def written(
    run: Run, count: int, first: int = 0, *, stream: str | None = None, cache_dir: Path | None = None
) -> Iterator[Written]:
    """What a run writes for `count` records from number `first` on, worked out without Kafka."""
    source = Source(run, stream or run.world.streams[0].name, cache_dir)
    for block in source.blocks(first, first + count):
        yield from map(Written, block.indexes, block.keys, block.values)


def records(
    run: Run, count: int, first: int = 0, *, stream: str | None = None, cache_dir: Path | None = None
) -> Iterator[Any]:
    """The values among them as documents; for a run without faults that leave no JSON."""
    for record in written(run, count, first, stream=stream, cache_dir=cache_dir):
        yield orjson.loads(record.value or b"null")


def _written(spoilt: Spoils, keys: Texts, values: Texts) -> tuple[NDArray[np.int64] | None, Texts, Texts]:
    """The place, key and value of all that is written; None instead of places if it is one in each."""
    if not spoilt:
        return None, keys, values
    keys, values = list(keys), list(values)
    times = np.ones(len(keys), np.int64)
    for place in sorted(spoilt, reverse=True):
        times[place] = len(spoilt[place])
        keys[place : place + 1] = [key for key, _ in spoilt[place]]
        values[place : place + 1] = [value for _, value in spoilt[place]]
    return None if bool((times == 1).all()) else np.arange(len(times)).repeat(times), keys, values


def _microseconds(instant: datetime) -> int:
    since = instant - _EPOCH
    return (since.days * 86_400 + since.seconds) * _MICROSECONDS + since.microseconds
