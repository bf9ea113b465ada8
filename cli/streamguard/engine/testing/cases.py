"""A user's cases: statements, records in, records expected out, judged without any server. Pure: no files, no clock."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.codecs import Undecodable, key_decoder, key_encoder, value_decoder, value_encoder
from streamguard.engine.execution.inserts import insert
from streamguard.engine.execution.topology import Record, Topology
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from streamguard.engine.language.places import meant
from streamguard.engine.testing.differences import Wanted, Written, differences
from streamguard.errors import ProjectError, StatementError


@dataclass(frozen=True)
class Script:
    """Statements; `label` is what errors call them, the path of a file; `defined_in` says what defines variables."""

    label: str
    text: str
    defined_in: str = "`variables:` of the cases defines it"


@dataclass(frozen=True)
class Given:
    """A record that is read. `key` and `value` are JSON, or text in a format that is text; `raw` is a value's text."""

    topic: str
    key: Any = None
    value: Any = None
    time: int = 0
    window: tuple[int, int] | None = None
    raw: str | None = None


@dataclass(frozen=True)
class Case:
    """`outputs` by topic, all its records in order; `latest`, the last one of each key in any order. What is in other
    topics does not count. `errors` are parts of what goes to the processing log, in order; `error` is a part of the
    refusal of a statement."""

    name: str
    scripts: tuple[Script, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Given, ...] = ()
    outputs: Mapping[str, tuple[Wanted, ...]] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    error: str | None = None
    latest: Mapping[str, tuple[Wanted, ...]] = field(default_factory=dict)


@dataclass
class Run:
    """What exists after the statements so far; the records of every topic; what went to the processing log."""

    metastore: Metastore = field(default_factory=Metastore)
    properties: dict[str, str] = field(default_factory=dict)
    waiting: list[tuple[str, Record]] = field(default_factory=list)
    topics: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    commands: int = 0


def judge(case: Case) -> list[str]:
    """What is not as the case says: nothing when it passes.

    Raises:
        ProjectError: the case itself is wrong, a record for a topic that nothing reads.
    """
    run = Run()
    try:
        for script in case.scripts:
            execute(run, script, case.variables)
    except StatementError as exc:
        if case.error is None:
            return [f"refused: {exc}"]
        return [] if case.error in str(exc) else [f"the refusal is another one: {exc}"]
    if case.error is not None:
        return [f"all statements were taken, none was refused with {case.error!r}"]
    inserted = run.waiting
    feed(run, [*inserted, *(given_record(run.metastore, given) for given in case.inputs)])
    return compared_with(case, run.metastore, run.topics) + _log(case.errors, run.errors)


def compared_with(case: Case, metastore: Metastore, topics: Mapping[str, Sequence[Record]]) -> list[str]:
    """What is in the topics and should not be, or the other way round."""
    lines: list[str] = []
    for topic, wanted in (*case.outputs.items(), *case.latest.items()):
        source = source_of(metastore, topic, sinks=True)
        written = [written_record(source, record) for record in topics.get(topic, ())]
        if topic in case.latest:
            lines += differences(topic, sorted(wanted, key=_place), last_of_each_key(written))
        else:
            lines += differences(topic, wanted, written)
    return lines


def last_of_each_key(written: Iterable[Written]) -> list[Written]:
    """The last record of each key and window, sorted by them."""
    return sorted({_place(each): each for each in written}.values(), key=_place)


def _place(record: Wanted | Written) -> tuple[str, tuple[int, int]]:
    return json.dumps(record.key, sort_keys=True, default=str), record.window or (0, 0)


def execute(run: Run, script: Script, variables: Mapping[str, str]) -> None:
    try:
        for statement in parse(script.text, variables, run.metastore.types, defined_in=script.defined_in):
            _take(run, statement)
    except StatementError as exc:
        where = f"{script.label}, line {exc.line}, column {exc.column}" if exc.line else script.label
        raise StatementError(f"{where}: {exc.reason}{exc.excerpt}") from exc


def _take(run: Run, statement: s.Statement) -> None:
    match statement:
        case s.SetProperty(name=name, value=None):
            run.properties.pop(name, None)
        case s.SetProperty(name=name, value=str(value)):
            run.properties[name] = value
        case s.InsertValues():
            made = insert(statement, run.metastore, run.properties, now=0)
            run.waiting.append((made.topic, Record(made.value, made.key, made.time)))
        case _ if isinstance(statement, CHANGING):
            run.metastore = change(statement, run.metastore, run.commands, run.properties).metastore
            run.commands += 1
        case s.Define():
            pass
        case _:
            reason = f"{type(statement).__name__} has nothing to test: cases are about sources, queries and INSERT"
            raise StatementError(reason, line=statement.place.line, column=statement.place.column)


def feed(run: Run, records: Sequence[tuple[str, Record]]) -> None:
    """Each record goes to all queries over its topic; what they write is read by others before the next record."""
    plans = {query.id: query.plan for query in run.metastore.queries.values() if not query.paused}
    topology = Topology(plans, lambda _record, query, reason: run.errors.append(f"{query}: {reason}"))
    for given in records:
        waiting = [given]
        while waiting:
            topic, record = waiting.pop(0)
            offset = len(run.topics[topic])
            run.topics[topic].append(record)
            if topic in topology.topics:
                waiting += topology.process(topic, record.at(offset))


def source_of(metastore: Metastore, topic: str, *, sinks: bool = False) -> Source:
    """A source over the topic, for outputs one that a query writes."""
    found = [source for source in metastore.sources.values() if source.topic == topic]
    written = [query.plan.sink for query in metastore.queries.values() if query.plan.sink and query.plan.sink in found]
    if sinks and written:
        return written[0]
    if not found:
        known = {source.topic for source in metastore.sources.values()}
        raise ProjectError(f"no stream or table has the topic {topic}{meant(topic, known)}")
    return found[0]


def given_record(metastore: Metastore, given: Given) -> tuple[str, Record]:
    source = source_of(metastore, given.topic)
    value = given.raw.encode() if given.raw is not None else _value_bytes(source, given.value)
    return given.topic, Record(value, _key_bytes(source, given.key, given.window), given.time)


def _value_bytes(source: Source, value: Any) -> bytes | None:
    if value is None or source.value_format == "NONE":
        return None
    if source.value_format == "JSON":
        return _json(value)
    if isinstance(value, str) and source.value_format == "DELIMITED":
        return value.encode()
    row = value if isinstance(value, Mapping) else {column.name: value for column in source.values[:1]}
    upper = {str(name).upper(): each for name, each in row.items()}
    wanted = {column.name: row.get(column.name, upper.get(column.name)) for column in source.values}
    return _encoded(source, lambda: value_encoder(source.values, source.value_format, source.value_options)(wanted))


def _key_bytes(source: Source, key: Any, window: tuple[int, int] | None) -> bytes | None:
    if key is None or source.key_format == "NONE":
        return None
    if source.window is not None and window is None:
        raise ProjectError(f"a key of {source.name} has a window: give `window: [start, end]`")
    if source.key_format == "JSON" and window is None:
        return _json(key)
    row = key if isinstance(key, Mapping) else {column.name: key for column in source.keys[:1]}
    upper = {str(name).upper(): each for name, each in row.items()}
    values = tuple(row.get(column.name, upper.get(column.name)) for column in source.keys)
    if not source.keys:
        return str(key).encode()  # nothing reads it
    encode = key_encoder(source.keys, source.key_format, source.key_options, source.window)
    return _encoded(source, lambda: encode(values, *(window or ())))


def _encoded(source: Source, encode: Any) -> bytes | None:
    try:
        made: bytes | None = encode()
    except Exception as exc:
        raise ProjectError(f"a record does not fit the columns of {source.name}: {source.schema()}") from exc
    return made


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def written_record(source: Source, record: Record) -> Written:
    key, window = _key(source, record.raw_key)
    return Written(key, _value(source, record.raw_value), record.time, window)


def _key(source: Source, raw: bytes | None) -> tuple[Any, tuple[int, int] | None]:
    if raw is None or not source.keys:
        return None, None
    if source.window is None and source.key_format == "JSON":
        return json.loads(raw, parse_float=Decimal), None
    if source.window is None and source.key_format == "DELIMITED":
        return raw.decode(), None
    values = key_decoder(source.keys, source.key_format, source.key_options, source.window)(raw)
    inner = list(values[: len(source.keys)])
    window = (values[-2], values[-1]) if source.window is not None else None
    named = {column.name: value for column, value in zip(source.keys, inner, strict=True)}
    return named if len(inner) > 1 else inner[0], window


def _value(source: Source, raw: bytes | None) -> Any:
    if raw is None:
        return None
    if source.value_format == "JSON":
        return json.loads(raw, parse_float=Decimal)
    if source.value_format == "DELIMITED":
        return raw.decode()
    try:
        return value_decoder(source.values, source.value_format, source.value_options)(raw)
    except Undecodable:
        return repr(raw)


def _log(wanted: Sequence[str], errors: Sequence[str]) -> list[str]:
    """What went to the processing log, against what was expected there."""
    lines = []
    for number, part in enumerate(wanted):
        if number >= len(errors):
            lines.append(f"the processing log has no {part!r}")
        elif part not in errors[number]:
            lines.append(f"the processing log has {errors[number]!r}, not {part!r}")
    return lines + [f"to the processing log went {error!r}" for error in errors[len(wanted) :]]
