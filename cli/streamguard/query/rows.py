"""What every engine answers with, and what it does when its package is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from streamguard.errors import QueryError


@dataclass(frozen=True)
class Rows:
    """The answer of a query. Every row has every column, in the order of `columns`; what is missing is None."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


@contextmanager
def needs_local(engine: str) -> Iterator[None]:
    """Around the import of an engine's package, which comes with the extra `local`."""
    try:
        yield
    except ModuleNotFoundError as exc:
        raise QueryError(f"engine {engine} needs the package {exc.name}: pip install 'streamguard[local]'") from exc
