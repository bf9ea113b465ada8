"""Where records can go instead of Kafka: standard output, a file of JSON lines, a Parquet file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from streamguard.datagen.records.source import Source
from streamguard.datagen.sinks.lines import Files, Lines, Sink, beside
from streamguard.errors import StreamguardError

STDOUT = "stdout"
ENDINGS = (".jsonl", ".parquet")

__all__ = ["ENDINGS", "STDOUT", "Sink", "is_sink", "open_sink", "taken"]


def is_sink(target: str) -> bool:
    """Whether `target` names such a place."""
    return target == STDOUT or Path(target).suffix in ENDINGS


def taken(target: str, told: Iterable[str] = ()) -> Path | None:
    """A file that writing to `target` would replace, None if there is none; `told` as in `beside`."""
    if target == STDOUT:
        return None
    path = Path(target)
    return next((each for each in (path, *(beside(path, name) for name in told)) if each.is_file()), None)


def open_sink(target: str, source: Source) -> Sink:
    """The sink that `target` names: ``stdout``, FILE.jsonl or FILE.parquet, to be entered.

    Beside a file, the truth goes to NAME-truth.jsonl and the labels to NAME-labels.jsonl; standard output has neither.
    """
    if target == STDOUT:
        return Lines.to_stdout()
    path = Path(target)
    if path.suffix == ".jsonl":
        return Files(Lines(path), path, source)
    if path.suffix == ".parquet":
        from streamguard.datagen.sinks.parquet import Parquet

        return Files(Parquet(path, source), path, source)
    raise StreamguardError(f"{target} is no place for records: name {STDOUT}, FILE.jsonl or FILE.parquet")
