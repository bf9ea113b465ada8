"""CREATE STREAM and CREATE TABLE with columns: the source that is declared, and ksqlDB's rules for it."""

from __future__ import annotations

from collections.abc import Mapping

from streamguard.engine.analysis import properties, resolve, schemas, timestamps
from streamguard.engine.analysis.metastore import Column, FormatOptions, HeaderColumn, Source
from streamguard.engine.analysis.refusals import Refuse, refuser
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.places import Place

DEFAULT_KEY_FORMAT = "ksql.persistence.default.format.key"
DEFAULT_VALUE_FORMAT = "ksql.persistence.default.format.value"
WRAP_SINGLE_VALUES = "ksql.persistence.wrap.single.values"
RESERVED = (*resolve.PSEUDO, "WINDOWSTART", "WINDOWEND")
HEADERS_TYPE = t.Array(t.Struct((("KEY", t.STRING), ("VALUE", t.BYTES))))
NO_VALUE_FORMAT = (
    "Statement is missing the 'VALUE_FORMAT' property from the WITH clause. Either provide one or set a default via "
    f"the '{DEFAULT_VALUE_FORMAT}' config."
)


def declared(statement: s.CreateSource, session: Mapping[str, str]) -> Source:
    """The source that a CREATE STREAM or TABLE with columns declares; `session`: properties of the session."""
    refuse = refuser(statement)
    given = properties.read(statement.properties, refuse)
    if given.topic is None:
        raise refuse('Missing required property "KAFKA_TOPIC" which has no default value.', statement.place)
    value_format = given.value_format or default_format(session, DEFAULT_VALUE_FORMAT)
    if value_format is None:
        raise refuse(NO_VALUE_FORMAT, statement.place)
    _check_columns(statement, refuse)
    keys = tuple(Column(each.name, each.type) for each in statement.columns if each.is_key)
    values = tuple(
        Column(each.name, each.type) for each in statement.columns if not each.is_key and each.header is None
    )
    headers = tuple(
        HeaderColumn(each.name, each.type, each.header) for each in statement.columns if each.header is not None
    )
    if given.window is not None and not keys:
        raise refuse("Windowed sources require a key column.", statement.place)
    source = Source(
        statement.name,
        given.topic,
        keys,
        values,
        key_format=given.key_format or default_format(session, DEFAULT_KEY_FORMAT) or "KAFKA",
        value_format=value_format,
        kind=statement.kind,
        partitions=given.partitions,
        replicas=given.replicas,
        retention_ms=given.retention_ms,
        window=given.window,
        timestamp=given.timestamp,
        key_options=given.key_options,
        value_options=wrapping(given.value_options, value_format, values, session),
        headers=headers,
        is_source=statement.is_source,
        statement=statement.text,
    )
    reason = properties.misplaced_delimiter(given, source.key_format, source.value_format)
    reason = reason or properties.misplaced_retention(given, statement.kind, windowed=False)
    if reason is not None:
        raise refuse(reason, statement.place)
    check(source, statement.place, refuse)
    return source


def check(source: Source, place: Place, refuse: Refuse) -> None:
    """Refuse columns that the formats do not carry, and a timestamp that is none."""
    reason = schemas.refusal(source) or timestamps.refusal(source)
    if reason is not None:
        raise refuse(reason, place)


def default_format(session: Mapping[str, str], name: str) -> str | None:
    """The format that the session has as its default."""
    found = session.get(name)
    return found.upper() if found else None


def wrapping(
    options: FormatOptions, form: str, values: tuple[Column, ...], session: Mapping[str, str]
) -> FormatOptions:
    """The options with the session's default of wrapping a single column, where that applies."""
    if options.wrap is None and WRAP_SINGLE_VALUES in session and len(values) == 1 and form == "JSON":
        return FormatOptions(options.delimiter, session[WRAP_SINGLE_VALUES].lower() == "true")
    return options


def _check_columns(statement: s.CreateSource, refuse: Refuse) -> None:
    if not statement.columns:
        raise refuse("No columns supplied.", statement.place)
    _check_headers(statement, refuse)
    seen: set[str] = set()
    for column in statement.columns:
        _check_key(statement, column, refuse)
        if column.name in seen:
            part = "key" if column.is_key else "value"
            raise refuse(f"Duplicate {part} columns found in schema: {Column(column.name, column.type)}", column.place)
        refuse_reserved(column, refuse)
        seen.add(column.name)
    if statement.kind == "TABLE" and not any(column.is_key for column in statement.columns):
        reason = "Tables require a PRIMARY KEY. Please define the PRIMARY KEY."
        raise refuse(reason, statement.place)


def refuse_reserved(column: s.Column, refuse: Refuse) -> None:
    """Refuse a column with the name of a pseudo column."""
    if column.name in RESERVED:
        reason = f"'{column.name}' is a reserved column name. You cannot use it as a name for a column."
        raise refuse(reason, column.place)


def _check_headers(statement: s.CreateSource, refuse: Refuse) -> None:
    """HEADERS stands alone, HEADER('k') once for each name, and each has the one type that it can have."""
    seen: set[str] = set()
    for column in statement.columns:
        if column.header is None:
            continue
        named = f"HEADER('{column.header}')" if column.header else "HEADERS"
        wanted = t.BYTES if column.header else HEADERS_TYPE
        if column.type != wanted:
            reason = f"Invalid type for {named} column: expected {wanted}, got {column.type}"
            raise refuse(reason, column.place)
        if "" in seen or (seen and not column.header):
            raise refuse("Schema already contains a HEADERS column.", column.place)
        if column.header in seen:
            raise refuse(f"Schema already contains a {named} column.", column.place)
        seen.add(column.header)


def _check_key(statement: s.CreateSource, column: s.Column, refuse: Refuse) -> None:
    if not column.is_key or column.is_primary == (statement.kind == "TABLE"):
        return
    wrong, right = ("PRIMARY KEY", "KEY") if column.is_primary else ("KEY", "PRIMARY KEY")
    reason = (
        f"Line: {column.place.line}, Col: {column.place.column}: Column `{column.name}` is a '{wrong}' column: "
        f"please use '{right}' for {statement.kind.lower()}s.\n"
        "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
        "Streams have KEYs, which have no uniqueness or NON NULL constraints."
    )
    raise refuse(reason, column.place)
