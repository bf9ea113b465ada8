"""Bringing a ksql server, ours or ksqlDB, in line with files: read both, plan, send; a refusal names file and line.

ksqlDB carries out the statements of a request one by one, so it gets a request a statement. Our own server takes a
request whole or not at all, so it gets all of them in one: a mistake in the last leaves nothing of the first behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.engine.client import deployed, planning, pruning
from streamguard.engine.client.declared import Declared, bare_names, in_file, read_files
from streamguard.engine.client.http import EARLIEST, KsqlClient
from streamguard.engine.client.planning import Change, Step, Wishes
from streamguard.engine.client.refusals import POSITION, plain, pointer
from streamguard.engine.language import syntax as s
from streamguard.engine.language.printing import statement as printed
from streamguard.errors import PartlyDone, Refused, StatementError, StatementRefused
from streamguard.project import read_text

OUTCOMES = {
    "create": "created",
    "replace": "replaced",
    "recreate": "recreated",
    "drop": "dropped",
    "run": "done",
    "unchanged": "unchanged",
}


@dataclass(frozen=True)
class Applied:
    """What became of one statement: `created`, `replaced`, `recreated`, `dropped`, `done` or `unchanged`."""

    file: str
    name: str
    outcome: str
    query: str = ""


@dataclass(frozen=True)
class Planned:
    """What is to be done on a server, and the names there that no file declares."""

    changes: list[Change]
    left_alone: list[str]
    ours: bool

    def raise_refused(self) -> None:
        """`Refused` if something of it can not be done: then nothing is."""
        refused = [each for each in self.changes if each.refusal]
        if refused:
            told = "; ".join(f"{each.name}: {each.refusal}" for each in refused)
            raise Refused(f"nothing was changed on the ksql server: `streamguard ksql apply` refuses {told}")


@dataclass(frozen=True)
class _Sending:
    """A step on its way: `first` is the line of the common text where it begins; `whole`: it is the file's own text."""

    change: Change
    step: Step
    whole: bool
    first: int = 0

    @property
    def answered(self) -> bool:
        """Whether the server answers it: a record that was inserted has no answer."""
        declared = self.change.declared
        return not (self.whole and declared is not None and isinstance(declared.statement, s.InsertValues))


def check_files(files: Sequence[Path], variables: Mapping[str, str]) -> list[Declared]:
    """Refuse the first file that our own parser does not take."""
    return read_files(files, variables, EARLIEST)


def plan_files(
    client: KsqlClient, files: Sequence[Path], variables: Mapping[str, str], wishes: Wishes | None = None
) -> Planned:
    """What applying the files would do. Changes nothing.

    Raises:
        StatementError: a statement is none, or does not fit; names file and line.
    """
    wished = wishes or Wishes()
    ours, there = client.is_ours(), deployed.read(client)
    declared = read_files(files, variables, EARLIEST, deployed.types_of(there.types))
    changes = planning.diff(declared, there, wished, ours=ours)
    strays = pruning.strays(declared, there, wished.elsewhere)
    return Planned(changes, [] if wished.prune else strays, ours)


def apply_files(client: KsqlClient, files: Sequence[Path], variables: Mapping[str, str]) -> Iterator[Applied]:
    """Create what is missing, replace in place what changed.

    Raises:
        StatementError: the server, or the parser, refused a statement; names file and line.
        Refused: something changed that can not be replaced in place.
    """
    planned = plan_files(client, files, variables)
    planned.raise_refused()
    yield from carry_out(client, planned)


def carry_out(client: KsqlClient, planned: Planned) -> Iterator[Applied]:
    """Do what was planned; what became of each change, in the order of the plan.

    Raises:
        StatementError: the server refused a statement, and nothing was done.
        PartlyDone: ksqlDB refused one, and others before it were carried out.
    """
    sendings = list(_sendings(planned.changes))
    queries = _send_at_once(client, sendings) if planned.ours else _send_one_by_one(client, sendings)
    for change in planned.changes:
        file = "" if change.declared is None else str(change.declared.file)
        query = queries.get(id(change), change.query) if change.action != "drop" else ""
        yield Applied(file, change.name, OUTCOMES[change.action], query)


def _sendings(changes: Sequence[Change]) -> Iterator[_Sending]:
    """First what ends, users before what they use; then what is made, in order."""
    pruned = [each for each in changes if each.action == "drop"]
    others = [each for each in changes if each.action != "drop"]
    for change in [*pruned, *reversed(others)]:
        yield from (_Sending(change, step, whole=False) for step in change.ending)
    for change in others:
        yield from (_Sending(change, step, whole=change.action != "replace") for step in change.making)


def _send_at_once(client: KsqlClient, sendings: Sequence[_Sending]) -> dict[int, str]:
    """Each statement stands in the column that it has in its file; SET and UNSET between them make its properties."""
    common, placed = "", []
    now = bare_names(EARLIEST)
    for each in sendings:
        wanted = now if each.step.properties is None else dict(each.step.properties)
        common += "".join(f"{printed(one)};" for one in _settings(now, wanted)) + "\n"
        now = wanted
        column = each.change.declared.statement.place.column if each.whole and each.change.declared else 1
        placed.append(_Sending(each.change, each.step, each.whole, common.count("\n") + 1))
        common += " " * (column - 1) + each.step.text + "\n;"
    if not placed:
        return {}
    try:
        entities = client.ksql(common, properties=EARLIEST)
    except StatementRefused as exc:
        raise _place_in_files(exc, placed) from exc
    return _queries([each for each in placed if each.answered], entities)


def _settings(now: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[s.SetProperty]:
    for name in sorted({*now, *wanted}):
        if now.get(name) != wanted.get(name):
            yield s.SetProperty(name, wanted.get(name))


def _send_one_by_one(client: KsqlClient, sendings: Sequence[_Sending]) -> dict[int, str]:
    queries: dict[int, str] = {}
    number = -1
    for count, each in enumerate(sendings):
        properties = bare_names(EARLIEST) if each.step.properties is None else each.step.properties
        try:
            entities = client.ksql(each.step.text + ";", properties=properties, after=number)
        except StatementRefused as exc:
            error = _place(exc, each)
            if count == 0:
                raise error from exc
            done = f"{count} of {len(sendings)} statements were carried out before this one was refused"
            raise PartlyDone(f"{error}\n{done}: what is right now is not sent again") from exc
        number = max([number, *(int(entity.get("commandSequenceNumber") or -1) for entity in entities)])
        queries |= _queries([each] * len(entities), entities)
    return queries


def _queries(sendings: Sequence[_Sending], entities: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """The ids of new queries, by the identity of the change that they belong to."""
    found = {}
    for each, entity in zip(sendings, entities, strict=False):
        query = (entity.get("commandStatus") or {}).get("queryId")
        if query:
            found[id(each.change)] = str(query)
    return found


def _place_in_files(exc: StatementRefused, placed: Sequence[_Sending]) -> StatementError:
    """The refusal of a request that held all statements, with the file and line of the one that is to blame."""
    found = POSITION.search(str(exc))
    if found is not None:
        each = next(each for each in reversed(placed) if each.first <= int(found[1]) or each is placed[0])
        return _place(exc, each, line=int(found[1]) - each.first + 1)
    words = exc.statement.rstrip(";").split()
    named = [each for each in placed if each.step.text.split() == words]
    return _place(exc, (named or placed)[0])


def _place(exc: StatementRefused, each: _Sending, line: int | None = None) -> StatementError:
    """The refusal of one statement. `line` counts in the statement; None: as the refusal says."""
    message, declared = str(exc), each.change.declared
    if declared is None:
        return StatementError(f"{each.change.name}: {message}")
    found, place = POSITION.search(message), declared.statement.place
    if found is None or not each.whole:
        return in_file(declared.file, place.line, 0, message)
    within = int(found[1]) if line is None else line
    column = int(found[2]) + (place.column - 1 if line is None and within == 1 else 0)
    shifted = f"line {place.line + within - 1}, column {column}: "
    moved = StatementRefused(message[: found.start()] + shifted + message[found.end() :], code=exc.code)
    return place_in_file(moved, declared.file, read_text(declared.file))


def place_in_file(exc: StatementRefused, path: Path, text: str) -> StatementError:
    """The server's refusal with the file and, if it can be told, the line and column in it."""
    message = plain(str(exc), text)
    found = POSITION.search(message)
    if found is not None:
        line, column = int(found[1]), int(found[2])
        reason = message[: found.start()] + message[found.end() :]
        shown = "" if "^" in reason else pointer(text, line, column)
        return in_file(path, line, column, reason + shown)
    start = _start_of(text, exc.statement)
    return in_file(path, text.count("\n", 0, start) + 1 if start is not None else 0, 0, message)


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
