"""JSON lines: the value of each record in a line of its own, as it would be in Kafka; `null` if it has none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from io import RawIOBase
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from streamguard.datagen.encoding.splicer import Rows
from streamguard.datagen.files import stored
from streamguard.datagen.records.blocks import Block
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.truth import Told


class Sink(Protocol):
    """Takes blocks in order, between entering and leaving it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def write(self, block: Block) -> None:
        """Write the records of a block. Raises StorageError, and BrokenPipeError when nobody reads any more."""


class Lines:
    """A file of lines; nothing is held back in a buffer, so what a pipe has taken is what was written."""

    def __init__(self, path: Path | int) -> None:
        """`path` may be the number of an open file, which then stays open."""
        self._path = path
        self._file: RawIOBase | None = None

    @staticmethod
    def to_stdout() -> Lines:
        """Standard output."""
        return Lines(sys.stdout.fileno())

    def __enter__(self) -> Self:
        with stored(self._name):
            self._file = open(self._path, "wb", buffering=0, closefd=isinstance(self._path, Path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with stored(self._name):
                self._file.close()

    def write(self, block: Block) -> None:
        """Write the records of a block."""
        self.write_values(block.values)

    def write_values(self, values: Sequence[bytes | None]) -> None:
        """Write a line for each."""
        if not values or self._file is None:
            return
        lines = values if isinstance(values, Rows) else [b"null" if value is None else value for value in values]
        rest = memoryview(b"\n".join((*lines, b"")))
        with stored(self._name):
            while rest:
                rest = rest[self._file.write(rest) or 0 :]

    @property
    def _name(self) -> str:
        return str(self._path) if isinstance(self._path, Path) else "standard output"


def beside(path: Path, name: str) -> Path:
    """The file for what is told about the records at `path`: `name` is truth or labels."""
    return path.with_name(f"{path.stem}-{name}.jsonl")


class Files:
    """The records in one file, and beside it truth and labels if the run tells them."""

    def __init__(self, sink: Sink, path: Path, source: Source) -> None:
        self._sink = sink
        topics = (("truth", source.truth_topic), ("labels", source.labels_topic))
        self._told = {name: Lines(beside(path, name)) for name, topic in topics if topic}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for sink in (self._sink, *self._told.values()):
                stack.enter_context(sink)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, block: Block) -> None:
        """Write the records of a block, and what is told about them."""
        self._sink.write(block)
        told: dict[str, Sequence[Told]] = {"truth": block.truth, "labels": block.labels}
        for name, lines in self._told.items():
            lines.write_values([each.value for each in told[name]])
