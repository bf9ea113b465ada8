"""The part of a compiled function that aggregates: groups found, their rows updated, results written.

Rows are as `state` says. What an aggregation has to be told is computed before the row is touched.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from streamguard.engine.analysis.grouping import BOUNDS, Grouping
from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.analysis.typed import Pseudo, Typed, walk
from streamguard.engine.execution.state import SHOWN, STATES
from streamguard.engine.execution.writing import Writer, indented
from streamguard.engine.functions import Aggregate
from streamguard.engine.language import types as t

CONTEXT = "time, message, headers, produce, on_error"


def keeps_group_key(source: Source, plan: QueryPlan) -> bool:
    """Whether the group's key is the record's own, byte by byte."""
    sink = plan.sink or _unwritten(plan)
    return plan.grouping is not None and plan.grouping.unchanged and sink.key_format == source.key_format == "KAFKA"


class Groups(ABC):
    """Writes the lines of one aggregating query. `number` makes its names its own; `count` counts its results."""

    def __init__(self, writer: Writer, query_id: str, plan: QueryPlan, number: int, count: str) -> None:
        assert plan.grouping is not None
        self.writer = writer
        self.emitter = writer.emitter
        self.query_id = query_id
        self.plan = plan
        self.grouping: Grouping = plan.grouping
        self.number = number
        self.count = count
        self.sink = plan.sink or _unwritten(plan)
        self.bound: dict[Typed, str | None] = {}
        self.aggregates = [each.function for each in self.grouping.aggregations]
        self.added = [self._share("add", each.add) for each in self.aggregates]

    @abstractmethod
    def passed(self) -> list[str]:
        """Lines for a record that passed WHERE."""

    def without_row(self) -> list[str]:
        """Lines for a record that WHERE drops, or that has no value."""
        return []

    def functions(self) -> list[str]:
        """Functions beside the one over records."""
        return []

    def _group(self) -> tuple[list[str], list[str], list[str]]:
        """Lines that compute the group, the variables of its parts, and tests that none of them is null."""
        lines: list[str] = []
        names: list[str] = []
        tests: list[str] = []
        for position, expression in enumerate(self.grouping.by):
            code = self.emitter.emit(expression)
            before, text = self.writer.caught(code, self.query_id, f"GROUP BY {expression}", force=code.fails)
            name = text if before or (code.atom and text.isidentifier()) else f"g{self.number}_{position}"
            lines += before if name == text else [*before, f"{name} = {text}"]
            if (code.nullable or code.fails) and not self.grouping.unchanged:
                tests.append(f"{name} is not None")
            names.append(name)
        if self.grouping.unchanged:
            tests.append("raw_key is not None")
        for expression, name in zip(self.grouping.by, names, strict=True):
            self._bind(expression, name)
        return lines, names, tests

    def _key(self, names: list[str]) -> str:
        same = keeps_group_key(self.writer.source, self.plan)
        return "raw_key" if same else self.writer.group_key(self.sink, names, [e.type for e in self.grouping.by])

    def _arguments(self) -> tuple[list[str], list[list[tuple[str, bool]]]]:
        """Lines that compute what aggregations are given, and for each its arguments: text, and if it may be null."""
        lines: list[str] = []
        made = []
        for aggregation in self.grouping.aggregations:
            texts = []
            for argument in aggregation.arguments:
                code = self.emitter.emit(argument)
                before, text = self.writer.caught(code, self.query_id, str(aggregation), force=not code.atom)
                lines += before
                texts.append((text, code.nullable or code.fails))
            made.append(texts)
        return lines, made

    def _initial(self, time: str) -> str:
        states = "".join(f", {self._share('initial', each.initial)}()" for each in self.aggregates)
        return f"[{time}, False{states}]"

    def _add(self, arguments: list[list[tuple[str, bool]]]) -> list[str]:
        lines = []
        for position, (aggregate, given) in enumerate(zip(self.aggregates, arguments, strict=True)):
            state = f"row[{STATES + position}]"
            texts = [text for text, _ in given]
            call = f"{self.added[position]}({', '.join([state, *texts])})"
            if aggregate.inline is None:
                lines.append(f"{state} = {call}")
                continue
            update = f"{state} = {aggregate.inline.format(*texts, state=state)}"
            nulls = [f"{text} is not None" for text, nullable in given if nullable]
            lines.append(f"if {' and '.join(nulls)}: {update}" if nulls else update)
        return lines

    def _bounds(self, end: str) -> list[str]:
        """Bind WINDOWSTART and WINDOWEND, where the result has them."""
        used = [*self.plan.values, *self.plan.keys]
        if not any(isinstance(part, Pseudo) and part.name in BOUNDS for o in used for part in walk(o.expression)):
            return []
        self._bind(Pseudo(BOUNDS[0], t.BIGINT), "start")
        self._bind(Pseudo(BOUNDS[1], t.BIGINT), "window_close")
        return [f"window_close = {end}"]

    def _emit(self, key: str, time: str) -> list[str]:
        """Lines that write the group's result as it is now, or take it back."""
        lines = self._results()
        result = self.writer.result(self.query_id, self.plan, self.count, key=key, time=time)
        having = self.grouping.having
        if having is None:
            return [*lines, *result]
        code = self.emitter.emit(having)
        before, text = self.writer.caught(code, self.query_id, "HAVING", force=code.fails)
        gone = self.writer.tombstone(self.plan, key, time)
        return [
            *lines,
            *before,
            f"if {text}:",
            f"    row[{SHOWN}] = True",
            *indented(1, result),
            f"elif row[{SHOWN}]:",
            f"    row[{SHOWN}] = False",
            *indented(1, [*gone, f"{self.count} += 1"] if gone else []),
        ]

    def _results(self) -> list[str]:
        """Bind every aggregation to its result."""
        lines = []
        for position, (node, aggregate) in enumerate(zip(self.grouping.aggregations, self.aggregates, strict=True)):
            state = f"row[{STATES + position}]"
            name = f"r{self.number}_{position}"
            plain = aggregate.result is Aggregate.__dataclass_fields__["result"].default
            lines.append(f"{name} = {state if plain else self._share('result', aggregate.result) + f'({state})'}")
            self._bind(node, name)
        return lines

    def _share(self, prefix: str, value: object) -> str:
        return self.emitter.share(prefix, value)

    def _bind(self, node: Typed, name: str) -> None:
        """Have an expression read from a variable, until `_forget`."""
        self.bound.setdefault(node, self.emitter.names.get(node))
        self.emitter.names[node] = name

    def _forget(self) -> None:
        for node, before in self.bound.items():
            if before is None:
                del self.emitter.names[node]
            else:
                self.emitter.names[node] = before
        self.bound.clear()


def _unwritten(plan: QueryPlan) -> Source:
    """What the keys of a push query's groups are made with: nobody reads them."""
    assert plan.grouping is not None
    keys = tuple(Column(f"K{number}", each.type) for number, each in enumerate(plan.grouping.by))
    return Source("", "", keys, (), key_format="JSON")
