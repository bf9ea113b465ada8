"""Rows of tables, aggregated: what a row gave to a group is taken back when it changes.

Where the group of a row is on another partition, its changes are sent there, and aggregated as `ChangedGroups`.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamguard.engine.analysis.stages import HAD, HAS, part_name
from streamguard.engine.analysis.typed import Typed
from streamguard.engine.codecs import value_encoder
from streamguard.engine.execution.groups import CONTEXT, Groups
from streamguard.engine.execution.state import STATES
from streamguard.engine.execution.writing import indented

PUT_OR_DELETED = ["if new is not None:", "    inputs.put(raw_key, new)", "else:", "    inputs.delete(raw_key)"]


class UndoneGroups(Groups):
    """Groups that take back what they were given."""

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


class ChangedGroups(UndoneGroups):
    """Each record is a change of a group: what a row gave to it, and what it gives now."""

    def passed(self) -> list[str]:
        """Lines for a record that is a change of a group."""
        changes = self.grouping.changes
        assert changes is not None
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

    def functions(self) -> list[str]:
        """The function that changes one group."""
        return self._change_function()


class TableGroups(UndoneGroups):
    """Each record is a row of a table, or says that there is none any more."""

    def passed(self) -> list[str]:
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
