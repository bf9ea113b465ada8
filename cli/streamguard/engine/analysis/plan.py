"""What a statement will do, as a value. ``str(plan)`` is what EXPLAIN prints, the same text every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamguard.engine.analysis import explain, properties
from streamguard.engine.analysis.analyze import NOTHING, Analysis, analyze
from streamguard.engine.analysis.grouping import Grouping, Output
from streamguard.engine.analysis.metastore import Column, Metastore, Source, fields
from streamguard.engine.analysis.refusals import Refuse, refuser
from streamguard.engine.analysis.results import created, fitted
from streamguard.engine.analysis.sources import declared
from streamguard.engine.analysis.typed import Typed
from streamguard.engine.language import syntax as s
from streamguard.engine.language.places import meant
from streamguard.engine.language.types import quoted

STRICT_TIME = "ksql.timestamp.throw.on.invalid"


@dataclass(frozen=True)
class SourcePlan:
    """CREATE STREAM or TABLE with columns: declare `source` over a topic. `exists`: IF NOT EXISTS, and it does."""

    source: Source
    or_replace: bool = False
    exists: bool = False

    def __str__(self) -> str:
        return explain.declaration(self)


@dataclass(frozen=True)
class QueryPlan:
    """A query: read `source`, keep the records where `where` is true, group them, write `keys` and `values` to `sink`.

    `sink` None: a push query, its rows are `values`. `keys` empty: the record key is null. `partitioned`: PARTITION BY
    made the keys. `grouping`: the result is a table of aggregates; `where` is about the records, `values` about groups.
    `insert`: INSERT INTO, others may write the sink too. `exists`: CREATE … IF NOT EXISTS, and it does; nothing to do.
    `query_id`: the id that the statement asks for. `strict_time`: a record whose TIMESTAMP column is none stops it.
    """

    source: Source
    where: Typed | None
    keys: tuple[Output, ...]
    values: tuple[Output, ...]
    sink: Source | None
    limit: int | None = None
    partitioned: bool = False
    grouping: Grouping | None = None
    insert: bool = False
    or_replace: bool = False
    exists: bool = False
    query_id: str | None = None
    strict_time: bool = False

    def __str__(self) -> str:
        return explain.query(self)

    @property
    def kind(self) -> str:
        """STREAM or TABLE: what the result is."""
        return "TABLE" if self.grouping is not None or self.source.is_table else "STREAM"

    @property
    def stateful(self) -> bool:
        """Whether the query remembers anything from record to record."""
        return self.grouping is not None or (self.source.is_table and self.where is not None)

    @property
    def retention(self) -> int | None:
        """How long windows are kept, in ms; None without windows."""
        return None if self.grouping is None or self.grouping.window is None else self.grouping.window.retention

    @property
    def repartitioned(self) -> bool:
        """Whether records of one group may be in several partitions of the source."""
        return self.grouping is not None and not self.grouping.unchanged

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a push query's rows, in order."""
        return tuple(Column(output.name, output.expression.type) for output in self.values)

    def fields(self) -> list[dict[str, object]]:
        """The columns in the form of ksqlDB's REST API."""
        return fields(tuple(Column(each.name, each.expression.type) for each in self.keys), self.columns)


Plan = SourcePlan | QueryPlan


def plan(statement: s.Statement, metastore: Metastore, session: Mapping[str, str] = NOTHING) -> Plan:
    """The plan of a CREATE, an INSERT INTO … SELECT or a SELECT; of an EXPLAIN, that of its statement.

    `session`: the properties in force, by ksqlDB's names.

    Raises:
        AnalysisError: a name, a type or one of ksqlDB's rules does not fit.
    """
    match statement:
        case s.CreateSource():
            source = declared(statement, session)
            exists = _check_name(statement, metastore)
            return SourcePlan(source, statement.or_replace, exists)
        case s.CreateAs():
            analysis = analyze(
                statement.query,
                metastore,
                refuser(statement),
                sink=statement.name,
                kind=statement.kind,
                session=session,
            )
            _check_limit(statement, statement.query)
            made = created(statement, analysis, session)
            exists = _check_name(statement, metastore)
            strict = session.get(STRICT_TIME, "false").lower() == "true"
            return _query(analysis, made, or_replace=statement.or_replace, exists=exists, strict_time=strict)
        case s.InsertInto():
            return _insert(statement, metastore, session)
        case s.Query():
            return _push(statement, metastore, session)
        case s.Explain(statement=inner) if inner is not None:
            return plan(inner, metastore, session)
        case _:
            raise TypeError(f"a {type(statement).__name__} has no plan")


def target(name: str, metastore: Metastore, statement: s.InsertInto, refuse: Refuse) -> Source:
    """The stream that an INSERT INTO … SELECT writes."""
    sink = metastore.source(name)
    place = statement.target_place
    if sink is None:
        known = meant(name, metastore.sources)
        raise refuse(f"Line: {place.line}, Col: {place.column}: Source {quoted(name)} does not exist.{known}", place)
    if sink.is_source:
        raise refuse(f"Cannot insert into read-only {sink.kind.lower()}: {sink.name}", place)
    if sink.headers:
        raise refuse(f"Cannot insert into {sink.name} because it has header columns", place)
    if sink.is_table:
        reason = f"INSERT INTO can only be used to insert into a stream. {sink.name} is a table."
        raise refuse(reason, place)
    return sink


def _query(analysis: Analysis, sink: Source | None, **more: object) -> QueryPlan:
    made = QueryPlan(
        analysis.source,
        analysis.where,
        analysis.keys,
        analysis.values,
        sink,
        partitioned=analysis.partitioned,
        grouping=analysis.grouping,
    )
    return QueryPlan(**{**vars(made), **more})


def _insert(statement: s.InsertInto, metastore: Metastore, session: Mapping[str, str]) -> QueryPlan:
    refuse = refuser(statement)
    sink = target(statement.target, metastore, statement, refuse)
    analysis = analyze(statement.query, metastore, refuse, sink=sink.name, session=session)
    if analysis.kind != sink.kind:
        reason = (
            f"Incompatible data sink and query result. Data sink ({sink.name}) type is {sink.kind} but select query "
            f"result is {analysis.kind}."
        )
        raise refuse(reason, statement.query.place)
    if analysis.window != sink.window:
        raise refuse("Incompatible windowing between results and sink.", statement.query.place)
    analysis = fitted(statement, analysis, sink)
    _check_limit(statement, statement.query)
    given = properties.read(statement.properties, refuse, insert=True)
    return _query(analysis, sink, insert=True, query_id=given.query_id)


def _push(statement: s.Query, metastore: Metastore, session: Mapping[str, str]) -> QueryPlan:
    refuse = refuser(statement)
    analysis = analyze(statement.query, metastore, refuse, session=session)
    return _query(analysis, None, limit=statement.query.limit)


def _check_limit(statement: s.Statement, query: s.Select) -> None:
    if query.limit is not None:
        what = f"CREATE {statement.kind} AS SELECT" if isinstance(statement, s.CreateAs) else "INSERT INTO"
        raise refuser(statement)(f"{what} statements don't support LIMIT clause.", query.place)


def _check_name(statement: s.CreateSource | s.CreateAs, metastore: Metastore) -> bool:
    """Whether the source exists and the statement says that this is fine.

    Raises:
        AnalysisError: it exists and is neither to be replaced nor left alone.
    """
    refuse = refuser(statement)
    if statement.or_replace and statement.if_not_exists:
        raise refuse("CREATE OR REPLACE and IF NOT EXISTS exclude each other", statement.place)
    other = metastore.source(statement.name)
    read_only = isinstance(statement, s.CreateSource) and statement.is_source
    if statement.or_replace and (read_only or (other is not None and other.is_source)):
        kind = statement.kind.lower()
        reason = f"Cannot add {kind} '{statement.name}': CREATE OR REPLACE is not supported on source {kind}s."
        raise refuse(reason, statement.place)
    if other is None or statement.or_replace:
        return False
    if statement.if_not_exists:
        return True
    kind = statement.kind.lower()
    reason = f"Cannot add {kind} '{statement.name}': A {other.kind.lower()} with the same name already exists"
    raise refuse(reason, statement.place)
