"""A session with a ksql server, as a shell or a script has it: statements one by one, with properties and variables.

SET, UNSET, DEFINE, UNDEFINE and RUN SCRIPT are carried out here, as ksqlDB's own command line does; what they leave
goes with every request.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from streamguard.engine.client.http import KsqlClient, Lines, Rows
from streamguard.engine.client.refusals import pointed
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse_one
from streamguard.engine.language.pieces import Piece, pieces
from streamguard.errors import StatementError, StatementRefused, StreamguardError
from streamguard.project import read_text

OWN = frozenset(("SET", "UNSET", "DEFINE", "UNDEFINE", "RUN"))
QUERIES = frozenset(("SELECT", "PRINT"))
DEEPEST = 8
"""Scripts that run scripts that run scripts."""


@dataclass(frozen=True)
class Told:
    """A sentence about what was done here."""

    text: str


Outcome = dict[str, Any] | Rows | Lines | Told


@dataclass
class Session:
    """`properties` and `variables` are in force for the next statement. `folder`: where paths of scripts begin."""

    client: KsqlClient
    properties: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=Path)

    def run(self, text: str, *, depth: int = 0) -> Iterator[Outcome]:
        """Carry out the statements of a text, one by one; what each of them gives, as it comes.

        Raises:
            StatementError: one was refused; line, column and excerpt are of the text.
            KsqlUnavailable: the server is away.
        """
        for piece in pieces(text):
            try:
                yield from self._run(piece, depth)
            except StatementRefused as exc:
                raise pointed(exc, text) from exc

    def _run(self, piece: Piece, depth: int) -> Iterator[Outcome]:
        word = piece.words[0] if piece.words else ""
        if word in OWN:
            yield from self._here(parse_one(piece.padded, self.variables), depth)
        elif word == "SELECT":
            yield self.client.query(piece.padded, properties=self.properties, variables=self.variables)
        elif word == "PRINT":
            yield self.client.print_topic(piece.padded, properties=self.properties, variables=self.variables)
        else:
            yield from self.client.ksql(piece.padded, properties=self.properties, variables=self.variables)

    def _here(self, statement: s.Statement, depth: int) -> Iterator[Outcome]:
        match statement:
            case s.SetProperty(name=name, value=None):
                known = self.properties.pop(name, None) is not None
                yield Told(f"{name} is unset" if known else f"{name} was not set")
            case s.SetProperty(name=name, value=str(value)):
                self.client.check_property(name)
                self.properties[name] = value
                yield Told(f"{name} is {value} from now on")
            case s.Define(name=name, value=None):
                known = self.variables.pop(name, None) is not None
                yield Told(f"{name} is undefined" if known else f"{name} was not defined")
            case s.Define(name=name, value=str(value)):
                self.variables[name] = value
            case s.RunScript(path=path):
                yield from self._script(self.folder / Path(path).expanduser(), depth)

    def _script(self, path: Path, depth: int) -> Iterator[Outcome]:
        if depth == DEEPEST:
            raise StreamguardError(f"{path} is a script in {DEEPEST} scripts: does one run itself?")
        inner = replace(self, folder=path.parent)
        try:
            yield from inner.run(read_text(path), depth=depth + 1)
        except StatementError as exc:
            raise StreamguardError(f"{path}: {exc}") from exc


def end(outcome: Outcome, client: KsqlClient) -> None:
    """Stop what may still be running: a push query, a PRINT."""
    if isinstance(outcome, Rows | Lines):
        outcome.close()
    if isinstance(outcome, Rows) and outcome.query_id:
        with suppress(StreamguardError):  # it ended by itself
            client.close_query(outcome.query_id)
