"""S10: the ledger of faults and the records agree, exactly: each spoilt record is in it, and nothing else is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from streamguard.datagen.check.encoded import source_of
from streamguard.datagen.check.findings import Finding, within
from streamguard.datagen.records.blocks import Block
from streamguard.datagen.world.model import Fault, World
from streamguard.datagen.world.shapes import Uniform

SHARE = 0.01
MOVED = "late or out_of_order"
"""Both move the event time, and cannot be told from each other from outside."""
ALL: Sequence[Fault] = (
    Fault("late", SHARE, delay=Uniform(60.0, 7200.0)),
    Fault("out_of_order", SHARE, distance=50),
    Fault("duplicate", SHARE),
    Fault("dropped", SHARE),
    Fault("tombstone", SHARE),
    Fault("null", SHARE),
    Fault("wrong_type", SHARE),
    Fault("unknown_field", SHARE),
    Fault("missing_field", SHARE),
    Fault("truncated", SHARE),
    Fault("oversize", SHARE, size=20_000),
    Fault("wrong_key", SHARE),
)

Written = tuple[bytes | None, bytes | None, int]
"""Key, value and event time (ms)."""


def ledger(world: World, stream: str, size: int, seed: int, cache_dir: Path | None) -> Iterator[Finding]:
    """Every kind of fault, a hundredth of the records each, found by comparing with the records as they would be."""
    clean = source_of(world, stream, seed, cache_dir)
    spoilt = source_of(world, stream, seed, cache_dir, faults=ALL)
    yield from compared(clean.blocks(0, size), spoilt.blocks(0, size))


def compared(clean: Iterable[Block], spoilt: Iterable[Block]) -> Iterator[Finding]:
    """The records with faults beside those without, block by block."""
    told: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    wrong = 0
    for before, after in zip(clean, spoilt, strict=True):
        entries = {entry.index: _group(entry.kind) for entry in after.ledger}
        found = dict(_found(before, after))
        told.update(entries.values())
        seen.update(found.values())
        wrong += sum(entries.get(index) != found.get(index) for index in entries.keys() | found.keys())
    for kind in sorted(told | seen):
        yield within("S10", kind, "records", seen[kind], (told[kind], told[kind]), detail="as in the ledger")
    yield within("S10", "ledger", "records that it tells wrong", wrong, (0, 0))


def _group(kind: str) -> str:
    return MOVED if kind in ("late", "out_of_order") else kind


def _found(before: Block, after: Block) -> Iterator[tuple[int, str]]:
    written: dict[int, list[Written]] = {index: [] for index in before.indexes}
    for index, key, value, time in _records(after):
        written[index].append((key, value, time))
    for index, key, value, time in _records(before):
        kind = _kind((key, value, time), written[index])
        if kind:
            yield index, kind


def _records(block: Block) -> Iterator[tuple[int, bytes | None, bytes | None, int]]:
    return zip(block.indexes, block.keys, block.values, block.times or (), strict=True)


def _kind(clean: Written, written: Sequence[Written]) -> str:
    """What was done to a record, from outside; nothing if it is as it should be."""
    if not written:
        return "dropped"
    if len(written) == 2:
        return "duplicate" if written[0] == written[1] == clean else "?"
    (key, value, time), (old_key, old, old_time) = written[0], clean
    if key != old_key:
        return "wrong_key" if value == old else "?"
    if time != old_time:
        return MOVED
    if value == old:
        return ""
    if value is None or old is None:
        return "tombstone"
    try:
        found, expected = orjson.loads(value), orjson.loads(old)
    except orjson.JSONDecodeError:
        return "truncated" if old.startswith(value) else "?"
    return _difference(found, expected, len(value) - len(old))


def _difference(found: dict[str, Any], expected: dict[str, Any], longer: int) -> str:
    if found.keys() > expected.keys():
        return "oversize" if longer > 1000 else "unknown_field"
    if found.keys() < expected.keys():
        return "missing_field"
    changed = [name for name in expected if found[name] != expected[name]]
    if len(changed) == 1 and found[changed[0]] is None:
        return "null"
    if len(changed) == 1 and type(found[changed[0]]) is not type(expected[changed[0]]):
        return "wrong_type"
    return "?"
