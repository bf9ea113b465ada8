"""The TIMESTAMP property: which column a record's time comes from, and how."""

from __future__ import annotations

from streamguard.engine.analysis.metastore import Source
from streamguard.engine.language import types as t


def refusal(source: Source) -> str | None:
    """Why the timestamp column of a source is none; None when it is, or there is no such property."""
    if source.timestamp is None:
        return None
    name, pattern = source.timestamp.column, source.timestamp.pattern
    column = source.column(name)
    if column is None:
        return f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{name}'"
    if column.type == t.STRING and pattern is None:
        return f"A String timestamp field was specified without also specifying the timestamp_format: {t.quoted(name)}"
    if column.type == t.STRING:
        return None
    if pattern is not None:
        reason = "'TIMESTAMP_FORMAT' set in the WITH clause can only be used when the timestamp column is a STRING"
        return f"{reason}: {t.quoted(name)}"
    if column.type in (t.BIGINT, t.TIMESTAMP):
        return None
    return (
        f"Timestamp column, {t.quoted(name)}, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format "
        "specified"
    )
