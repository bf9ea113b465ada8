"""Sending files of statements to a ksql server, ours or ksqlDB; a refusal names the file and the line in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.engine.client import EARLIEST, KsqlClient
from streamguard.engine.parse import parse
from streamguard.engine.places import Place, excerpt
from streamguard.errors import ProjectError, StatementError, StatementRefused

POSITION = re.compile(r"line (\d+)(?::|, column )(\d+): ")


@dataclass(frozen=True)
class Applied:
    """What became of one statement: `outcome` is `created`, `there`, or the server's own message."""

    file: str
    name: str
    outcome: str
    query: str = ""


def apply_files(client: KsqlClient, files: Sequence[Path], variables: Mapping[str, str]) -> Iterator[Applied]:
    """Send each file as one request, in order; with our own server all are parsed before any is sent.

    Raises:
        StatementError: the server, or the parser, refused a statement; names file and line.
    """
    texts = [(path, _read(path)) for path in files]
    if client.is_ours():
        for path, text in texts:
            check_syntax(path, text, variables)
    for path, text in texts:
        try:
            entities = client.ksql(text, properties=EARLIEST, variables=variables)
        except StatementRefused as exc:
            raise place_in_file(exc, path, text) from exc
        yield from (_applied(path, entity) for entity in entities)


def check_syntax(path: Path, text: str, variables: Mapping[str, str]) -> None:
    """Refuse what our own parser does not take."""
    try:
        parse(text, variables)
    except StatementError as exc:
        raise _in_file(path, exc.line, exc.column, exc.reason, exc.excerpt) from exc


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


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise ProjectError(f"{path} is not UTF-8 text") from exc


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
