"""The manifest of a run: everything that gives its records again, and what they must then add up to."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from streamguard import __version__
from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.files import write_atomically
from streamguard.datagen.records.documents import read_document, run_of
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.sums import Account, Summer, Tally

FORMAT = 1
"""Goes up when a manifest of before can no longer be read."""


@dataclass(frozen=True)
class Entry:
    """What was written of one stream: the records from number 0 to `count` (exclusive), hashed."""

    stream: str
    topic: str
    count: int
    sha256: str
    tally: Tally

    @staticmethod
    def of(source: Source, account: Account) -> Entry:
        """The entry of a stream whose blocks are all in the account."""
        account.fold()
        return Entry(source.name, source.topic, account.tally.records, account.link.hex(), account.tally)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        told = {"stream": self.stream, "topic": self.topic, "count": self.count, "sha256": self.sha256}
        return told | self.tally.document()


@dataclass(frozen=True)
class Manifest:
    """A run and what it has written; `versions` are those of what made the records."""

    run: Run
    entries: tuple[Entry, ...]
    versions: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """As JSON, with the world itself, so that no other file is needed to verify it."""
        return {
            "manifest": FORMAT,
            "versions": dict(self.versions),
            "run": self.run.document(),
            "drift": _drift(self.run),
            "streams": [entry.document() for entry in self.entries],
            "world": dict(self.run.world.document),
        }

    def write(self, path: Path) -> None:
        """Leave it at `path`, whole or not at all. Raises StorageError."""
        write_atomically(path, orjson.dumps(self.document(), option=orjson.OPT_INDENT_2) + b"\n")


def versions() -> dict[str, str]:
    """Everything whose version might matter for the bytes of a record."""
    packages = {package: version(package) for package in ("numpy", "faker", "orjson")}
    return {"streamguard": __version__, "python": platform.python_version(), **packages}


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`. Raises ProjectError if it is none."""
    return read_document(path, "manifest", FORMAT, _told)


def differences(
    manifest: Manifest, cache_dir: Path | None = None, *, show: Callable[[str, int, int], None] | None = None
) -> list[str]:
    """What is not as the manifest says when its run is worked out again: a sentence each, none if all is equal.

    `show` is told now and then which stream is at which of how many records.
    """
    found: list[str] = []
    for entry in manifest.entries:
        source, summer, account = Source(manifest.run, entry.stream, cache_dir), Summer(), Account()
        for block in source.blocks(0, entry.count):
            summer.take(block)
            account.add(summer.done())
            account.fold()
            if show:
                show(entry.stream, block.first + block.size, entry.count)
        account.add(summer.rest())
        found += _compared(entry, Entry.of(source, account))
    return found + _versions(manifest) if found else []


def rederived(source: Source, first: int, stop: int) -> Summer:
    """A summer that has taken the records from number `first`, which begins a block, to `stop`: they are sent already,
    and a run that goes on behind them must sum them too."""
    assert first % BLOCK == 0, "sums are of blocks from their beginning"
    summer = Summer()
    for block in source.blocks(first, stop):
        summer.take(block)
    return summer


def _told(document: Mapping[str, Any]) -> Manifest:
    run = run_of(document)
    return Manifest(run, tuple(_entry(each) for each in document["streams"]), document["versions"])


def _entry(document: Mapping[str, Any]) -> Entry:
    stream, topic, count, sha256 = (document[name] for name in ("stream", "topic", "count", "sha256"))
    return Entry(stream, topic, count, sha256, Tally.of(document))


def _compared(told: Entry, again: Entry) -> Iterable[str]:
    if told.sha256 != again.sha256:
        yield (
            f"stream {told.stream}: the {told.count:,} records have the hash {again.sha256[:16]}…, "
            f"and the manifest says {told.sha256[:16]}…"
        )
    then, now = told.tally.document(), again.tally.document()
    for name in then:
        if then[name] != now[name]:
            yield f"stream {told.stream}: {name} are {_shown(now[name])}, and the manifest says {_shown(then[name])}"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count:,}" for name, count in value.items()) or "none"
    return f"{value:,}"


def _versions(manifest: Manifest) -> list[str]:
    """A hint, for when records differ."""
    now = versions()
    other = [f"{name} {now[name]} instead of {told}" for name, told in manifest.versions.items() if now[name] != told]
    return [f"made with other versions: {', '.join(other)}"] if other else []


def _drift(run: Run) -> list[dict[str, Any]]:
    """When which campaign changes how often it comes."""
    changes = [(campaign.name, drift) for campaign in run.world.campaigns for drift in getattr(campaign, "drift", ())]
    start = run.start.timestamp()
    return [
        {
            "campaign": name,
            "from": datetime.fromtimestamp(start + drift.day * 86_400, run.start.tzinfo).isoformat(),
            "times": drift.times,
        }
        for name, drift in changes
    ]
