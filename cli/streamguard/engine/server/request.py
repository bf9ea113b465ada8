"""What the endpoints hand to the engine, and what they get back for a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from streamguard.engine.server.framing import Heading


@dataclass(frozen=True)
class StatementRequest:
    """The body of /ksql, /query and /query-stream, with the prefix of property names taken off."""

    text: str
    properties: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    after: int = -1


class RunningQuery(Protocol):
    """A push or pull query that is asked for rows: a list that may be empty, or None after the last row."""

    heading: Heading
    last_words: str

    def poll(self, timeout: float) -> Sequence[Sequence[Any]] | None: ...
    def close(self) -> None: ...
