"""A statement against what exists: ksqlDB's rules for sources, keys and the columns of a query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from streamguard.engine import properties, resolve
from streamguard.engine import syntax as s
from streamguard.engine import types as t
from streamguard.engine.metastore import Column, Metastore, Source
from streamguard.engine.places import Place, meant
from streamguard.engine.printing import expression as printed
from streamguard.engine.typed import Operation, Read, Typed
from streamguard.errors import AnalysisError

UNCARRIED = (t.BYTES, t.DATE, t.TIME, t.TIMESTAMP)
KAFKA_KEYS = (t.STRING, t.INTEGER, t.BIGINT, t.DOUBLE)


@dataclass(frozen=True)
class Output:
    """A column of a query: its name and what it holds."""

    name: str
    expression: Typed


@dataclass(frozen=True)
class Analysis:
    """A query, understood. `key` None: the record key is null; `values` in the order of the SELECT list."""

    source: Source
    where: Typed | None
    key: Output | None
    values: tuple[Output, ...]
    repartitioned: bool


Refuse = Callable[[str, Place], AnalysisError]


def refuser(statement: s.Statement) -> Refuse:
    """Makes the errors of one statement."""

    def refuse(reason: str, place: Place) -> AnalysisError:
        shift = statement.place.start
        moved = replace(place, start=max(0, place.start - shift), end=max(1, place.end - shift))
        return resolve.refusal(statement.text, reason, moved)

    return refuse


def find(name: str, metastore: Metastore, place: Place, refuse: Refuse) -> Source:
    """The source of that name, or an error that says what was meant."""
    source = metastore.source(name)
    if source is None:
        raise refuse(f"{name} does not exist{meant(name, metastore.sources)}", place)
    return source


def declared(statement: s.CreateSource) -> Source:
    """The source that a CREATE STREAM declares."""
    refuse = refuser(statement)
    given = properties.read(statement.properties, refuse)
    if given.topic is None:
        raise refuse("KAFKA_TOPIC is missing in the WITH clause", statement.place)
    if given.value_format is None:
        raise refuse("VALUE_FORMAT is missing in the WITH clause", statement.place)
    if not statement.columns:
        raise refuse("the statement does not define any columns", statement.place)
    seen: set[str] = set()
    for column in statement.columns:
        if column.name in seen:
            raise refuse(f"duplicate column {column.name}", column.place)
        if column.name in resolve.PSEUDO:
            raise refuse(f"'{column.name}' is a reserved column name.", column.place)
        _check_carried(column.type, column.place, refuse)
        seen.add(column.name)
    keys = tuple(Column(column.name, column.type) for column in statement.columns if column.is_key)
    key_format = given.key_format or "KAFKA"
    if key_format == "NONE" and keys:
        raise refuse("a stream with a KEY column needs another KEY_FORMAT than NONE", statement.place)
    for column in statement.columns:
        if column.is_key:
            _check_key(keys, key_format, column.place, refuse)
    return Source(
        statement.name,
        given.topic,
        keys,
        tuple(Column(column.name, column.type) for column in statement.columns if not column.is_key),
        key_format=key_format if keys or given.key_format else "KAFKA",
        value_format=given.value_format,
        partitions=given.partitions,
        replicas=given.replicas,
        statement=statement.text,
    )


def analyze(query: s.Select, metastore: Metastore, refuse: Refuse, sink: str | None) -> Analysis:
    """Understand a query. `sink` is the name that a persistent query writes, None for a push query."""
    source = find(query.source, metastore, query.source_place, refuse)
    resolver = resolve.Resolver(source, query.alias, refuse)
    where = None if query.where is None else resolver.condition(query.where, "WHERE")
    if query.partition is not None and sink is None:
        raise refuse(
            "PARTITION BY in a push query is not supported yet by the embedded engine", query.partition[0].place
        )
    key_expression = _key_expression(query, resolver, refuse)
    columns = _columns(query, source, resolver, key_expression, refuse)
    seen: set[str] = set()
    for output, place in columns:
        if output.name in seen:
            raise refuse(f"the SELECT list has two columns {output.name}: give one another name with AS", place)
        if output.name in resolve.PSEUDO and sink is not None:
            raise refuse(f"'{output.name}' is a reserved column name: give it another with AS", place)
        if output.expression.type == t.NULL and sink is not None:
            raise refuse(f"the column {output.name} has no type: write CAST(NULL AS …)", place)
        _check_carried(output.expression.type, place, refuse)
        seen.add(output.name)
    if sink is None:
        return Analysis(source, where, None, tuple(output for output, _ in columns), False)
    key = _key(query, key_expression, columns, sink, refuse)
    values = tuple(output for output, _ in columns if output is not key)
    if not values:
        raise refuse("The projection contains no value columns.", query.place)
    return Analysis(source, where, key, values, query.partition is not None)


def _key_expression(query: s.Select, resolver: resolve.Resolver, refuse: Refuse) -> Typed | None:
    """What the key of the result is: the PARTITION BY expression, or the key column; None when there is none."""
    if query.partition is None:
        keys = resolver.source.keys
        return Read(keys[0].name, keys[0].type, is_key=True) if keys else None
    if len(query.partition) > 1:
        raise refuse(
            "PARTITION BY several expressions is not supported yet by the embedded engine", query.partition[1].place
        )
    node = query.partition[0]
    aliases = [item.alias for item in query.items if isinstance(item, s.Item) and item.alias]
    if isinstance(node, s.Name) and resolver.source.column(node.name) is None and node.name in aliases:
        reason = (
            f"PARTITION BY column '{node.name}' cannot be resolved. '{node.name}' must be a column in the source schema"
        )
        raise refuse(f"{reason} since PARTITION BY is applied on the input.", node.place)
    made = resolver.resolve(node)
    return None if made.type == t.NULL else made


def _columns(
    query: s.Select, source: Source, resolver: resolve.Resolver, key: Typed | None, refuse: Refuse
) -> list[tuple[Output, Place]]:
    """The SELECT list with stars written out and every column named."""
    taken = {column.name for column in source.columns} | {
        item.alias for item in query.items if isinstance(item, s.Item) and item.alias
    }
    made: list[tuple[Output, Place]] = []
    for item in query.items:
        if isinstance(item, s.Star):
            if item.source is not None and item.source not in (query.alias or source.name, source.name):
                raise refuse(f"no source {item.source} in this query{meant(item.source, [source.name])}", item.place)
            columns = source.columns if query.partition is None else source.values + source.keys
            made += [(Output(c.name, Read(c.name, c.type, c in source.keys)), item.place) for c in columns]
            if query.partition is not None and key is not None and not isinstance(key, Read):
                made.append((Output(_generated(query.partition[0], taken), key), item.place))
        elif isinstance(item, s.StructStar):
            raise refuse("->* is not supported yet by the embedded engine", item.place)
        else:
            name = item.alias or _default_name(item.expression, taken)
            made.append((Output(name, resolver.resolve(item.expression)), item.place))
    return made


def _default_name(node: s.Expression, taken: set[str]) -> str:
    return node.name if isinstance(node, s.Name) else _generated(node, taken)


def _generated(node: s.Expression, taken: set[str]) -> str:
    """ksqlDB's names for columns without one: the field's name, or KSQL_COL_0, KSQL_COL_1 …"""
    count = 0
    if isinstance(node, s.FieldOf):
        name = node.name
        while name in taken:
            count += 1
            name = f"{node.name}_{count}"
    else:
        while (name := f"KSQL_COL_{count}") in taken:
            count += 1
    taken.add(name)
    return name


def _key(
    query: s.Select, expression: Typed | None, columns: list[tuple[Output, Place]], sink: str, refuse: Refuse
) -> Output | None:
    """The one column of the SELECT list that is the key."""
    if expression is None:
        return None
    found = [(output, place) for output, place in columns if output.expression == expression]
    if len(found) > 1:
        names = " and ".join(output.name for output, _ in found)
        reason = f"The projection contains a key column more than once: {names} (copy a key with AS_VALUE)"
        raise refuse(reason, found[1][1])
    if found:
        return found[0][0]
    node = s.Name(expression.name) if isinstance(expression, Read) else (query.partition or (s.Name("?"),))[0]
    part = "key column" if query.partition is None else "partitioning expression"
    reason = f"The query used to build `{sink}` must include the {part} {printed(node)} in its projection"
    raise refuse(f"{reason} (eg, SELECT {printed(node)}...).", query.place)


def created(statement: s.CreateAs, analysis: Analysis) -> Source:
    """The source that a CREATE STREAM AS SELECT makes."""
    refuse = refuser(statement)
    given = properties.read(statement.properties, refuse)
    source = analysis.source
    keys = () if analysis.key is None else (Column(analysis.key.name, analysis.key.expression.type),)
    if not keys and given.key_format not in (None, "NONE"):
        raise refuse("Key format specified for stream without key columns.", statement.place)
    key_format = given.key_format or source.key_format
    if keys:
        key_format = "KAFKA" if key_format == "NONE" and given.key_format is None else key_format
        if key_format == "NONE":
            raise refuse("a stream with a KEY column needs another KEY_FORMAT than NONE", statement.place)
        _check_key(keys, key_format, statement.place, refuse)
    return Source(
        statement.name,
        given.topic or statement.name,
        keys,
        tuple(Column(output.name, output.expression.type) for output in analysis.values),
        key_format=key_format,
        value_format=given.value_format or source.value_format,
        partitions=given.partitions,
        replicas=given.replicas,
        statement=statement.text,
    )


def fitted(statement: s.InsertInto, analysis: Analysis, sink: Source) -> Analysis:
    """The analysis with the sink's column names; refuses columns that the sink does not have in this order."""
    refuse = refuser(statement)
    keys = [] if analysis.key is None else [analysis.key]
    outputs = [*keys, *analysis.values]
    columns = [*sink.keys, *sink.values]
    same = [output.name for output in outputs] == [column.name for column in columns] and len(keys) == len(sink.keys)
    fits = same and all(_fits(o.expression.type, c.type) for o, c in zip(outputs, columns, strict=True))
    if not fits:
        shown = ", ".join(
            [*(f"{Column(o.name, o.expression.type)} KEY" for o in keys)]
            + [str(Column(o.name, o.expression.type)) for o in analysis.values]
        )
        reason = (
            f"Incompatible schema between results and sink. Result schema is {shown}, "
            f"but the sink schema is {sink.schema()}."
        )
        raise refuse(reason, statement.query.place)
    made = [Output(c.name, _lifted(o.expression, c.type)) for o, c in zip(outputs, columns, strict=True)]
    return replace(analysis, key=made[0] if keys else None, values=tuple(made[len(keys) :]))


def _fits(given: t.Type, wanted: t.Type) -> bool:
    return given == wanted or (t.is_numeric(given) and t.is_numeric(wanted) and t.wider(given, wanted) == wanted)


def _lifted(value: Typed, kind: t.Type) -> Typed:
    return value if value.type == kind else Operation("cast", (value,), kind)


def _check_key(keys: tuple[Column, ...], key_format: str, place: Place, refuse: Refuse) -> None:
    if len(keys) > 1:
        if key_format == "KAFKA":
            got = ", ".join(f"{key} KEY" for key in keys)
            raise refuse(f"The 'KAFKA' format only supports a single field. Got: [{got}]", place)
        raise refuse("several KEY columns are not supported yet by the embedded engine", place)
    kind = keys[0].type
    if _holds_map(kind):
        raise refuse(f"Map keys, including types that contain maps, are not supported. Column type: {kind}.", place)
    if key_format == "KAFKA" and kind not in KAFKA_KEYS:
        name = type(kind).__name__.upper() if not isinstance(kind, t.Scalar) else kind.name
        raise refuse(f"The 'KAFKA' format does not support type '{name}' (column {keys[0].name})", place)


def _holds_map(kind: t.Type) -> bool:
    match kind:
        case t.Map():
            return True
        case t.Array():
            return _holds_map(kind.element)
        case t.Struct():
            return any(_holds_map(inner) for _, inner in kind.fields)
        case _:
            return False


def _check_carried(kind: t.Type, place: Place, refuse: Refuse) -> None:
    """Refuse the types that this engine can not read and write yet, wherever they are nested."""
    inner: tuple[t.Type, ...] = ()
    match kind:
        case t.Array():
            inner = (kind.element,)
        case t.Map():
            if kind.key != t.STRING:
                raise refuse(f"JSON only supports MAP types with STRING keys, not {kind.key}", place)
            inner = (kind.value,)
        case t.Struct():
            inner = tuple(of for _, of in kind.fields)
        case t.Decimal():
            raise refuse(f"{kind} is not supported yet by the embedded engine (write 1.5E0 for a DOUBLE)", place)
        case _:
            if kind in UNCARRIED:
                raise refuse(f"{kind} is not supported yet by the embedded engine", place)
    for each in inner:
        _check_carried(each, place, refuse)
