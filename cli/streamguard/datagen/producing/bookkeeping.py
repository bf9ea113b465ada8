"""The books of a run: what was written, summed up, for its manifest; how far it has come, for its journal.

Neither is kept unless somebody asks for it: to hash every record costs about a fifth of what it takes to make one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.producing.pacing import EVERYTHING
from streamguard.datagen.producing.progress import Position, Progress
from streamguard.datagen.records.sums import Account, Sum

if TYPE_CHECKING:
    from streamguard.datagen.producing.orders import Orders
    from streamguard.datagen.records.journal import Journal
    from streamguard.datagen.records.journal import Position as Resumed
    from streamguard.datagen.records.run import Run
    from streamguard.datagen.records.source import Source

EVERY = 1.0
"""Seconds between two entries in the journal."""

SKEW = 128 * BLOCK
"""Records by which a worker may be ahead of another one."""

LEAST_AHEAD = 64
MOST_AHEAD = 64 * BLOCK
SECONDS_AHEAD = 2.0
"""Of a paced run, as many records are reserved at once as are due in this time."""


@dataclass(frozen=True)
class Files:
    """Where the books are kept; None: they are not. `resumed` is what the journal said at the beginning."""

    manifest: Path | None = None
    journal: Path | None = None
    resumed: Mapping[str, Resumed] | None = None

    @property
    def any(self) -> bool:
        """Are any kept?"""
        return self.manifest is not None or self.journal is not None


class Books:
    """Keeps them while the run goes on, from what workers tell: their sums and their progress."""

    def __init__(self, files: Files, run: Run, sources: Sequence[Source], orders: Orders | None = None) -> None:
        self._files, self._run, self._sources, self._orders = files, run, sources, orders
        resumed = files.resumed or {}
        self._accounts = {
            source.name: Account.of(resumed[source.name].account) if source.name in resumed else Account()
            for source in sources
        }
        for source in sources:
            if source.name in resumed:
                self._catch_up(source, resumed[source.name].watermark)
        self._journal = None if files.journal is None else self._opened(files.journal)
        self._entered_at = 0.0

    @property
    def kept(self) -> bool:
        """Does anybody want sums?"""
        return self._files.any

    def take(self, sums: Mapping[str, Iterable[Sum]]) -> None:
        """Blocks that were sent."""
        for name, some in sums.items():
            self._accounts[name].add(some)

    def note(self, progress: Progress) -> None:
        """How far it has come; written down once a second."""
        if self._journal is not None and progress.seconds - self._entered_at >= EVERY:
            self._entered_at = progress.seconds
            self._enter(self._journal, progress)

    def permit(self, stream: str, index: int) -> int:
        """Up to which index the stream may be sent that is at `index`; reserved before this returns."""
        if self._journal is None:
            return EVERYTHING
        self._journal.reserve({stream: index + 1})
        return self._journal.positions[stream].reserved

    def permits(self, progress: Progress) -> Mapping[str, int]:
        """The same for workers: of each stream what is reserved, and no more than `SKEW` beyond the slowest of them."""
        permits = {}
        for source in self._sources:
            first = (self._files.resumed or {})[source.name].watermark if self._files.resumed else 0
            position = progress.positions.get(source.name, Position(first, first))
            reserved = self.permit(source.name, position.sent + BLOCK)
            permits[source.name] = min(reserved, position.acknowledged + SKEW)
        return permits

    def close(self, progress: Progress) -> None:
        """All is sent that will be: the journal's last entry, and the manifest."""
        if self._journal is not None:
            self._enter(self._journal, progress)
            self._journal.end({name: position.sent for name, position in progress.positions.items()})
        if self._files.manifest is not None:
            from streamguard.datagen.records.manifest import Entry, Manifest, versions

            entries = tuple(Entry.of(source, self._accounts[source.name]) for source in self._sources)
            Manifest(self._run, entries, versions()).write(self._files.manifest)

    def _opened(self, path: Path) -> Journal:
        from streamguard.datagen.records.journal import Journal
        from streamguard.datagen.records.journal import Position as Unsent

        resumed = self._files.resumed or {}
        positions = {source.name: resumed.get(source.name, Unsent()) for source in self._sources}
        ahead = max(map(_ahead, self._sources), default=LEAST_AHEAD)
        orders = {} if self._orders is None else self._orders.document()
        return Journal(path, self._run, positions, orders=orders, ahead=ahead)

    def _enter(self, journal: Journal, progress: Progress) -> None:
        watermarks = {name: position.acknowledged for name, position in progress.positions.items()}
        accounts = {name: self._accounts[name] for name in watermarks}
        journal.acknowledge(watermarks, accounts, seconds=progress.seconds)

    def _catch_up(self, source: Source, watermark: int) -> None:
        """What was sent before the run was interrupted, and is in no sum that the journal holds."""
        from streamguard.datagen.records.manifest import rederived

        account = self._accounts[source.name]
        begin, whole = account.number * BLOCK, watermark // BLOCK * BLOCK
        if begin < whole:
            account.add(rederived(source, begin, whole).done())


def _ahead(source: Source) -> int:
    return min(MOST_AHEAD, max(LEAST_AHEAD, source.due(SECONDS_AHEAD)))
