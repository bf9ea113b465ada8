"""What was typed, kept from one shell to the next in the user's own folder: readable by nobody else, no secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prompt_toolkit.history import FileHistory

from streamguard.connect.secrecy.secrets import redact
from streamguard.connect.secrecy.sensitive import literal_secret
from streamguard.engine.language.tokens import PATTERN

LARGEST = 1_000_000
"""Bytes; of a larger file the newer half is kept."""

MARK = b"\n# "
"""Each entry begins with a comment, its time."""


def holds_secret(text: str) -> bool:
    """Does a statement hold what looks like a secret: by its form, or by the name of the property that it is for?"""
    return redact(text) != text or any(literal_secret(key, value) for key, value in _values(text))


def open_history(folder: Path) -> FileHistory:
    """The history below the user's folder; it is made if it is missing.

    Raises:
        OSError: the folder can not be written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "ksql-history"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    _shorten(path)
    return CarefulHistory(str(path))


class CarefulHistory(FileHistory):
    """Statements with secrets are there for this shell's arrow keys, and are not written."""

    def store_string(self, string: str) -> None:
        if not holds_secret(string):
            super().store_string(string)


def _shorten(path: Path) -> None:
    if path.stat().st_size > LARGEST:
        kept = path.read_bytes()[-LARGEST // 2 :]
        path.write_bytes(kept[max(0, kept.find(MARK)) :])


def _values(text: str) -> Iterator[tuple[str, str]]:
    """Each string of a text with the name that it is the value of, as in ``'connection.password' = 'x'``, or ``""``."""
    before: list[str] = []
    at = 0
    while at < len(text):
        found = PATTERN.match(text, at)
        at = found.end() if found else at + 1
        if found is None or found.lastgroup == "space":
            continue
        if found.lastgroup == "string":
            key = before[-2] if before[-1:] == ["="] and len(before) > 1 else ""
            yield key.strip("'`\"").lower().replace("_", "."), found[0][1:-1]
        before = [*before[-1:], found[0]]
