"""What files of statements declare: each statement with its file, and the properties in force where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.analysis.plan import Plan, plan
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from streamguard.engine.language.types import Type
from streamguard.errors import StatementError
from streamguard.project import read_text, variables_file

STREAMS = "ksql.streams."
S = TypeVar("S", bound=s.Statement)
PLANNED = (s.CreateSource, s.CreateAs, s.InsertInto, s.Query)


@dataclass(frozen=True)
class Declared:
    """A statement of a file, its variables replaced. `properties` by ksqlDB's bare names."""

    file: Path
    statement: s.Statement
    properties: Mapping[str, str]

    @property
    def where(self) -> str:
        """``ksql/bank/01.sql, line 6``."""
        return f"{self.file}, line {self.statement.place.line}"


def read_files(
    files: Sequence[Path],
    variables: Mapping[str, str],
    properties: Mapping[str, str] | None = None,
    types: Mapping[str, Type] | None = None,
) -> list[Declared]:
    """The statements of all files, in order; SET and DEFINE are followed, end with their file, and are not listed.

    Raises:
        StatementError: the first statement that is not one; names file, line and column.
    """
    known = dict(types or {})
    declared: list[Declared] = []
    for path in files:
        text = read_text(path)
        try:
            statements = parse(text, variables, known, defined_in=_defined_in(path))
        except StatementError as exc:
            raise placed(exc, path) from exc
        declared += _in_force(path, statements, properties or {})
        known |= {each.name: each.type for each in statements if isinstance(each, s.CreateType)}
    return declared


def types_of(declared: Iterable[Declared]) -> dict[str, Type]:
    """The named types that are declared."""
    return {each.statement.name: each.statement.type for each in declared if isinstance(each.statement, s.CreateType)}


def _defined_in(path: Path) -> str:
    """What a person can do about a variable that is not defined."""
    file = variables_file(path)
    near = "" if file is None else f"`variables:` of init/{file.name} defines it, or "
    return f"{near}--define NAME=VALUE"


def bare_names(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties without the prefix that clients may write."""
    return {name.removeprefix(STREAMS): value for name, value in properties.items()}


def _in_force(path: Path, statements: Sequence[s.Statement], properties: Mapping[str, str]) -> Iterable[Declared]:
    now = bare_names(properties)
    for statement in statements:
        match statement:
            case s.SetProperty(name=name, value=value):
                now = _after(now, name.removeprefix(STREAMS), value)
            case s.Define():
                pass  # the parser has put its value where it belongs
            case _:
                yield Declared(path, statement, now)


def _after(pairs: Mapping[str, str], name: str, value: str | None) -> dict[str, str]:
    rest = {key: kept for key, kept in pairs.items() if key != name}
    return rest if value is None else {**rest, name: value}


def metastore_after(declared: Iterable[Declared], metastore: Metastore | None = None) -> Metastore:
    """What exists once the statements were carried out; those that declare nothing are passed over.

    Raises:
        StatementError: the first that does not fit; names file, line and column.
    """
    after = metastore or Metastore()
    for number, each in enumerate(declared):
        if isinstance(each.statement, CHANGING):
            try:
                after = change(each.statement, after, number, each.properties).metastore
            except StatementError as exc:
                raise placed(exc, each.file, each.statement) from exc
    return after


def plans(declared: Iterable[Declared], metastore: Metastore | None = None) -> list[tuple[Declared, Plan]]:
    """The plan of each statement that has one, against the statements before it.

    Raises:
        StatementError: the first that does not fit; names file, line and column.
    """
    after, made = metastore or Metastore(), []
    for each in declared:
        if isinstance(each.statement, PLANNED):
            try:
                made.append((each, plan(each.statement, _without(each.statement, after), each.properties)))
            except StatementError as exc:
                raise placed(exc, each.file, each.statement) from exc
        if not isinstance(each.statement, s.Query):
            after = metastore_after([replace(each, statement=anew(each.statement))], _without(each.statement, after))
    return made


def explained(statement: s.Statement, metastore: Metastore, session: Mapping[str, str] | None = None) -> str:
    """The plan of one statement as text, as if what it makes did not exist yet.

    Raises:
        StatementError: it does not fit, or has no plan.
    """
    if not isinstance(statement, (*PLANNED, s.Explain)):
        raise StatementError(f"{' '.join(statement.text.split()[:2]).upper()} has no plan: a query has, and CREATE")
    return str(plan(statement, _without(statement, metastore), session or {}))


def names(declared: Iterable[Declared]) -> list[str]:
    """The streams and tables that are declared."""
    return [each.statement.name for each in declared if isinstance(each.statement, s.CreateSource | s.CreateAs)]


def _without(statement: s.Statement, metastore: Metastore) -> Metastore:
    """A statement about a source that exists is explained as if it were the first."""
    return metastore.without_source(statement.name) if isinstance(statement, s.CreateSource | s.CreateAs) else metastore


def anew(statement: S) -> S:
    """The statement as it makes what does not exist yet: CREATE instead of CREATE OR REPLACE."""
    return replace(statement, or_replace=False) if isinstance(statement, s.CreateSource | s.CreateAs) else statement


def placed(exc: StatementError, path: Path, statement: s.Statement | None = None) -> StatementError:
    """The refusal with the file in front: at its own line, or at that of the statement."""
    line = exc.line or (0 if statement is None else statement.place.line)
    return in_file(path, line, exc.column, f"{exc.reason}{exc.excerpt}")


def in_file(path: Path, line: int, column: int, told: str) -> StatementError:
    """A refusal of what stands there; line and column are 0 where they are not known."""
    where = (f", line {line}" if line else "") + (f", column {column}" if line and column else "")
    error = StatementError(f"{path}{where}: {told}")
    error.line, error.column = line, column
    return error
