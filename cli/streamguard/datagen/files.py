"""Files that are there whole or not at all, and errors of storage as sentences."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from streamguard.errors import StorageError

_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up", errno.EFBIG: "the file is too large"}


@contextlib.contextmanager
def stored(name: object) -> Iterator[None]:
    """In this block, what can not be written raises StorageError, but for a pipe that nobody reads any more."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise StorageError(f"{name} can not be written: {_FULL.get(exc.errno or 0, exc.strerror)}") from exc


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path` and wait until the disk has it; a reader sees this or what was there before.

    What a link leads to is written, and the link stays; a device and the like is not replaced by a file.
    """
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    with stored(path):
        if target.exists() and not target.is_file():
            raise OSError(errno.EINVAL, "it is no regular file")
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
