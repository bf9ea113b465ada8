"""What a statement will do, as a value. ``str(plan)`` is what EXPLAIN prints, the same text every time."""

from __future__ import annotations

from dataclasses import dataclass

from streamguard.engine import properties
from streamguard.engine import syntax as s
from streamguard.engine.analyze import Analysis, Output, analyze, created, declared, find, fitted, refuser
from streamguard.engine.metastore import Column, Metastore, Source, fields
from streamguard.engine.typed import Operation, Typed
from streamguard.engine.types import quoted


@dataclass(frozen=True)
class SourcePlan:
    """CREATE STREAM with columns: declare `source` over a topic. `exists`: IF NOT EXISTS, and it does."""

    source: Source
    or_replace: bool = False
    exists: bool = False

    def __str__(self) -> str:
        return f"{'Nothing to do' if self.exists else 'Declare'}: {_described(self.source)}"


@dataclass(frozen=True)
class QueryPlan:
    """A query: read `source`, keep the records where `where` is true, write `key` and `values` to `sink`.

    `sink` None: a push query, its rows are `values`. `insert`: INSERT INTO, others may write the sink too.
    `exists`: CREATE … IF NOT EXISTS, and it does; nothing to do. `query_id`: the id that the statement asks for.
    """

    source: Source
    where: Typed | None
    key: Output | None
    values: tuple[Output, ...]
    sink: Source | None
    limit: int | None = None
    repartitioned: bool = False
    insert: bool = False
    or_replace: bool = False
    exists: bool = False
    query_id: str | None = None

    def __str__(self) -> str:
        steps = [f"Read {_described(self.source)}"]
        if self.where is not None:
            steps.append(f"Filter {bare(self.where)}")
        if self.repartitioned:
            steps.append(f"Key {_output(self.key)}" if self.key else "Key NULL")
        elif self.key is not None:
            steps.append(f"Key {_output(self.key)} (unchanged)")
        steps.append("Project\n" + "\n".join(f"      {_output(output)}" for output in self.values))
        if self.sink is None:
            steps.append("Push rows to the client" + ("" if self.limit is None else f", at most {self.limit}"))
        else:
            steps.append(f"{'Insert into' if self.insert else 'Write'} {_described(self.sink)}")
        return "\n".join(f"{number:>2}. {step}" for number, step in enumerate(steps, start=1))

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of a push query's rows, in order."""
        return tuple(Column(output.name, output.expression.type) for output in self.values)

    def fields(self) -> list[dict[str, object]]:
        """The columns in the form of ksqlDB's REST API."""
        keys = () if self.key is None else (Column(self.key.name, self.key.expression.type),)
        return fields(keys, self.columns)


Plan = SourcePlan | QueryPlan


def plan(statement: s.Statement, metastore: Metastore) -> Plan:
    """The plan of a CREATE STREAM, an INSERT INTO … SELECT or a SELECT; of an EXPLAIN, that of its statement.

    Raises:
        AnalysisError: a name, a type or one of ksqlDB's rules does not fit.
    """
    match statement:
        case s.CreateSource():
            source = declared(statement)
            exists = _check_name(statement, metastore)
            return SourcePlan(source, statement.or_replace, exists)
        case s.CreateAs():
            analysis = analyze(statement.query, metastore, refuser(statement), statement.name)
            _check_limit(statement, statement.query)
            made = created(statement, analysis)
            exists = _check_name(statement, metastore)
            return _query(analysis, made, or_replace=statement.or_replace, exists=exists)
        case s.InsertInto():
            return _insert(statement, metastore)
        case s.Query():
            return _push(statement, metastore)
        case s.Explain(statement=inner) if inner is not None:
            return plan(inner, metastore)
        case _:
            raise TypeError(f"a {type(statement).__name__} has no plan")


def _query(analysis: Analysis, sink: Source | None, **more: object) -> QueryPlan:
    made = QueryPlan(
        analysis.source, analysis.where, analysis.key, analysis.values, sink, repartitioned=analysis.repartitioned
    )
    return QueryPlan(**{**vars(made), **more})


def _insert(statement: s.InsertInto, metastore: Metastore) -> QueryPlan:
    refuse = refuser(statement)
    sink = find(statement.target, metastore, statement.target_place, refuse)
    analysis = fitted(statement, analyze(statement.query, metastore, refuse, sink.name), sink)
    _check_limit(statement, statement.query)
    given = properties.read(statement.properties, refuse, insert=True)
    return _query(analysis, sink, insert=True, query_id=given.query_id)


def _push(statement: s.Query, metastore: Metastore) -> QueryPlan:
    refuse = refuser(statement)
    analysis = analyze(statement.query, metastore, refuse, None)
    if not statement.query.emit_changes:
        reason = (
            "a pull query on a stream is not supported yet by the embedded engine (add EMIT CHANGES for a push query)"
        )
        raise refuse(reason, statement.query.place)
    return _query(analysis, None, limit=statement.query.limit)


def _check_limit(statement: s.Statement, query: s.Select) -> None:
    if query.limit is not None:
        raise refuser(statement)("LIMIT in a persistent query is not supported yet by the embedded engine", query.place)


def _check_name(statement: s.CreateSource | s.CreateAs, metastore: Metastore) -> bool:
    """Whether the source exists and the statement says that this is fine.

    Raises:
        AnalysisError: it exists and is neither to be replaced nor left alone.
    """
    refuse = refuser(statement)
    if statement.or_replace and statement.if_not_exists:
        raise refuse("CREATE OR REPLACE and IF NOT EXISTS exclude each other", statement.place)
    other = metastore.source(statement.name)
    if other is None or statement.or_replace:
        return False
    if statement.if_not_exists:
        return True
    reason = f"Cannot add stream '{statement.name}': A {other.kind.lower()} with the same name already exists"
    raise refuse(reason, statement.place)


def bare(expression: Typed) -> str:
    """The expression without parentheses around the whole."""
    text = str(expression)
    outermost = isinstance(expression, Operation) and text.startswith("(") and text.endswith(")")
    return text[1:-1] if outermost else text


def _output(output: Output) -> str:
    return f"{quoted(output.name)} {output.expression.type} := {bare(output.expression)}"


def _described(source: Source) -> str:
    formats = f"key {source.key_format}, value {source.value_format}"
    return f"{source.kind.lower()} {quoted(source.name)}, topic '{source.topic}' ({formats}): {source.schema()}"
