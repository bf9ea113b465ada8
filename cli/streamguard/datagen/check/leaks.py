"""S12: no field of a record, and nothing about its bytes, gives fraud away by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from streamguard.datagen.check.encoded import source_of
from streamguard.datagen.check.findings import Finding
from streamguard.datagen.check.sample import Sample
from streamguard.datagen.check.statistics import Floats, Mask, Whole, telling
from streamguard.datagen.world.model import World
from streamguard.datagen.world.streams import LabelColumn, ShowColumn, Stream

PRECISION, RECALL, AREA = 0.9, 0.2, 0.25
"""A rule of one comparison is a leak with more than this precision at more than this recall; so is an average
precision above `AREA`."""
FEW = 400
"""Values of a text up to which each stands for itself; of more, the length and the first characters do."""
PREFIX = 3
PARTITIONS = (2, 3, 4, 6, 8, 12)
SIZE, KEY = "(size)", "(key)"
Codes = Whole


class Texts:
    """Texts as codes, each different one kept once."""

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._parts: list[Codes] = []

    def add(self, values: Sequence[Any]) -> None:
        """More records."""
        known = self._codes
        self._parts.append(np.array([known.setdefault(str(value), len(known)) for value in values], dtype=np.int64))

    def all(self) -> tuple[Codes, list[str]]:
        """The code of each record, and what the codes mean."""
        return np.concatenate(self._parts), list(self._codes)


class Fields:
    """All that can be seen of each record, by name: numbers and texts."""

    def __init__(self) -> None:
        self.numbers: dict[str, list[Floats]] = {}
        self.texts: dict[str, Texts] = {}

    def add(self, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> None:
        """The records of a block."""
        columns: dict[str, list[Any]] = {SIZE: [len(value or b"") for value in values]}
        if keys[0] is not None:
            columns[KEY] = [(key or b"").decode(errors="replace") for key in keys]
        for value in values:
            for name, one in _flat("", orjson.loads(value or b"{}")):
                columns.setdefault(name, []).append(one)
        for name, column in columns.items():
            if name not in self.texts and all(isinstance(one, int | float) for one in column):
                self.numbers.setdefault(name, []).append(np.array(column, dtype=np.float64))
            else:
                self.texts.setdefault(name, Texts()).add(column)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flat(f"{name}.{key}" if name else key, inner)


def leaks(world: World, sample: Sample, cache_dir: Path | None) -> Iterator[Finding]:
    """Every raw field of the encoded records; a label that somebody has observed may tell, and is left out."""
    source = source_of(world, sample.declared.name, sample.seed, cache_dir)
    fields = Fields()
    for block in source.blocks(0, sample.size):
        fields.add(block.keys, block.values)
    labels = observed(sample.declared)
    views = {name: _of_numbers(np.concatenate(parts), sample.fraud) for name, parts in fields.numbers.items()}
    views |= {name: _of_texts(name, *texts.all(), sample.fraud) for name, texts in fields.texts.items()}
    for name, found in views.items():
        if name.partition(".")[0] not in labels:
            yield _field(name, found, sample.fraud, trivial=world.trivial)


def observed(stream: Stream) -> set[str]:
    """The fields that show a label."""
    labels = {column.name for column in stream.columns if isinstance(column, LabelColumn)}
    return {one.name for one in stream.record if isinstance(one.show, ShowColumn) and one.show.column in labels}


def _field(name: str, views: Iterator[tuple[str, Floats]], fraud: Mask, *, trivial: bool) -> Finding:
    area = rule = 0.0
    best = ""
    for told, scores in views:
        found, precise = telling(scores, fraud, RECALL)
        if found > area:
            area, best = found, told
        rule = max(rule, precise)
    leaking = area > AREA or rule > PRECISION
    note = " (trivial by declaration)" if trivial and leaking else ""
    detail = f"by {best}; best rule {rule:.2f}{note}"
    return Finding("S12", name, "average precision", area, f"at most {AREA}", None, trivial or not leaking, detail)


def _of_numbers(numbers: Floats, fraud: Mask) -> Iterator[tuple[str, Floats]]:
    """High, low and unusual ones, and the last two digits."""
    yield "high", numbers
    yield "low", -numbers
    yield "unusual", np.abs(numbers - np.median(numbers))
    yield "cents", _rates((np.abs(numbers) * 100 % 100).astype(np.int64), fraud)


def _of_texts(name: str, codes: Codes, texts: Sequence[str], fraud: Mask) -> Iterator[tuple[str, Floats]]:
    """Values, lengths, beginnings, ends, the hour of a time; the partition of a key."""

    def by(what: Callable[[str], object]) -> Floats:
        known: dict[object, int] = {}
        groups = np.array([known.setdefault(what(text), len(known)) for text in texts], dtype=np.int64)
        return _rates(groups[codes], fraud)

    yield "length", by(len)
    if len(texts) <= FEW:
        yield "value", _rates(codes, fraud)
    for count in range(1, PREFIX + 1):
        yield f"first {count}", by(lambda text, count=count: text[:count])
        yield f"last {count}", by(lambda text, count=count: text[-count:])
    if _is_time(texts[0]):
        yield "hour", by(lambda text: text[11:13])
    if name == KEY:
        for count in PARTITIONS:
            yield f"partition of {count}", by(lambda text, count=count: (murmur2(text.encode()) & 0x7FFFFFFF) % count)


def _rates(codes: Codes, fraud: Mask) -> Floats:
    """Each value as the part of fraud that it has among the other half of the records: nothing is learnt by heart."""
    half = np.arange(len(codes)) % 2 == 0
    scores = np.zeros(len(codes))
    many = int(codes.max()) + 1
    for own in (half, ~half):
        total = np.bincount(codes[~own], minlength=many)
        hits = np.bincount(codes[~own], weights=fraud[~own].astype(np.float64), minlength=many)
        scores[own] = ((hits + fraud.mean()) / (total + 1))[codes[own]]
    return scores


def _is_time(text: str) -> bool:
    return len(text) >= 19 and text[4] == text[7] == "-" and text[10] in "T "


def murmur2(data: bytes) -> int:
    """The hash by which Kafka's Java clients put a key on a partition, 32 bits without a sign."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
