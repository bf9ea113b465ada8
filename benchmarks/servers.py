"""A stack of its own for each measurement: data in a temporary folder, ports beside the usual ones."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from streamguard.pipeline import up
from streamguard.project import find_project
from streamguard.settings import Settings, load
from streamguard.stack.stack import Stack
from streamguard.stack.starting import ignore

PORT_OFFSET = 5330


@contextmanager
def servers(names: Sequence[str]) -> Iterator[Stack]:
    """The named servers, running."""
    with _stack() as stack:
        stack.start(names)
        yield Stack(_settings(stack.settings.data_dir), stack.project)  # now with the credentials that were made


@contextmanager
def bank() -> Iterator[Stack]:
    """The whole bank pipeline, without a generator."""
    with _stack() as stack:
        up(stack, stack.project.pipeline("bank"), produce=False, on_progress=ignore)
        yield Stack(_settings(stack.settings.data_dir), stack.project)  # now with the credentials that were made


@contextmanager
def _stack() -> Iterator[Stack]:
    folder = Path(tempfile.mkdtemp(prefix="streamguard-bench-"))
    stack = Stack(_settings(folder), find_project(Path(__file__)))
    try:
        yield stack
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path) -> Settings:
    return load(find_project(Path(__file__)).root, data_dir=folder, port_offset=PORT_OFFSET)
