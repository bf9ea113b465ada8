"""What a query writes: the source that CREATE … AS makes, and the fit of INSERT INTO with the one that exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streamguard.engine.analysis import properties
from streamguard.engine.analysis.analyze import Analysis
from streamguard.engine.analysis.grouping import Output
from streamguard.engine.analysis.metastore import Column, FormatOptions, Source
from streamguard.engine.analysis.refusals import refuser
from streamguard.engine.analysis.sources import DEFAULT_KEY_FORMAT, check, default_format, wrapping
from streamguard.engine.analysis.typed import Operation, Typed
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t

TOPIC_PREFIX = "ksql.output.topic.name.prefix"


def created(statement: s.CreateAs, analysis: Analysis, session: Mapping[str, str]) -> Source:
    """The source that a CREATE … AS SELECT makes; formats that it does not name are those of its source."""
    refuse = refuser(statement)
    if analysis.kind != statement.kind:
        wrong = (
            f"Invalid result type. Your SELECT query produces a {analysis.kind}. Please use CREATE {analysis.kind} AS "
            "SELECT statement instead."
        )
        raise refuse(wrong, statement.place)
    given = properties.read(statement.properties, refuse, query=True)
    source = analysis.source
    keys = tuple(Column(each.name, each.expression.type) for each in analysis.keys)
    values = tuple(Column(each.name, each.expression.type) for each in analysis.values)
    if not keys and given.key_format not in (None, "NONE"):
        raise refuse("Key format specified for stream without key columns.", statement.place)
    value_format = given.value_format or source.value_format
    key_format = given.key_format or _key_format(source, keys, session)
    reason = properties.misplaced_delimiter(given, key_format, value_format)
    windowed = analysis.grouping is not None and analysis.grouping.window is not None
    reason = reason or properties.misplaced_retention(given, statement.kind, windowed=windowed)
    if reason is not None:
        raise refuse(reason, statement.place)
    value_options = _options(given.value_delimiter, value_format, source.value_format, source.value_options)
    made = Source(
        statement.name,
        given.topic or session.get(TOPIC_PREFIX, "") + statement.name,
        keys,
        values,
        key_format=key_format,
        value_format=value_format,
        kind=statement.kind,
        partitions=given.partitions,
        replicas=given.replicas,
        retention_ms=given.retention_ms,
        window=analysis.window,
        timestamp=given.timestamp,
        key_options=_options(given.key_delimiter, key_format, source.key_format, source.key_options),
        value_options=wrapping(replace(value_options, wrap=given.wrap), value_format, values, session),
        is_result=True,
        statement=statement.text,
    )
    check(made, statement.place, refuse)
    return made


def _options(delimiter: str | None, form: str, inherited_form: str, inherited: FormatOptions) -> FormatOptions:
    """The options of a part; the delimiter of a format comes along from the source with the format."""
    if delimiter is not None:
        return FormatOptions(delimiter)
    return FormatOptions(inherited.delimiter) if form == inherited_form else FormatOptions()


def _key_format(source: Source, keys: tuple[Column, ...], session: Mapping[str, str]) -> str:
    if not keys:
        return "NONE"
    if source.key_format == "NONE":
        return default_format(session, DEFAULT_KEY_FORMAT) or "KAFKA"
    return source.key_format


def fitted(statement: s.InsertInto, analysis: Analysis, sink: Source) -> Analysis:
    """The analysis with the sink's column names; refuses columns that the sink does not have in this order."""
    refuse = refuser(statement)
    outputs = [*analysis.keys, *analysis.values]
    columns = [*sink.keys, *sink.values]
    names = [output.name for output in outputs] == [column.name for column in columns]
    same = names and len(analysis.keys) == len(sink.keys)
    fits = same and all(_fits(o.expression.type, c.type) for o, c in zip(outputs, columns, strict=True))
    if not fits:
        shown = ", ".join(
            [f"{Column(o.name, o.expression.type)} KEY" for o in analysis.keys]
            + [str(Column(o.name, o.expression.type)) for o in analysis.values]
        )
        reason = (
            f"Incompatible schema between results and sink.\nResult schema is {shown}\nSink schema is {sink.schema()}"
        )
        raise refuse(reason, statement.query.place)
    made = [Output(c.name, _lifted(o.expression, c.type)) for o, c in zip(outputs, columns, strict=True)]
    count = len(analysis.keys)
    return replace(analysis, keys=tuple(made[:count]), values=tuple(made[count:]))


def _fits(given: t.Type, wanted: t.Type) -> bool:
    if isinstance(given, t.Decimal) and isinstance(wanted, t.Decimal):
        return wanted.scale >= given.scale and wanted.precision - wanted.scale >= given.precision - given.scale
    return given == wanted or (t.is_numeric(given) and t.is_numeric(wanted) and t.wider(given, wanted) == wanted)


def _lifted(value: Typed, kind: t.Type) -> Typed:
    return value if value.type == kind else Operation("cast", (value,), kind)
