"""Short ways to write rights down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from streamguard.kafka.reader import GROUP as READER
from streamguard.rights.model import Pattern, Right


@dataclass(frozen=True)
class Grants:
    """Rights of one principal."""

    principal: str

    def topics(self, names: Iterable[str], *operations: str, why: str, pattern: Pattern = "literal") -> Iterator[Right]:
        """The same operations on each topic."""
        for name in dict.fromkeys(names):
            yield Right(self.principal, "topic", name, pattern, operations, why)

    def groups(self, names: Iterable[str], *operations: str, why: str, pattern: Pattern = "literal") -> Iterator[Right]:
        """The same operations on each consumer group."""
        for name in dict.fromkeys(names):
            yield Right(self.principal, "group", name, pattern, operations, why)

    def transactions(self, name: str, *, why: str, pattern: Pattern = "prefixed") -> Iterator[Right]:
        """Transactions under an id, or under all that begin so."""
        yield Right(self.principal, "transactional_id", name, pattern, ("write",), why)

    def reading_without_group(self) -> Iterator[Right]:
        """For those who read topics from offsets of their own: the client library looks for the group's broker."""
        yield from self.groups([READER], "describe", why="the client library asks where this group would be")
