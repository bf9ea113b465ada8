"""The part of a compiled function that aggregates: groups found, their rows updated, results written.

Rows are as `state` says. What an aggregation has to be told is computed before the row is touched.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamguard.engine.analysis.grouping import BOUNDS, Changes, Grouping
from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.analysis.stages import HAD, HAS, part_name
from streamguard.engine.analysis.typed import Pseudo, Typed, walk
from streamguard.engine.analysis.windows import SessionWindows, TimeWindows
from streamguard.engine.codecs import key_decoder, value_encoder
from streamguard.engine.execution.state import SHOWN, STATES
from streamguard.engine.execution.writing import Writer, indented
from streamguard.engine.functions import Aggregate
from streamguard.engine.language import types as t

CONTEXT = "time, message, headers, produce, on_error"
PUT_OR_DELETED = ["if new is not None:", "    inputs.put(raw_key, new)", "else:", "    inputs.delete(raw_key)"]


def keeps_group_key(source: Source, plan: QueryPlan) -> bool:
    """Whether the group's key is the record's own, byte by byte."""
    sink = plan.sink or _unwritten(plan)
    return plan.grouping is not None and plan.grouping.unchanged and sink.key_format == source.key_format == "KAFKA"


class Groups:
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

    # ---- streams

    def of_stream(self) -> list[str]:
        """Lines for a record that passed WHERE: nothing happens when a part of its group is null."""
        if self.grouping.changes is not None:
            return self._changed(self.grouping.changes)
        lines, names, tests = self._group()
        before, arguments = self._arguments()
        inside = [
            *before,
            f"group = {self._key(names)}",
            f"store = results_{self.number}[message.partition()]",
        ]
        window = self.grouping.window
        if window is None:
            inside += self._unwindowed(arguments)
        elif isinstance(window, TimeWindows):
            inside += self._in_time_windows(window, arguments)
        else:
            inside += self._in_sessions(window, arguments)
        made = [*lines, f"if {' and '.join(tests)}:", *indented(1, inside)] if tests else [*lines, *inside]
        self._forget()
        return made

    def _changed(self, changes: Changes) -> list[str]:
        """Lines for a record that is a change of a group."""
        names = [self.emitter.emit(expression).text for expression in self.grouping.by]
        new = [each.arguments for each in self.grouping.aggregations]
        return [
            "if raw_key is not None:",
            f"    old = {self._tuples(changes.old)} if {self.emitter.emit(changes.had).text} else None",
            f"    new = {self._tuples(new)} if {self.emitter.emit(changes.has).text} else None",
            f"    store = results_{self.number}[message.partition()]",
            f"    group = ({''.join(f'{name}, ' for name in names)})",
            f"    {self.count} += change_{self.number}(store, {self._key(names)}, group, old, new, {CONTEXT})",
        ]

    def _tuples(self, arguments: Sequence[tuple[Typed, ...]]) -> str:
        """The arguments of each aggregation, as text."""
        parts = ["".join(f"{self.emitter.emit(argument).text}, " for argument in each) for each in arguments]
        return f"({''.join(f'({part}), ' for part in parts)})"

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

    def _unwindowed(self, arguments: list[list[tuple[str, bool]]]) -> list[str]:
        return [
            "row = store.rows.get(group)",
            "if row is None:",
            f"    row = store.rows[group] = {self._initial('time')}",
            "elif time > row[0]:",
            "    row[0] = time",
            *self._add(arguments),
            "store.changed[group] = None",
            *self._emit("group", "row[0]"),
        ]

    def _in_time_windows(self, window: TimeWindows, arguments: list[list[tuple[str, bool]]]) -> list[str]:
        size, advance = window.size, window.advance
        inside = [
            "rows = store.windows.get(start)",
            "if rows is None:",
            "    rows = store.opened(start)",
            "row = rows.get(group)",
            "if row is None:",
            f"    row = rows[group] = {self._initial('time')}",
            "elif time > row[0]:",
            "    row[0] = time",
            *self._add(arguments),
            "store.changed[start, group] = None",
            *([] if self.grouping.final else self._updated(size)),
        ]
        update = [f"if start + {size} > closed:", *indented(1, inside), "else:", "    store.late += 1"]
        lines = [
            *(["before = store.time"] if self.grouping.final else []),
            "if time > store.time: store.time = time",
            f"closed = store.time - {window.grace}",
        ]
        if advance == size:
            lines += [f"start = time - time % {size}", *update]
        else:
            starts = f"range(max(0, time - {size} + {advance}) // {advance} * {advance}, time + 1, {advance})"
            lines += [f"for start in {starts}:", *indented(1, update)]
        if not self.grouping.final:
            return lines
        passed = f"(closed - {size}) // {advance} > (before - {window.grace + size}) // {advance}"
        return [*lines, f"if before < 0 or {passed}:", f"    {self._call_final()}"]

    def _updated(self, size: int) -> list[str]:
        """Lines that write a window's result as it is now."""
        return [*self._bounds(f"start + {size}"), *self._emit("group + pack_start(start)", "row[0]")]

    def _call_final(self) -> str:
        return f"{self.count} += final_{self.number}(store, before, {CONTEXT})"

    def final_function(self) -> list[str]:
        """The function that writes the results of the windows that closed since a stream time."""
        window = self.grouping.window
        assert window is not None
        names = [f"g{position}" for position in range(len(self.grouping.by))]
        for expression, name in zip(self.grouping.by, names, strict=True):
            self._bind(expression, name)
        sink = self.sink
        decode = self._share("decode_group", key_decoder(sink.keys, sink.key_format, sink.key_options))
        if isinstance(window, TimeWindows):
            closing = f"store.closing(before - {window.grace}, store.time - {window.grace}, {window.size})"
            loop, emitted = f"for start, group, row in {closing}:", self._updated(window.size)
        else:
            wait = window.grace + window.gap
            loop = f"for group, start, end, row in store.closing(before - {wait}, store.time - {wait}):"
            emitted = [*self._bounds("end"), *self._emit("group + pack_bounds(end, start)", "end")]
        self._forget()
        return [
            f"def final_{self.number}(store, before, {CONTEXT}):",
            f"    {self.count} = 0",
            f"    {loop}",
            f"        {', '.join(names)}, = {decode}(group)",
            *indented(2, emitted),
            f"    return {self.count}",
        ]

    def _in_sessions(self, window: SessionWindows, arguments: list[list[tuple[str, bool]]]) -> list[str]:
        """Sessions in reach become one with the record; those that were not just that session are taken back."""
        final = self.grouping.final
        gone = [] if final else self.writer.tombstone(self.plan, "group + pack_bounds(last, first)", "last")
        if gone:
            gone.append(f"{self.count} += 1")
            gone = gone if self.grouping.having is None else [f"if old[{SHOWN}]:", *indented(1, gone)]
        merged = [
            f"row[{p}] = {self._share('merge', each.merge)}(row[{p}], old[{p}])"
            for p, each in enumerate(self.aggregates, STATES)
        ]
        inside = [
            f"row = {self._initial('time')}",
            "changed = start != time or end != time",
            "for first, last, old in near:",
            *indented(1, merged),
            "    if changed:",
            "        store.delete(group, first, last)",
            *indented(2, gone),
            "    else:",
            f"        row[{SHOWN}] = old[{SHOWN}]",
            *self._add(arguments),
            "store.put(group, start, end, row)",
            *([] if final else [*self._bounds("end"), *self._emit("group + pack_bounds(end, start)", "end")]),
        ]
        return [
            *(["before = store.time"] if final else []),
            "if time > store.time: store.time = time",
            f"near = store.near(group, time - {window.gap}, time + {window.gap})",
            "start = end = time",
            "for first, last, old in near:",
            "    if first < start: start = first",
            "    if last > end: end = last",
            f"if end < store.time - {window.grace + window.gap}:",
            "    store.late += 1",
            "else:",
            *indented(1, inside),
            *([f"if time > before: {self._call_final()}"] if final else []),
        ]

    # ---- tables

    def of_table(self) -> list[str]:
        """Lines for a row of a table that passed WHERE: its old part is taken back, its new one added."""
        lines, names, tests = self._group()
        before, arguments = self._arguments()
        values = ", ".join(f"({''.join(f'{text}, ' for text, _ in each)})" for each in arguments)
        parts = "".join(f"{name}, " for name in names)
        new = [*before, f"new = [group, ({parts}), ({values},)]"]
        key = f"group = {self._key(names)}"
        keyed = [f"if {' and '.join(tests)}:", f"    {key}", *indented(1, new)] if tests else [key, *new]
        self._forget()
        return ["new = None", *lines, *keyed, *self._replace("new", PUT_OR_DELETED)]

    def without_row(self) -> list[str]:
        """Lines for a key that has no row any more, or one that WHERE drops."""
        return self._replace("None", ["inputs.delete(raw_key)"])

    def _replace(self, new: str, kept: list[str]) -> list[str]:
        """`kept`: lines that have the table's own row as it is now."""
        return [
            "partition = message.partition()",
            f"inputs = inputs_{self.number}[partition]",
            "old = inputs.rows.get(raw_key)",
            *kept,
            f"results = results_{self.number}[partition]",
            f"{self.count} += replace_{self.number}(results, old, {new}, {CONTEXT})",
        ]

    def functions(self) -> list[str]:
        """The functions that change a group of a table: `replace` for a row, `change` for one group."""
        if self.grouping.changes is not None:
            return self._change_function()
        number = self.number
        return [
            f"def replace_{number}(store, old, new, {CONTEXT}):",
            "    if old is None and new is None: return 0",
            "    if old is not None and new is not None and old[0] == new[0]:",
            f"        return change_{number}(store, new[0], new[1], old[2], new[2], {CONTEXT})",
            "    made = 0",
            "    if old is not None:",
            f"        made += change_{number}(store, old[0], old[1], old[2], None, {CONTEXT})",
            "    if new is not None:",
            f"        made += change_{number}(store, new[0], new[1], None, new[2], {CONTEXT})",
            "    return made",
            *(self._send_function() if self.grouping.sent else self._change_function()),
        ]

    def _send_function(self) -> list[str]:
        """One group: what an old row gave and what a new one gives are written, to be aggregated elsewhere."""
        encode = self._share("encode_value", value_encoder(self.sink.values, self.sink.value_format))
        parts = [f"{HAD!r}: old is not None", f"{HAS!r}: new is not None"]
        parts += [
            f"{part_name(word, n, m)!r}: None if {rows} is None else {rows}[{n}][{m}]"
            for word, rows in ((HAD, "old"), (HAS, "new"))
            for n, each in enumerate(self.grouping.aggregations)
            for m in range(len(each.arguments))
        ]
        value = f"{encode}({{{', '.join(parts)}}})"
        return [
            f"def change_{self.number}(store, group, by, old, new, {CONTEXT}):",
            f"    produce({self.sink.topic!r}, value={value}, key=group, timestamp=time, headers=headers)",
            "    return 1",
        ]

    def _change_function(self) -> list[str]:
        """One group: what an old row gave is taken back, what a new one gives added, the result written."""
        places = range(STATES, STATES + len(self.aggregates))
        undo = [self._share("undo", each.undo) for each in self.aggregates]
        undone = [f"row[{p}] = {undo[p - STATES]}(row[{p}], *old[{p - STATES}])" for p in places]
        added = [f"row[{p}] = {self.added[p - STATES]}(row[{p}], *new[{p - STATES}])" for p in places]
        names = [f"g{position}" for position in range(len(self.grouping.by))]
        for expression, name in zip(self.grouping.by, names, strict=True):
            self._bind(expression, name)
        emitted = self._emit("group", "row[0]")
        self._forget()
        return [
            f"def change_{self.number}(store, group, by, old, new, {CONTEXT}):",
            f"    {self.count} = 0",
            f"    {', '.join(names)}, = by",
            "    row = store.rows.get(group)",
            "    if row is None:",
            "        if new is None: return 0",
            f"        row = store.rows[group] = {self._initial('time')}",
            "    else:",
            "        if time > row[0]: row[0] = time",
            "        if old is not None:",
            *indented(3, undone),
            "    if new is not None:",
            *indented(2, added),
            "    store.changed[group] = None",
            *indented(1, emitted),
            f"    return {self.count}",
        ]

    # ---- both

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
