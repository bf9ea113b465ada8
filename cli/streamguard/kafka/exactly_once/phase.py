"""A one-byte file that says where a loop is: how a test that kills processes knows that it hit a transaction."""

from __future__ import annotations

import mmap
from enum import IntEnum
from pathlib import Path


class Phase(IntEnum):
    """What a loop is doing; the byte in the file."""

    IDLE = 0
    CONSUMED = 1
    ASKING = 2
    IN_TRANSACTION = 3
    COMMITTING = 4


class PhaseFile:
    """``<folder>/<name>``, mapped into memory, so that setting it is one store; no folder, no file."""

    def __init__(self, folder: str, name: str) -> None:
        self._byte: mmap.mmap | bytearray = bytearray(1)
        if folder:
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\0")
            with path.open("r+b") as file:
                self._byte = mmap.mmap(file.fileno(), 1)

    def set(self, phase: Phase) -> None:
        """Say that the loop is in `phase` now."""
        self._byte[0] = phase

    @property
    def now(self) -> Phase:
        """The phase that was set last."""
        return Phase(self._byte[0])


def read_phase(folder: str, name: str) -> Phase | None:
    """The phase of another process's loop; None if it has not been started with that folder."""
    path = Path(folder) / name
    content = path.read_bytes() if path.exists() else b""
    return Phase(content[0]) if content else None
