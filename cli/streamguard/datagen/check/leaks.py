"""S12: no field of a record, and nothing about its bytes, gives fraud away by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from streamguard.datagen.check.encoded import source_of
from streamguard.datagen.check.findings import Finding
from streamguard.datagen.check.sample import Sample
from streamguard.datagen.check.statistics import Floats, Mask, Whole, telling
from streamguard.datagen.columns.forms import Fixed, Pieces
from streamguard.datagen.records.source import Source
from streamguard.datagen.world.model import World
from streamguard.datagen.world.population import IndexText
from streamguard.datagen.world.streams import (
    Field,
    LabelColumn,
    ShowAttribute,
    ShowColumn,
    ShowEntity,
    ShowIndex,
    ShowObject,
    ShowText,
    ShowTime,
    Stream,
)

PRECISION, RECALL, AREA = 0.9, 0.2, 0.25
"""A rule of one comparison is a leak with more than this precision at more than this recall; so is an average
precision above `AREA`."""
FEW = 400
"""Values of a text up to which each stands for itself; of more, the length and the first characters do."""
PREFIX = 3
PARTITIONS = (2, 3, 4, 6, 8, 12)
SIZE, KEY = "(size)", "(key)"
Views = Iterator[tuple[str, Floats]]
"""A field as scores: how it is looked at, and a number for each record, high where fraud is suspected."""


def leaks(world: World, sample: Sample, cache_dir: Path | None) -> Iterator[Finding]:
    """Every raw field of the records, their size and key; a label that somebody has observed may tell, and is left out.

    Keys and sizes are those of the encoded bytes. Fields are what the columns show: that the bytes say the same is S9.
    """
    source = source_of(world, sample.declared.name, sample.seed, cache_dir)
    sizes, keys, known = [], [], dict[bytes, int]()
    for block in source.blocks(0, sample.size):
        sizes += [len(value or b"") for value in block.values]
        keys += [known.setdefault(key or b"", len(known)) for key in block.keys]
    views = {SIZE: of_numbers(np.array(sizes, dtype=np.float64), sample.fraud)}
    if len(known) > 1:
        texts = [key.decode(errors="replace") for key in known]
        views[KEY] = chain(
            of_texts(np.array(keys), texts, sample.fraud), _partitions(np.array(keys), known, sample.fraud)
        )
    views |= dict(_fields(sample, source, sample.declared.record, ""))
    for name, found in views.items():
        yield _finding(name, found, sample.fraud, trivial=world.trivial)


def _fields(sample: Sample, source: Source, fields: Sequence[Field], above: str) -> Iterator[tuple[str, Views]]:
    """What each field shows, as scores."""
    labels = observed(sample.declared)
    for one in fields:
        name = f"{above}{one.name}"
        match one.show:
            case ShowColumn(column) if column not in labels:
                yield name, _column(sample, source, column)
            case ShowAttribute(column, attribute):
                yield name, _attribute(sample, source, column, attribute)
            case ShowEntity(column):
                for shown in sample.pool(column).entity.shown:
                    yield f"{name}.{shown.name}", _attribute(sample, source, column, shown.name)
            case ShowTime():
                yield name, _times(sample)
            case ShowIndex() | ShowText():
                yield name, _indexes(sample)
            case ShowObject(inner):
                yield from _fields(sample, source, inner, f"{name}.")


def _column(sample: Sample, source: Source, column: str) -> Views:
    form = source.form(column)
    if isinstance(form, Fixed):
        return of_numbers(sample.values[column] / 10**form.decimals, sample.fraud)
    return of_texts(sample.values[column], form.text, sample.fraud)


def _attribute(sample: Sample, source: Source, column: str, attribute: str) -> Views:
    form = source.form(f"{column}.{attribute}")
    assert isinstance(form, Pieces)
    codes = sample.values[column]
    if isinstance(sample.pool(column).entity.attribute(attribute).kind, IndexText):
        return of_numbers(codes.astype(np.float64), sample.fraud)
    return of_texts(codes, form.text, sample.fraud)


def _times(sample: Sample) -> Views:
    """The instant, and its parts: the hour, the second, the last digits."""
    seconds = sample.instants // 1_000_000
    yield from of_numbers(seconds.astype(np.float64), sample.fraud)
    for name, parts in (
        ("hour", seconds // 3600 % 24),
        ("second", seconds % 60),
        ("millisecond", sample.instants // 1000 % 1000),
    ):
        yield name, _rates(parts, sample.fraud)


def _indexes(sample: Sample) -> Views:
    """The number of the record, of which ids are made, and its last digits."""
    numbers = np.arange(sample.size)
    yield from of_numbers(numbers.astype(np.float64), sample.fraud)
    for count in (10, 100, 1000, 4096):
        yield f"remainder of {count}", _rates(numbers % count, sample.fraud)


def observed(stream: Stream) -> set[str]:
    """The columns that are labels."""
    return {column.name for column in stream.columns if isinstance(column, LabelColumn)}


def _finding(name: str, views: Views, fraud: Mask, *, trivial: bool) -> Finding:
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


def of_numbers(numbers: Floats, fraud: Mask) -> Views:
    """High, low and unusual ones, and the last two digits."""
    yield "high", numbers
    yield "low", -numbers
    yield "unusual", np.abs(numbers - np.median(numbers))
    yield "cents", _rates((np.abs(numbers) * 100 % 100).astype(np.int64), fraud)


def of_texts(codes: Whole, texts: Sequence[str], fraud: Mask) -> Views:
    """Values, lengths, beginnings and ends; `codes` says which of the texts each record has."""
    yield "length", _by([len(text) for text in texts], codes, fraud)
    if len(texts) <= FEW:
        yield "value", _rates(codes, fraud)
    for count in range(1, PREFIX + 1):
        yield f"first {count}", _by([text[:count] for text in texts], codes, fraud)
        yield f"last {count}", _by([text[-count:] for text in texts], codes, fraud)


def _partitions(codes: Whole, keys: Iterable[bytes], fraud: Mask) -> Views:
    hashes = [murmur2(key) & 0x7FFFFFFF for key in keys]
    for count in PARTITIONS:
        yield f"partition of {count}", _by([one % count for one in hashes], codes, fraud)


def _by(groups: Sequence[object], codes: Whole, fraud: Mask) -> Floats:
    known: dict[object, int] = {}
    return _rates(np.array([known.setdefault(one, len(known)) for one in groups], dtype=np.int64)[codes], fraud)


def _rates(codes: Whole, fraud: Mask) -> Floats:
    """Each value as the part of fraud that it has in the other half of the time: nothing is learnt by heart."""
    half = np.arange(len(codes)) * 2 < len(codes)
    scores = np.zeros(len(codes))
    many = int(codes.max()) + 1
    for own in (half, ~half):
        total = np.bincount(codes[~own], minlength=many)
        hits = np.bincount(codes[~own], weights=fraud[~own].astype(np.float64), minlength=many)
        scores[own] = ((hits + fraud.mean()) / (total + 1))[codes[own]]
    return scores


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
