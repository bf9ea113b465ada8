"""The journal of a run: how far it has come, so that one that was killed can go on.

Of each stream it holds the watermark (every record below it is acknowledged) and a bound that no record has passed
that was sent. After a kill the run goes on at the watermark: nothing is missing, and what is sent twice can only be
between the two. Positions are numbers of records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.files import write_atomically
from streamguard.datagen.records.documents import read_document, run_of
from streamguard.datagen.records.manifest import versions
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.sums import Account
from streamguard.errors import ProjectError

FORMAT = 1


@dataclass(frozen=True)
class Position:
    """How far a stream has come: acknowledged below `watermark`, sent below `reserved`; `account` is the sum of its
    blocks, as a document."""

    watermark: int = 0
    reserved: int = 0
    account: Mapping[str, Any] = field(default_factory=lambda: Account().document())

    @property
    def doubtful(self) -> int:
        """How many records may be there twice when the run goes on."""
        return max(0, self.reserved - self.watermark)


@dataclass(frozen=True)
class Resumed:
    """What a journal says: the run, and the position of each of its streams."""

    run: Run
    positions: Mapping[str, Position]
    orders: Mapping[str, Any] = field(default_factory=dict)
    """How it was sent, as `Orders.document` has it."""
    seconds: float = 0.0
    """For how long."""


class Journal:
    """Writes the positions of a run to a file; every write replaces the whole file, and is on the disk when it is done.

    `ahead` is how many records are reserved at once, so that the file is not written for each.
    """

    def __init__(
        self,
        path: Path,
        run: Run,
        positions: Mapping[str, Position],
        *,
        orders: Mapping[str, Any] | None = None,
        ahead: int = 16 * BLOCK,
        write: Callable[[Path, bytes], None] = write_atomically,
    ) -> None:
        self._path, self._run, self._ahead, self._write = path, run, ahead, write
        self._positions = dict(positions)
        self._orders, self._seconds = dict(orders or {}), 0.0
        self._save()

    @property
    def positions(self) -> Mapping[str, Position]:
        """What the file holds."""
        return self._positions

    def reserve(self, bounds: Mapping[str, int]) -> None:
        """Before records below these numbers are sent: when this returns, a kill can not hide that they were."""
        beyond = {name: bound for name, bound in bounds.items() if bound > self._positions[name].reserved}
        if beyond:
            self._change({name: {"reserved": bound + self._ahead} for name, bound in beyond.items()})

    def acknowledge(
        self, watermarks: Mapping[str, int], accounts: Mapping[str, Account] | None = None, *, seconds: float = 0.0
    ) -> None:
        """All records below these numbers are acknowledged, `seconds` after the beginning; accounts are folded as far
        as that goes."""
        self._seconds = seconds
        changes: dict[str, dict[str, Any]] = {name: {"watermark": number} for name, number in watermarks.items()}
        for name, account in (accounts or {}).items():
            account.fold(changes[name]["watermark"] // BLOCK)
            changes[name]["account"] = account.document()
        self._change(changes)

    def end(self, bounds: Mapping[str, int]) -> None:
        """No record from these numbers on was sent, and none will be."""
        self._change({name: {"reserved": bound} for name, bound in bounds.items()})

    def _change(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        for name, change in changes.items():
            self._positions[name] = replace(self._positions[name], **change)
        self._save()

    def _save(self) -> None:
        streams = {
            name: {"watermark": at.watermark, "reserved": at.reserved, "account": at.account}
            for name, at in self._positions.items()
        }
        told = {
            "journal": FORMAT,
            "versions": versions(),
            "run": self._run.document(),
            "orders": self._orders,
            "seconds": round(self._seconds, 3),
            "streams": streams,
            "world": dict(self._run.world.document),
        }
        self._write(self._path, orjson.dumps(told) + b"\n")


def read_journal(path: Path) -> Resumed:
    """What the journal at `path` says. Raises ProjectError if it is none."""
    return read_document(path, "journal", FORMAT, _told)


def _told(document: Mapping[str, Any]) -> Resumed:
    _check_versions(document["versions"])
    run = run_of(document)
    names = ("watermark", "reserved", "account")
    positions = {name: Position(*(each[key] for key in names)) for name, each in document["streams"].items()}
    return Resumed(run, positions, document.get("orders", {}), document.get("seconds", 0.0))


def _check_versions(told: Mapping[str, str]) -> None:
    """Refuse to go on with what might write other names and numbers than before."""
    now = versions()
    for name in ("streamguard", "faker"):
        if told[name] != now[name]:
            raise ProjectError(
                f"the run began with {name} {told[name]}, and this is {now[name]}: install that one to go on, "
                "or begin a new run"
            )
