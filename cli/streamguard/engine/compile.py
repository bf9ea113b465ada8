"""Plans to one Python function for all queries that read a topic.

Each record is decoded once, every query evaluated, and each result given to `produce`.

The function is generated as source (kept as ``function.source``) because that is the quickest that Python can be:
columns are local variables, conditions and expressions plain Python, and nothing is looked up or called needlessly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from streamguard.engine import formats
from streamguard.engine import types as t
from streamguard.engine.analyze import Output
from streamguard.engine.decode import Decoding
from streamguard.engine.emit import FAILURES, Code, Emitter
from streamguard.engine.metastore import Source
from streamguard.engine.plan import QueryPlan
from streamguard.engine.typed import Operation, Pseudo, Read, Typed, is_constant, walk

INDENT = "    "
PSEUDO = {"ROWTIME": "time", "ROWPARTITION": "message.partition()", "ROWOFFSET": "message.offset()"}


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


def compile_source(plans: Mapping[str, QueryPlan]) -> Run:
    """One function for queries that read one topic, by query id: ``run(messages, produce, on_error)``.

    It calls ``produce(topic, value=…, key=…, timestamp=…, headers=…)`` for each result, in the order of the queries,
    and ``on_error(message, query_id, reason)`` where ksqlDB writes to its processing log: a record that can not be
    decoded is skipped by every query, an expression that fails is null. A push query (no sink) calls ``produce(row)``.
    """
    by_source: dict[Source, dict[str, QueryPlan]] = {}
    for query_id, plan in plans.items():
        by_source.setdefault(plan.source, {})[query_id] = plan
    if len({source.topic for source in by_source}) > 1:
        raise ValueError("the queries read different topics")
    functions = [_compile(source, group) for source, group in by_source.items()]
    if len(functions) == 1:
        return functions[0]

    def run(messages: Sequence[MessageLike], produce: Callable[..., Any], on_error: OnError) -> dict[str, int]:
        made: dict[str, int] = {}
        for function in functions:
            made |= function(messages, produce, on_error)
        return made

    return run


def _compile(source: Source, plans: Mapping[str, QueryPlan]) -> Run:
    text, namespace = generated(source, plans)
    exec(compile(text, f"<ksql {source.name}>", "exec"), namespace)  # noqa: S102  our own text
    run: Run = namespace["run"]
    run.source = text  # type: ignore[attr-defined]
    return run


def generated(source: Source, plans: Mapping[str, QueryPlan]) -> tuple[str, dict[str, Any]]:
    """The source of the function and the objects that it refers to."""
    return _Function(source, plans).written()


class _Function:
    """Writes one function."""

    def __init__(self, source: Source, plans: Mapping[str, QueryPlan]) -> None:
        self.source = source
        self.plans = plans
        self.used = [expression for plan in plans.values() for expression in _expressions(plan)]
        self.parts = {part for expression in self.used for part in walk(expression)}
        self.emitter = Emitter({Pseudo(name, kind): text for name, text, kind in _pseudo()})
        self.decoding = Decoding(source, self.emitter, self.used)
        self.emitter.names.update(self.decoding.names)
        self.conditions: dict[Typed, str] = {}
        self.counts = {query_id: f"made_{number}" for number, query_id in enumerate(plans)}
        self.key_lines = self._key_lines()

    def written(self) -> tuple[str, dict[str, Any]]:
        """The whole text and its namespace."""
        ids = ", ".join(map(repr, self.plans)) + ","
        lines = [
            "def run(messages, produce, on_error):",
            f"    {' = '.join(self.counts.values())} = 0",
            "    for message in messages:",
            *_indented(2, self._prologue()),
            *_indented(2, self._decode()),
            "        if row is None:",
            *_indented(3, [*self._tombstones(), "continue"]),
            *_indented(2, self._shared_conditions()),
        ]
        for query_id, plan in self.plans.items():
            lines += _indented(2, self._query(query_id, plan))
        lines.append(f"    return {{{', '.join(f'{query_id!r}: {name}' for query_id, name in self.counts.items())}}}")
        namespace = {
            **self.emitter.namespace,
            "IDS": tuple(self.plans),
            "FAILURES": FAILURES,
            "TEXTS": frozenset((str, type(None))),
            "Undecodable": formats.Undecodable,
            "dumps": orjson.dumps,
            "failure": failure,
            "general": formats.decoder([(name, node.type) for node, name in self.decoding.wanted]),
            "join": "".join,
            "loads": orjson.loads,
            "shown": formats.shown,
            "unusual": formats.unusual,
        }
        return f"# queries {ids}\n" + "\n".join(lines) + "\n", namespace

    def _prologue(self) -> list[str]:
        lines = ["raw = message.value()", "time = message.timestamp()[1]", "headers = message.headers()"]
        if not any(plan.sink for plan in self.plans.values()):
            lines.pop()
        return [*lines, *self.key_lines]

    def _key_lines(self) -> list[str]:
        """Take the key apart, when it is used or could be refused."""
        if not self.source.keys:
            return []
        column = self.source.keys[0]
        node = Read(column.name, column.type, is_key=True)
        lines = ["raw_key = message.key()"] if any(map(self._is_same_key, self.plans.values())) else []
        plain = column.type == t.STRING and self.source.key_format == "KAFKA"
        if plain and not self._reads_key(node):
            return lines
        self.emitter.names[node] = "key"
        decode = self.emitter.share("decode_key", formats.key_decoder(column.type, self.source.key_format))
        return [
            "raw_key = message.key()",
            "try:",
            f"    key = None if raw_key is None else {decode}(raw_key)",
            "except Undecodable as exc:",
            "    for query in IDS: on_error(message, query, str(exc))",
            "    continue",
        ]

    def _reads_key(self, node: Read) -> bool:
        """Whether the key's value is needed, not only its bytes."""
        for plan in self.plans.values():
            others = [output.expression for output in plan.values] + ([] if plan.where is None else [plan.where])
            if plan.key is not None and not self._is_same_key(plan):
                others.append(plan.key.expression)
            if any(part == node for other in others for part in walk(other)):
                return True
        return False

    def _is_same_key(self, plan: QueryPlan) -> bool:
        """Whether the result has the record's own key, byte by byte."""
        if plan.key is None or plan.sink is None or not self.source.keys:
            return False
        column = self.source.keys[0]
        same = plan.key.expression == Read(column.name, column.type, is_key=True)
        return same and column.type == t.STRING and plan.sink.key_format == self.source.key_format == "KAFKA"

    def _decode(self) -> list[str]:
        return [
            "row = None",
            "if raw is not None:",
            "    try:",
            "        row = value = loads(raw)",
            "        if type(value) is not dict: unusual()",
            *_indented(2, self.decoding.quick),
            "    except Exception:",
            "        try:",
            "            row = general(raw)",
            "        except Undecodable as exc:",
            "            for query in IDS: on_error(message, query, str(exc))",
            "            continue",
            *_indented(2, self.decoding.general),
        ]

    def _tombstones(self) -> list[str]:
        """A record without a value: a filter drops it, other queries pass it on with its key."""
        lines: list[str] = []
        for query_id, plan in self.plans.items():
            if plan.where is None and plan.sink is not None:
                self.emitter.never_null = set()
                before, key = self._key(query_id, plan) if self._needs_only_key(plan) else ([], "None")
                lines += [
                    *before,
                    f"produce({plan.sink.topic!r}, value=None, key={key}, timestamp=time, headers=headers)",
                    f"{self.counts[query_id]} += 1",
                ]
        return lines

    def _needs_only_key(self, plan: QueryPlan) -> bool:
        """Whether the result's key can be computed from the record's key; without a value, any other is null."""
        parts = walk(plan.key.expression) if plan.key is not None else ()
        return not any(isinstance(part, Pseudo) or (isinstance(part, Read) and not part.is_key) for part in parts)

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
            before, text = self._caught(code, query_id, "WHERE", force=code.fails)
            lines = [*before, f"if {text}:"]
        self.emitter.without_null(plan.where)
        return [*lines, *_indented(1, self._results(query_id, plan))]

    def _results(self, query_id: str, plan: QueryPlan) -> list[str]:
        """Lines that evaluate the columns and hand the result on."""
        lines, taken = self._repeated(query_id, plan)
        shown = []
        for output in plan.values:
            before, text = self._output(query_id, output)
            lines += before
            shown.append((output.name, text))
        if plan.sink is None:
            lines.append(f"produce([{', '.join(text for _, text in shown)}])")
        else:
            before, key = self._key(query_id, plan)
            value = ", ".join(f"{name!r}: {text}" for name, text in shown)
            topic = plan.sink.topic
            lines += [
                *before,
                f"produce({topic!r}, value=dumps({{{value}}}), key={key}, timestamp=time, headers=headers)",
            ]
        lines.append(f"{self.counts[query_id]} += 1")
        for node in taken:
            del self.emitter.names[node]
        return lines

    def _repeated(self, query_id: str, plan: QueryPlan) -> tuple[list[str], list[Typed]]:
        """Expressions that stand several times in one result get a variable: evaluated once, failing once."""
        tops = [_plain(output.expression) for output in [*plan.values, *([plan.key] if plan.key else [])]]
        lines: list[str] = []
        taken: list[Typed] = []
        for node, count in Counter(top for top in tops if isinstance(top, Operation)).items():
            if count > 1 and not is_constant(node):
                before, name = self._caught(self.emitter.emit(node), query_id, str(node), force=True)
                lines += before
                self.emitter.names[node] = name
                taken.append(node)
        return lines, taken

    def _output(self, query_id: str, output: Output) -> tuple[list[str], str]:
        code = self.emitter.emit(output.expression)
        kind = output.expression.type
        before, text = self._caught(code, query_id, output.name, force=code.fails)
        if kind == t.DOUBLE:
            first, later = (text, text) if code.atom or before else self.emitter.bound(code)
            null = f"{first} is None or " if code.nullable or code.fails else ""
            start = later if null else first
            return before, f"({later} if {null}0.001 <= {start} < 1e7 else shown({later}))"
        return before, f"shown({text})" if formats.holds_double(kind) else text

    def _key(self, query_id: str, plan: QueryPlan) -> tuple[list[str], str]:
        if plan.key is None or plan.sink is None:
            return [], "None"
        if self._is_same_key(plan):
            return [], "raw_key"
        code = self.emitter.emit(plan.key.expression)
        before, text = self._caught(code, query_id, plan.key.name, force=code.fails)
        first, later = (text, text) if code.atom or before else self.emitter.bound(code)
        kind = plan.key.expression.type
        if kind == t.STRING and plan.sink.key_format == "KAFKA":
            encoded = "{}.encode()"
        else:
            encoded = self.emitter.share("encode_key", formats.key_encoder(kind, plan.sink.key_format)) + "({})"
        if not code.nullable and not before:
            return before, encoded.format(text)
        return before, f"(None if {first} is None else {encoded.format(later)})"

    def _caught(self, code: Code, query_id: str, what: str, *, force: bool) -> tuple[list[str], str]:
        """With `force`, lines that put the value into a variable, null when it fails; else the text itself."""
        if not force:
            return [], code.text
        self.emitter.count += 1
        name = f"x{self.emitter.count}"
        if not code.fails:
            return [f"{name} = {code.text}"], name
        reason = f"failure(exc, {what!r})"
        lines = ["try:", f"    {name} = {code.text}", "except FAILURES as exc:", f"    {name} = None"]
        return [*lines, f"    on_error(message, {query_id!r}, {reason})"], name


def failure(exc: Exception, what: str) -> str:
    """The reason of a failed expression; it names no data."""
    return f"{what}: {exc}" if str(exc) else f"{what}: {type(exc).__name__}"


def _pseudo() -> list[tuple[str, str, t.Type]]:
    kinds = {"ROWTIME": t.BIGINT, "ROWPARTITION": t.INTEGER, "ROWOFFSET": t.BIGINT}
    return [(name, text, kinds[name]) for name, text in PSEUDO.items()]


def _expressions(plan: QueryPlan) -> list[Typed]:
    """Every expression of a query."""
    keys = [] if plan.key is None else [plan.key.expression]
    return [*([] if plan.where is None else [plan.where]), *keys, *(output.expression for output in plan.values)]


def _plain(node: Typed) -> Typed:
    """The expression without AS_VALUE around it."""
    while isinstance(node, Operation) and node.name == "as value":
        node = node.arguments[0]
    return node


def _indented(depth: int, lines: Sequence[str]) -> list[str]:
    return [INDENT * depth + line for line in lines]
