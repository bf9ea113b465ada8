"""What a statement changes: a pure step from one metastore to the next, the same when a request is checked, when it is
executed, and when the command log is read again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import get_args

from streamguard.engine.analysis import upgrades
from streamguard.engine.analysis.analyze import NOTHING
from streamguard.engine.analysis.metastore import Column, Metastore, Query, Source
from streamguard.engine.analysis.plan import QueryPlan, SourcePlan, plan
from streamguard.engine.analysis.refusals import refuser
from streamguard.engine.analysis.sources import check, refuse_reserved
from streamguard.engine.language import syntax as s
from streamguard.engine.language.places import meant
from streamguard.engine.language.types import quoted
from streamguard.errors import AnalysisError

Changing = (
    s.CreateSource
    | s.CreateAs
    | s.InsertInto
    | s.Terminate
    | s.Pause
    | s.Resume
    | s.Drop
    | s.Alter
    | s.CreateType
    | s.DropType
)
CHANGING: tuple[type[Changing], ...] = get_args(Changing)


@dataclass(frozen=True)
class Change:
    """The metastore after a statement. `number` is that of its command; `warning`: nothing was done, and why."""

    metastore: Metastore
    command_id: str
    message: str
    query_id: str | None = None
    plan: SourcePlan | QueryPlan | None = None
    warning: str = ""
    dropped: Source | None = None

    @property
    def query(self) -> Query | None:
        """The query that the statement made."""
        return self.metastore.queries[self.query_id] if isinstance(self.plan, QueryPlan) and self.query_id else None


def change(statement: Changing, metastore: Metastore, number: int, session: Mapping[str, str] = NOTHING) -> Change:
    """The step; `number` becomes part of a new query's id, `session` are the properties in force.

    Raises:
        AnalysisError: the statement does not fit what exists.
    """
    match statement:
        case s.Terminate():
            return _terminate(statement, metastore)
        case s.Pause():
            return _held(statement, metastore, paused=True)
        case s.Resume():
            return _held(statement, metastore, paused=False)
        case s.Drop():
            return _drop(statement, metastore)
        case s.Alter():
            return _alter(statement, metastore)
        case s.CreateSource():
            return _create(statement, metastore, session)
        case s.CreateAs():
            return _create_as(statement, metastore, number, session)
        case s.InsertInto():
            return _insert(statement, metastore, number, session)
        case s.CreateType():
            return _create_type(statement, metastore)
        case s.DropType():
            return _drop_type(statement, metastore)


def _create(statement: s.CreateSource, metastore: Metastore, session: Mapping[str, str]) -> Change:
    made = plan(statement, metastore, session)
    assert isinstance(made, SourcePlan)
    command_id = f"{statement.kind.lower()}/{quoted(statement.name)}/create"
    if made.exists:
        return Change(metastore, command_id, "", warning=_already(statement))
    _refuse_upgrade(statement, metastore.source(statement.name), made.source)
    message = f"{statement.kind.title()} created"
    return Change(metastore.with_source(made.source), command_id, message, plan=made)


def _create_as(statement: s.CreateAs, metastore: Metastore, number: int, session: Mapping[str, str]) -> Change:
    made = plan(statement, metastore, session)
    assert isinstance(made, QueryPlan)
    assert made.sink is not None
    command_id = f"{statement.kind.lower()}/{quoted(statement.name)}/create"
    if made.exists:
        return Change(metastore, command_id, "", warning=_already(statement))
    _refuse_upgrade(statement, metastore.source(statement.name), made.sink)
    replaced = _replaced(statement, made, metastore)
    query_id = replaced.id if replaced else f"C{statement.kind[0]}AS_{made.sink.name}_{number}"
    query = Query(query_id, statement.text, made, paused=replaced is not None and replaced.paused)
    after = metastore.with_source(made.sink).with_query(query)
    return Change(after, command_id, f"Created query with ID {query.id}", query.id, made)


def _insert(statement: s.InsertInto, metastore: Metastore, number: int, session: Mapping[str, str]) -> Change:
    made = plan(statement, metastore, session)
    assert isinstance(made, QueryPlan)
    query_id = (made.query_id or f"INSERTQUERY_{number}").upper()
    if query_id in metastore.queries:
        raise refuser(statement)(f"Query ID '{query_id}' already exists.", statement.target_place)
    after = metastore.with_query(Query(query_id, statement.text, made))
    command_id = f"stream/{quoted(statement.target)}/create"
    return Change(after, command_id, f"Created query with ID {query_id}", query_id, made)


def _create_type(statement: s.CreateType, metastore: Metastore) -> Change:
    name, command_id = statement.name, f"type/{statement.name}/create"
    if name in metastore.types:
        reason = (
            f"Cannot register custom type '{name}' since it is already registered with type: {metastore.types[name]}"
        )
        if statement.if_not_exists:
            return Change(metastore, command_id, "", warning=reason)
        raise refuser(statement)(reason, statement.place)
    message = f"Registered custom type with name '{name}' and SQL type {statement.type}"
    return Change(metastore.with_type(name, statement.type), command_id, message)


def _drop_type(statement: s.DropType, metastore: Metastore) -> Change:
    name, command_id = statement.name, f"type/{statement.name}/drop"
    if name in metastore.types:
        return Change(metastore.without_type(name), command_id, f"Dropped type '{name}'")
    if statement.if_exists:
        return Change(metastore, command_id, "", warning=f"Type {name} does not exist.")
    raise refuser(statement)(f"Type {name} does not exist.{meant(name, metastore.types)}", statement.place)


def _terminate(statement: s.Terminate, metastore: Metastore) -> Change:
    if statement.query_id is None:
        return Change(replace(metastore, queries={}), "terminate/ALL/execute", "Query terminated.")
    query = _known(statement, statement.query_id, metastore)
    after = metastore.without_query(query.id)
    return Change(after, f"terminate/{query.id}/execute", "Query terminated.", query.id)


def _held(statement: s.Pause | s.Resume, metastore: Metastore, *, paused: bool) -> Change:
    """PAUSE and RESUME; doing it twice is fine."""
    one = None if statement.query_id is None else _known(statement, statement.query_id, metastore)
    after = metastore
    for query in metastore.queries.values() if one is None else [one]:
        after = after.with_query(replace(query, paused=paused))
    word, done = ("pause", "paused") if paused else ("resume", "resumed")
    shown = "ALL" if one is None else one.id
    return Change(after, f"{word}/{shown}/execute", f"Query {done}.", None if one is None else one.id)


def _known(statement: s.Statement, query_id: str, metastore: Metastore) -> Query:
    """The query of an id; without quotes it is upper-cased by the parser, as INSERT … WITH (QUERY_ID) does."""
    query = metastore.queries.get(query_id)
    if query is None:
        raise refuser(statement)(f"Unknown queryId: {query_id}{meant(query_id, metastore.queries)}", statement.place)
    return query


def _drop(statement: s.Drop, metastore: Metastore) -> Change:
    """A stream's own CREATE … AS query ends with it; any other query that uses it must be terminated first."""
    refuse = refuser(statement)
    kind = statement.kind.lower()
    command_id = f"{kind}/{statement.name}/drop"
    source = metastore.source(statement.name)
    if source is None:
        if statement.if_exists:
            return Change(metastore, command_id, "", warning=f"Source {quoted(statement.name)} does not exist.")
        known = meant(statement.name, metastore.sources)
        raise refuse(f"{statement.kind.title()} {statement.name} does not exist.{known}", statement.name_place)
    if source.kind != statement.kind:
        reason = f"Incompatible data source type is {source.kind}, but statement was DROP {statement.kind}"
        raise refuse(reason, statement.place)
    if source.is_source and statement.delete_topic:
        raise refuse(f"Cannot delete topic for read-only source: {source.name}", statement.place)
    after = metastore
    for query in metastore.writers(source.name):
        if not query.plan.insert:
            after = after.without_query(query.id)
    _refuse_dropping(source, after)
    message = f"Source {quoted(source.name)} (topic: {source.topic}) was dropped."
    return Change(after.without_source(source.name), command_id, message, dropped=source)


def _refuse_dropping(source: Source, metastore: Metastore) -> None:
    """What CREATE … AS made of the source goes first; other queries that use it must be terminated."""
    made = [query.sink for query in metastore.readers(source.name) if not query.plan.insert]
    if made:
        reason = (
            f"Cannot drop {source.name}.\n"
            f"The following streams and/or tables read from this source: [{', '.join(made)}].\n"
            f"You need to drop them before dropping {source.name}."
        )
        raise AnalysisError(reason)
    readers = ", ".join(query.id for query in metastore.readers(source.name))
    writers = ", ".join(query.id for query in metastore.writers(source.name))
    if readers or writers:
        reason = (
            f"Cannot drop {source.name}.\n"
            f"The following queries read from this source: [{readers}].\n"
            f"The following queries write into this source: [{writers}].\n"
            f"You need to terminate them before dropping {source.name}."
        )
        raise AnalysisError(reason)


def _alter(statement: s.Alter, metastore: Metastore) -> Change:
    """Columns behind the others; queries that read the source go on with the columns that they know."""
    refuse, kind, name = refuser(statement), statement.kind.lower(), statement.name
    source = metastore.source(name)
    if source is None:
        raise refuse(f"Source {name} does not exist.{meant(name, metastore.sources)}", statement.name_place)
    if source.is_source:
        reason = f"Cannot alter {kind} '{name}': ALTER operations are not supported on source {kind}s."
        raise refuse(reason, statement.place)
    if source.kind != statement.kind:
        reason = f"Incompatible data source type is {source.kind}, but statement was ALTER {statement.kind}"
        raise refuse(reason, statement.place)
    if source.is_result:
        raise refuse("ALTER command is not supported for CREATE ... AS statements.", statement.place)
    values = list(source.values)
    for column in statement.columns:
        if column.name in {each.name for each in (*source.keys, *values, *source.headers)}:
            reason = f"Cannot add column {quoted(column.name)} to schema. A column with the same name already exists."
            raise refuse(reason, column.place)
        refuse_reserved(column, refuse)
        values.append(Column(column.name, column.type))
    altered = replace(source, values=tuple(values), statement=statement.text)
    check(altered, statement.place, refuse)
    return Change(metastore.with_source(altered), f"{kind}/{name}/alter", f"{statement.kind.title()} {name} altered.")


def _replaced(statement: s.CreateAs, made: QueryPlan, metastore: Metastore) -> Query | None:
    """The query whose place a CREATE OR REPLACE … AS takes: it goes on where that one is, with its state."""
    found = metastore.writers(statement.name)
    if not found:
        return None
    if len(found) > 1:
        ids = ", ".join(query.id for query in found)
        reason = f"REPLACE for sink {quoted(statement.name)} is not supported because there are multiple queries"
        raise refuser(statement)(f"{reason} writing into it: [{ids}]", statement.place)
    [query] = found
    obstacle = upgrades.of_query(query.plan, made)
    if obstacle is not None:
        raise refuser(statement)(f"Query is not upgradeable: {obstacle}.", statement.place)
    return query


def _refuse_upgrade(statement: s.CreateSource | s.CreateAs, before: Source | None, after: Source) -> None:
    reason = None if before is None else upgrades.of_source(before, after)
    if reason is not None:
        raise refuser(statement)(f"Cannot upgrade data source: {reason}", statement.place)


def _already(statement: s.CreateSource | s.CreateAs) -> str:
    kind = statement.kind.lower()
    return f"Cannot add {kind} {quoted(statement.name)}: A {kind} with the same name already exists."
