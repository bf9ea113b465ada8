"""A run in a sink, summed up on the way."""

from __future__ import annotations

from pathlib import Path

from streamguard.datagen.records.manifest import Entry
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.sums import Account, Summer
from streamguard.datagen.sinks import open_sink


def stored(run: Run, path: Path, count: int) -> Entry:
    """Write the first records of a run to a file."""
    source, summer, account = Source(run, "payments"), Summer(), Account()
    with open_sink(str(path), source) as sink:
        for block in source.blocks(0, count):
            sink.write(block)
            summer.take(block)
    account.add(summer.done() + summer.rest())
    return Entry.of(source, account)
