"""The case file: one JSON document a line, numbers with their digits."""

from __future__ import annotations

import fnmatch
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """Statements, records in, and either records out or the error that refuses them."""

    id: str
    tier: int
    statements: tuple[str, ...]
    properties: dict[str, str]
    topics: tuple[dict[str, Any], ...]
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    error: dict[str, Any] | None
    post: dict[str, Any] | None


def load(path: Path, *, tier: int | None = None, pattern: str | None = None) -> Iterator[Case]:
    """The cases of a file; see `documents`."""
    return map(_case, documents(path, tier, pattern))


def documents(path: Path, tier: int | None, pattern: str | None) -> Iterator[dict[str, Any]]:
    """The lines of a file, plain or gzipped; `pattern` is a glob over ids (and is taken literally too)."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            given = json.loads(line, parse_float=Decimal)
            wanted = pattern is None or pattern == given["id"] or fnmatch.fnmatchcase(given["id"], pattern)
            if wanted and tier in (None, given["tier"]):
                yield given


def _case(given: dict[str, Any]) -> Case:
    return Case(
        given["id"],
        given["tier"],
        tuple(given["statements"]),
        {name: str(value) for name, value in (given["properties"] or {}).items()},
        tuple(given["topics"] or ()),
        tuple(given["inputs"] or ()),
        tuple(given["outputs"] or ()),
        given["expectedException"],
        given["post"],
    )
