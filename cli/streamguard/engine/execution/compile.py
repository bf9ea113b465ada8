"""Plans to one Python function for all queries that read a topic.

Each record is decoded once, every query evaluated, state updated, and each result given to `produce`.

The function is generated as source (kept as ``function.source``) because that is the quickest that Python can be:
columns are local variables, conditions and expressions plain Python, and nothing is looked up or called needlessly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Protocol

import orjson

from streamguard.engine.analysis.grouping import Grouping
from streamguard.engine.analysis.metastore import Source
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.analysis.typed import Pseudo, Read, Typed, walk
from streamguard.engine.analysis.windows import SessionWindows
from streamguard.engine.codecs import Misfit, Undecodable, extractor, key_decoder
from streamguard.engine.codecs.json import shown
from streamguard.engine.codecs.keys import BOUND, BOUNDS
from streamguard.engine.execution.decode import Decoding
from streamguard.engine.execution.emit import FAILURES, Emitter
from streamguard.engine.execution.grouped import groups_of
from streamguard.engine.execution.groups import keeps_group_key
from streamguard.engine.execution.headers import all_headers, last_header
from streamguard.engine.execution.rows import Tombstone
from streamguard.engine.execution.state import KeyedStore, Partitions, SessionStore, State, WindowStore
from streamguard.engine.execution.writing import Writer, indented, table_calls
from streamguard.engine.language import types as t
from streamguard.errors import QueryStopped

PSEUDO = {
    "ROWTIME": ("time", t.BIGINT),
    "ROWPARTITION": ("message.partition()", t.INTEGER),
    "ROWOFFSET": ("message.offset()", t.BIGINT),
    "WINDOWSTART": ("window_start", t.BIGINT),
    "WINDOWEND": ("window_end", t.BIGINT),
}


NOTHING: Mapping[str, int] = MappingProxyType({})


class MessageLike(Protocol):
    """The part of `confluent_kafka.Message` that queries read."""

    def value(self) -> bytes | None: ...
    def key(self) -> bytes | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def headers(self) -> Any: ...


OnError = Callable[[Any, str, str], None]
Run = Callable[[Sequence[MessageLike], Callable[..., Any], OnError], dict[str, int]]
"""Returns how many results each query made, by query id."""


def new_state(plan: QueryPlan) -> State:
    """The empty memory of a query."""
    window = None if plan.grouping is None else plan.grouping.window
    if window is None:
        return State(Partitions(KeyedStore), Partitions(KeyedStore))
    make = SessionStore if isinstance(window, SessionWindows) else WindowStore
    return State(Partitions(partial(make, window.retention)), Partitions(KeyedStore))


def compile_source(
    plans: Mapping[str, QueryPlan],
    states: Mapping[str, State] | None = None,
    partitions: Mapping[str, int] = NOTHING,
) -> Run:
    """One function for queries that read one topic, by query id: ``run(messages, produce, on_error)``.

    It calls ``produce(topic, value=…, key=…, timestamp=…, headers=…)`` for each result, in the order of the queries,
    and ``on_error(message, query_id, reason)`` where ksqlDB writes to its processing log: a record that can not be
    decoded is skipped by every query, an expression that fails is null. A push query (no sink) calls ``produce(row)``.

    `states` is the memory of queries that have one (`QueryPlan.stateful`), by query id; without it they start empty.
    With the `partitions` of topics, results with windows are placed: ``produce(…, partition=…)``.
    """
    known = {query_id: new_state(plan) for query_id, plan in plans.items() if plan.stateful} | dict(states or {})
    by_source: dict[Source, dict[str, QueryPlan]] = {}
    for query_id, plan in plans.items():
        by_source.setdefault(plan.source, {})[query_id] = plan
    if len({source.topic for source in by_source}) > 1:
        raise ValueError("the queries read different topics")
    functions = [_compile(source, group, known, partitions) for source, group in by_source.items()]
    if len(functions) == 1:
        return functions[0]

    def run(messages: Sequence[MessageLike], produce: Callable[..., Any], on_error: OnError) -> dict[str, int]:
        made: dict[str, int] = {}
        for function in functions:
            made |= function(messages, produce, on_error)
        return made

    return run


def _compile(
    source: Source, plans: Mapping[str, QueryPlan], states: Mapping[str, State], partitions: Mapping[str, int]
) -> Run:
    text, namespace = generated(source, plans, states, partitions)
    exec(compile(text, f"<ksql {source.name}>", "exec"), namespace)  # noqa: S102  our own text
    run: Run = namespace["run"]
    run.source = text  # type: ignore[attr-defined]
    return run


def generated(
    source: Source,
    plans: Mapping[str, QueryPlan],
    states: Mapping[str, State],
    partitions: Mapping[str, int] = NOTHING,
) -> tuple[str, dict[str, Any]]:
    """The source of the function and the objects that it refers to."""
    return _Function(source, plans, states, partitions).written()


class _Function:
    """Writes one function."""

    def __init__(
        self,
        source: Source,
        plans: Mapping[str, QueryPlan],
        states: Mapping[str, State],
        partitions: Mapping[str, int],
    ) -> None:
        self.source = source
        self.plans = plans
        self.used = [expression for plan in plans.values() for expression in _expressions(plan)]
        if source.timestamp is not None:
            column = source.column(source.timestamp.column)
            assert column is not None
            self.used.append(Read(column.name, column.type, column in source.keys))
        self.emitter = Emitter({Pseudo(name, kind): text for name, (text, kind) in PSEUDO.items()})
        self.decoding = Decoding(source, self.emitter, self.used)
        self.emitter.names.update(self.decoding.names)
        self.conditions: dict[Typed, str] = {}
        self.numbers = {query_id: number for number, query_id in enumerate(plans)}
        self.counts = {query_id: f"made_{number}" for query_id, number in self.numbers.items()}
        self.writer = Writer(source, self.emitter, partitions)
        self.key_lines = self._key_lines()
        self.header_lines = self._header_lines()
        self.groups = {
            query_id: groups_of(plan)(self.writer, query_id, plan, self.numbers[query_id], self.counts[query_id])
            for query_id, plan in plans.items()
            if plan.grouping is not None
        }
        self.stores = {
            f"{part}_{number}": getattr(states[query_id], part)
            for query_id, number in self.numbers.items()
            if query_id in states
            for part in ("results", "inputs")
        }

    def written(self) -> tuple[str, dict[str, Any]]:
        """The whole text and its namespace."""
        ids = ", ".join(map(repr, self.plans)) + ","
        lines = ["def run(messages, produce, on_error):"]
        lines += [
            f"    {' = '.join(self.counts.values())} = 0",
            "    for message in messages:",
            *indented(2, self._prologue()),
            *indented(2, self.decoding.lines(self._refused("value"))),
            *indented(2, self._timestamp()),
            "        if row is None:",
            *indented(3, [*self._tombstones(), "continue"]),
            *indented(2, self._shared_conditions()),
        ]
        for query_id, plan in self.plans.items():
            lines += indented(2, self._query(query_id, plan))
        lines.append(f"    return {{{', '.join(f'{query_id!r}: {name}' for query_id, name in self.counts.items())}}}")
        for groups in self.groups.values():
            lines += groups.functions()
        return f"# queries {ids}\n" + "\n".join(lines) + "\n", self._namespace()

    def _namespace(self) -> dict[str, Any]:
        return {
            **self.emitter.namespace,
            **self.stores,
            "IDS": tuple(self.plans),
            "FAILURES": FAILURES,
            "Misfit": Misfit,
            "Tombstone": Tombstone,
            "Undecodable": Undecodable,
            "all_headers": all_headers,
            "dumps": orjson.dumps,
            "zip_longest": zip_longest,
            "failure": failure,
            "last_header": last_header,
            "pack_bounds": BOUNDS.pack,
            "pack_start": BOUND.pack,
            "shown": shown,
            "stop": stop,
        }

    def _prologue(self) -> list[str]:
        lines = ["raw = message.value()", "time = message.timestamp()[1]"]
        if self.header_lines or any(plan.sink for plan in self.plans.values()):
            lines.append("headers = message.headers()")
        return [*lines, *self.header_lines, *self.key_lines]

    def _header_lines(self) -> list[str]:
        """Take columns out of the record's headers, those that are used."""
        lines = []
        read = {part for expression in self.used for part in walk(expression) if isinstance(part, Read)}
        for number, column in enumerate(self.source.headers):
            node = Read(column.name, column.type, is_key=False)
            if node in read:
                self.emitter.names[node] = f"header_{number}"
                taken = f"last_header(headers, {column.header!r})" if column.header else "all_headers(headers)"
                lines.append(f"header_{number} = {taken}")
        return lines

    def _key_lines(self) -> list[str]:
        """Take the key apart, when it is used or could be refused. A table has no row without a key."""
        if not self.source.keys:
            return []
        lines = ["raw_key = message.key()"] if self._needs_raw_key() else []
        if self.source.is_table:
            lines = ["raw_key = message.key()", "if raw_key is None: continue"]
        reads = [Read(column.name, column.type, is_key=True) for column in self.source.keys]
        plain = self.source.key_format == "KAFKA" and [key.type for key in self.source.keys] == [t.STRING]
        names = [f"key_{number}" for number in range(len(reads))]
        self.emitter.names.update(zip(reads, names, strict=True))
        if plain and self.source.window is None and not self._reads_key():
            return lines
        if self.source.window is not None:
            names += ["window_start", "window_end"]
        source = self.source
        decode = self.emitter.share(
            "decode_key", key_decoder(source.keys, source.key_format, source.key_options, source.window)
        )
        return [
            "raw_key = message.key()",
            *([lines[1]] if source.is_table else []),
            "if raw_key is None:",
            f"    {' = '.join(names)} = None",
            "else:",
            "    try:",
            f"        {', '.join(names)}, = {decode}(raw_key)",
            "    except Undecodable as exc:",
            *indented(2, self._refused("key")),
        ]

    def _needs_raw_key(self) -> bool:
        grouped = any(plan.grouping is not None and plan.grouping.unchanged for plan in self.plans.values())
        windowed = self.source.window is not None
        several = len(self.source.keys) > 1
        return grouped or windowed or several or any(map(self.writer.keeps_key, self.plans.values()))

    def _reads_key(self) -> bool:
        """Whether the key's value is needed, not only its bytes."""
        for plan in self.plans.values():
            if plan.grouping is not None and plan.grouping.changes is not None:
                return True
            used = [output.expression for output in plan.values] + ([] if plan.where is None else [plan.where])
            if plan.grouping is not None and keeps_group_key(self.source, plan):
                having = plan.grouping.having
                used += [*_arguments(plan.grouping), *([] if having is None else [having])]
            elif not self.writer.keeps_key(plan):
                used += _expressions(plan)
            if any(isinstance(part, Read) and part.is_key for each in used for part in walk(each)):
                return True
        return self.source.timestamp is not None

    def _refused(self, target: str) -> list[str]:
        return [f"for query in IDS: on_error(message, query, Misfit(exc, {target!r}))", "continue"]

    def _timestamp(self) -> list[str]:
        """The record's time from its TIMESTAMP column; a record without a value keeps its own."""
        stamp = self.source.timestamp
        if stamp is None:
            return []
        column = self.source.column(stamp.column)
        assert column is not None
        read = self.emitter.names[Read(column.name, column.type, column in self.source.keys)]
        extract = self.emitter.share("extract", extractor(column.type, stamp.pattern))
        return [
            "if row is not None:",
            "    try:",
            f"        time = {extract}({read})",
            "    except FAILURES as exc:",
            *(["        stop(exc, message)"] if any(plan.strict_time for plan in self.plans.values()) else []),
            f"        for query in IDS: on_error(message, query, failure(exc, {stamp.column!r}))",
            "        continue",
        ]

    def _tombstones(self) -> list[str]:
        """A record without a value: a table's row goes; of a stream, a filter drops it, others pass it on."""
        lines: list[str] = []
        for query_id, plan in self.plans.items():
            self.emitter.never_null = set()
            if plan.grouping is not None:
                lines += self.groups[query_id].without_row()
            elif self.source.is_table and plan.where is not None:
                lines += self._dropped(query_id, plan)
            elif plan.where is None and not table_calls(plan) and (plan.sink is not None or self.source.is_table):
                lines += self._gone(query_id, plan)
        return lines

    def _gone(self, query_id: str, plan: QueryPlan) -> list[str]:
        before, key = self.writer.key_without_row(query_id, plan)
        made = self.writer.tombstone(plan, key)
        return [*before, *made, f"{self.counts[query_id]} += 1"] if made else []

    def _dropped(self, query_id: str, plan: QueryPlan) -> list[str]:
        """A row of a table that is gone, or that WHERE does not let pass: told only if it was there."""
        return [
            f"store = inputs_{self.numbers[query_id]}[message.partition()]",
            "if raw_key in store.rows:",
            "    store.delete(raw_key)",
            *indented(1, self._gone(query_id, plan)),
        ]

    def _shared_conditions(self) -> list[str]:
        """Conditions that several queries have are computed once."""
        self.emitter.never_null = set()
        lines = []
        counts = Counter(plan.where for plan in self.plans.values() if plan.where is not None)
        for where, count in counts.items():
            code = self.emitter.emit(where)
            if count > 1 and not code.fails and len(code.text) > 40:
                self.conditions[where] = f"where_{len(self.conditions)}"
                lines.append(f"{self.conditions[where]} = {code.text}")
        return lines

    def _query(self, query_id: str, plan: QueryPlan) -> list[str]:
        self.emitter.never_null = set()
        if plan.where is None:
            return self._results(query_id, plan)
        if plan.where in self.conditions:
            lines = [f"if {self.conditions[plan.where]}:"]
        else:
            code = self.emitter.emit(plan.where)
            before, text = self.writer.caught(code, query_id, "WHERE", force=code.fails)
            lines = [*before, f"if {text}:"]
        self.emitter.without_null(plan.where)
        lines += indented(1, self._results(query_id, plan))
        if self.source.is_table:
            groups = self.groups.get(query_id)
            dropped = groups.without_row() if groups else self._dropped(query_id, plan)
            lines += ["else:", *indented(1, dropped)]
        return lines

    def _results(self, query_id: str, plan: QueryPlan) -> list[str]:
        groups = self.groups.get(query_id)
        if groups is not None:
            return groups.passed()
        lines = []
        if self.source.is_table and plan.where is not None:
            lines = [f"inputs_{self.numbers[query_id]}[message.partition()].put(raw_key, [])"]
        return [*lines, *self.writer.results(query_id, plan, self.counts[query_id])]


def failure(exc: Exception, what: str) -> str:
    """The reason of a failed expression; it names no data."""
    return f"{what}: {exc}" if str(exc) else f"{what}: {type(exc).__name__}"


def stop(exc: Exception, message: MessageLike) -> None:
    """End the query: it is told not to pass over records that have no time."""
    raise QueryStopped(
        "Fatal user code error in TimestampExtractor callback for record at "
        f"partition {message.partition()}, offset {message.offset()}: {exc}"
    ) from None


def _expressions(plan: QueryPlan) -> list[Typed]:
    """Every expression of a query that is evaluated on the records of its source."""
    made = [] if plan.where is None else [plan.where]
    if plan.grouping is None:
        return [*made, *(output.expression for output in (*plan.keys, *plan.values))]
    return [*made, *plan.grouping.by, *_arguments(plan.grouping)]


def _arguments(grouping: Grouping) -> list[Typed]:
    """What its aggregations are given."""
    made = [argument for each in grouping.aggregations for argument in each.arguments]
    changes = grouping.changes
    if changes is None:
        return made
    return [*made, changes.had, changes.has, *(argument for each in changes.old for argument in each)]
