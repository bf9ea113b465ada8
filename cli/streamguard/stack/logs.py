"""The logs of the local servers: their end, and what comes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 64 * 1024
PAUSE = 0.2  # seconds between two looks at a log that is followed


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log, without their line ends; none when there is no log."""
    if lines <= 0:
        return []
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            content = b""
            while end > 0 and content.count(b"\n") <= lines:
                start = max(0, end - CHUNK)
                file.seek(start)
                content = file.read(end - start) + content
                end = start
    except FileNotFoundError:
        return []
    return content.decode(errors="replace").splitlines()[-lines:]


def follow(path: Path, *, go_on: Callable[[], bool] = lambda: True) -> Iterator[str]:
    """Lines that are added from now on, through rotations, while `go_on()`; a log that is not there yet is awaited."""
    rest = b""
    file = _open_at_end(path)
    try:
        while go_on():
            chunk = file.read(CHUNK) if file else b""
            if chunk:
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
                continue
            if file is None or _was_replaced(path, file.fileno()):
                if file:
                    file.close()
                file = path.open("rb") if path.exists() else None
            time.sleep(PAUSE)
    finally:
        if file:
            file.close()


def _open_at_end(path: Path) -> BinaryIO | None:
    if not path.exists():
        return None
    file = path.open("rb")
    file.seek(0, os.SEEK_END)
    return file


def _was_replaced(path: Path, descriptor: int) -> bool:
    """A rotation renames the log and starts another one."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    opened = os.fstat(descriptor)
    return (now.st_ino, now.st_dev) != (opened.st_ino, opened.st_dev)
