"""INSERT INTO … VALUES: one record, from constant expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from streamguard.engine.analysis.coerce import Mismatch, assigned
from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.analysis.refusals import Refuse, listed, refuser
from streamguard.engine.analysis.resolve import PSEUDO, Resolver
from streamguard.engine.analysis.typed import Typed
from streamguard.engine.codecs import key_encoder, value_encoder
from streamguard.engine.execution.emit import FAILURES, Emitter
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.places import Place
from streamguard.engine.language.wording import text

ROWTIME = "ROWTIME"


@dataclass(frozen=True)
class Insertion:
    """The record that an INSERT INTO … VALUES writes; `time` in ms."""

    source: Source
    key: bytes | None
    value: bytes | None
    time: int

    @property
    def topic(self) -> str:
        """Where it goes."""
        return self.source.topic


def insert(statement: s.InsertValues, metastore: Metastore, session: Mapping[str, str], now: int) -> Insertion:
    """The record; `now` in ms is its time unless it has a ROWTIME.

    Raises:
        AnalysisError: no such source, not one to insert into, or values that do not fit its columns.
    """
    refuse = refuser(statement)
    source = _target(statement, metastore, refuse)
    resolver = Resolver(Source("VALUES", "", (), ()), None, refuse, pseudo={}, properties=session)
    resolver.clause = "VALUES"
    values = _values(statement, source, resolver, refuse)
    time = values.pop(ROWTIME, None)
    if source.is_table and any(values.get(key.name) is None for key in source.keys):
        names = listed([f"`{key.name}`" for key in source.keys])
        reason = f"Value for primary key column(s) {names} is required for tables"
        raise _failed(source, reason, statement.place, refuse)
    key = key_encoder(source.keys, source.key_format, source.key_options)
    value = value_encoder(source.values, source.value_format, source.value_options)
    keys = tuple(values.get(column.name) for column in source.keys)
    given = any(column.name in values for column in source.keys)
    row = {column.name: values.get(column.name) for column in source.values}
    return Insertion(source, key(keys) if given else None, value(row), now if time is None else time)


def _target(statement: s.InsertValues, metastore: Metastore, refuse: Refuse) -> Source:
    name, place = statement.target, statement.target_place
    source = metastore.source(name)
    if source is None:
        reason = f"Cannot insert values into an unknown stream/table: {t.quoted(name)}"
        other = next((each for each in metastore.sources if each.upper() == name.upper()), None)
        if other is not None:
            reason += f"\nDid you mean {other}? Hint: try removing double quotes from the source name."
        raise refuse(reason, place)
    if source.is_source:
        raise refuse(f"Cannot insert values into read-only {source.kind.lower()}: {name}", place)
    if source.window is not None:
        raise refuse("Cannot insert values into windowed stream/table!", place)
    return source


def _values(statement: s.InsertValues, source: Source, resolver: Resolver, refuse: Refuse) -> dict[str, Any]:
    """The value of each column that is given one."""
    kinds = {column.name: column.type for column in source.columns} | {ROWTIME: t.BIGINT}
    headers = [column.name for column in source.headers]
    names = statement.columns
    if names is None:
        names = tuple([column.name for column in source.columns] + headers)
        if len(names) != len(statement.values):
            shown = ", ".join(t.quoted(name) for name in names)
            reason = (
                f"Expected a value for each column. Expected Columns: [{shown}]. Got {len(statement.values)} values"
            )
            raise _failed(source, reason, statement.place, refuse)
    if len(names) != len(statement.values):
        reason = f"Expected number columns and values to match: {len(names)} columns, {len(statement.values)} values"
        raise _failed(source, reason, statement.place, refuse)
    if wrong := [name for name in names if name in headers]:
        raise refuse(f"Cannot insert into HEADER columns: {', '.join(wrong)}", statement.place)
    made: dict[str, Any] = {}
    for name, node in zip(names, statement.values, strict=True):
        if name in PSEUDO and name != ROWTIME:
            raise _failed(source, f"Inserting into column {t.quoted(name)} is not allowed.", node.place, refuse)
        if name not in kinds:
            raise _failed(source, f"Column name {t.quoted(name)} does not exist.", node.place, refuse)
        try:
            value = assigned(resolver, node, kinds[name])
        except Mismatch:
            got = f"{resolver.resolve(node).type}({text(node)})"
            reason = f"Expected type {kinds[name]} for field {t.quoted(name)} but got {got}"
            raise _failed(source, reason, node.place, refuse) from None
        made[name] = _evaluated(value, node.place, partial(_failed, source, refuse=refuse))
    return made


def _evaluated(expression: Typed, place: Place, failed: Callable[[str, Place], Exception]) -> Any:
    emitter = Emitter({})
    code = emitter.emit(expression)
    try:
        return eval(code.text, emitter.namespace)  # noqa: S307  our own text
    except FAILURES as exc:
        raise failed(str(exc), place) from None


def _failed(source: Source, reason: str, place: Place, refuse: Refuse) -> Exception:
    return refuse(f"Failed to insert values into '{source.name}'. {reason}", place)
