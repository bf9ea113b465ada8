"""Sending files of statements to a ksql server, ours or ksqlDB; a refusal names the file and the line in it.

ksqlDB carries out the statements of a request one by one, so it gets a request a file. Our own server takes a request
whole or not at all, so it gets all files in one: a mistake in the last of them leaves nothing of the first behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from streamguard.engine.client.http import EARLIEST, KsqlClient
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from streamguard.engine.language.places import Place, excerpt
from streamguard.engine.language.printing import statement as printed
from streamguard.errors import StatementError, StatementRefused
from streamguard.project import read_text

STREAMS = "ksql.streams."
POSITION = re.compile(r"line (\d+)(?::|, column )(\d+): ")


@dataclass(frozen=True)
class Applied:
    """What became of one statement: `outcome` is `created`, `there`, or the server's own message."""

    file: str
    name: str
    outcome: str
    query: str = ""


@dataclass(frozen=True)
class _File:
    """A file that our own parser takes. `first` is the line of the common text where it begins, counted from 0."""

    path: Path
    text: str
    statements: list[s.Statement]
    first: int = 0

    def answers(self) -> int:
        """How many of its statements the server answers."""
        return sum(not isinstance(each, s.SetProperty | s.Define) for each in self.statements)


def apply_files(client: KsqlClient, files: Sequence[Path], variables: Mapping[str, str]) -> Iterator[Applied]:
    """Send the files in order: to our own server all at once, to ksqlDB one after the other.

    Raises:
        StatementError: the server, or the parser, refused a statement; names file and line.
    """
    if client.is_ours():
        yield from _apply_at_once(client, check_files(files, variables), variables)
        return
    for path, text in [(path, read_text(path)) for path in files]:
        try:
            entities = client.ksql(text, properties=EARLIEST, variables=variables)
        except StatementRefused as exc:
            raise place_in_file(exc, path, text) from exc
        yield from (_applied(path, entity) for entity in entities)


def check_files(files: Sequence[Path], variables: Mapping[str, str]) -> list[_File]:
    """Refuse the first file that our own parser does not take."""
    read: list[_File] = []
    for path in files:
        text = read_text(path)
        try:
            read.append(_File(path, text, parse(text, variables)))
        except StatementError as exc:
            raise _in_file(path, exc.line, exc.column, exc.reason, exc.excerpt) from exc
    return read


def _apply_at_once(client: KsqlClient, files: Sequence[_File], variables: Mapping[str, str]) -> Iterator[Applied]:
    common = ""
    placed: list[_File] = []
    for file in files:
        placed.append(replace(file, first=common.count("\n")))
        common += f"{file.text}\n;{_forget(file.statements, variables)}\n"
    if not any(file.statements for file in placed):
        return
    try:
        entities = iter(client.ksql(common, properties=EARLIEST, variables=variables))
    except StatementRefused as exc:
        raise _place_in_files(exc, placed) from exc
    for file in placed:
        yield from (_applied(file.path, entity) for entity in islice(entities, file.answers()))


def _forget(statements: Sequence[s.Statement], variables: Mapping[str, str]) -> str:
    """Statements that end what a file SET and DEFINEd: that is the file's own matter."""
    given = {name.upper(): value for name, value in variables.items()}
    undoing: dict[tuple[type, str], s.Statement] = {}
    for each in statements:
        if isinstance(each, s.SetProperty):
            undoing[s.SetProperty, each.name] = s.SetProperty(each.name, _earlier(each.name))
        elif isinstance(each, s.Define):
            undoing[s.Define, each.name] = s.Define(each.name, given.get(each.name))
    return "".join(f" {printed(each)};" for each in undoing.values())


def _earlier(name: str) -> str | None:
    bare = {full.removeprefix(STREAMS): value for full, value in EARLIEST.items()}
    return bare.get(name.removeprefix(STREAMS))


def _place_in_files(exc: StatementRefused, files: Sequence[_File]) -> StatementError:
    """The refusal of a request that held all files, with the file that is to blame."""
    message = str(exc)
    found = POSITION.search(message)
    if found is None:
        blamed = [file for file in files if _start_of(file.text, exc.statement) is not None] or files
        return place_in_file(exc, blamed[0].path, blamed[0].text)
    file = next(file for file in reversed(files) if file.first < int(found[1]))
    shifted = f"line {int(found[1]) - file.first}, column {found[2]}: "
    local = StatementRefused(
        message[: found.start()] + shifted + message[found.end() :], code=exc.code, statement=exc.statement
    )
    return place_in_file(local, file.path, file.text)


def place_in_file(exc: StatementRefused, path: Path, text: str) -> StatementError:
    """The server's refusal with the file and, if it can be told, the line and column in it."""
    message = str(exc)
    found = POSITION.search(message)
    if found is not None:
        line, column = int(found[1]), int(found[2])
        reason = message[: found.start()] + message[found.end() :]
        pointer = "" if "^" in reason else _pointer(text, line, column)
        return _in_file(path, line, column, reason, pointer)
    start = _start_of(text, exc.statement)
    return _in_file(path, text.count("\n", 0, start) + 1 if start is not None else 0, 0, message, "")


def _in_file(path: Path, line: int, column: int, reason: str, pointer: str) -> StatementError:
    where = f", line {line}" if line else ""
    where += f", column {column}" if line and column else ""
    error = StatementError(f"{path}{where}: {reason}{pointer}")
    error.line, error.column = line, column
    return error


def _pointer(text: str, line: int, column: int) -> str:
    lines = text.split("\n")
    if not 0 < line <= len(lines):
        return ""
    start = sum(len(earlier) + 1 for earlier in lines[: line - 1]) + column - 1
    return excerpt(text, Place(line, column, start, start + 1))


def _start_of(text: str, statement: str) -> int | None:
    """Where the statement that the server names stands: it may have been printed with other spaces and comments."""
    words = statement.split()
    if not words:
        return None
    for length in range(min(len(words), 12), 2, -1):
        found = re.search(r"\s+".join(re.escape(word) for word in words[:length]), text, re.IGNORECASE)
        if found is not None:
            return found.start()
    return None


CREATED = re.compile(r"\bcreated\b", re.IGNORECASE)


def _applied(path: Path, entity: Mapping[str, Any]) -> Applied:
    status = entity.get("commandStatus") or {}
    message = str(entity.get("message") or status.get("message") or "")
    command = str(entity.get("commandId") or "")
    name = command.split("/")[1].strip("`") if command.count("/") >= 2 else _quoted(message)
    if entity.get("@type") == "warning_entity":
        return Applied(str(path), name, "there" if "already exists" in message else message)
    query = str(status.get("queryId") or "")
    return Applied(str(path), name, "created" if CREATED.search(message) else message, query)


def _quoted(message: str) -> str:
    found = re.search(r"`([^`]+)`", message)
    return found[1] if found else ""
