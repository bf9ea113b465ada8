"""Records of streams, aggregated: in groups, time windows and sessions."""

from __future__ import annotations

from streamguard.engine.analysis.windows import SessionWindows, TimeWindows
from streamguard.engine.codecs import key_decoder
from streamguard.engine.execution.groups import CONTEXT, Groups
from streamguard.engine.execution.state import SHOWN, STATES
from streamguard.engine.execution.writing import indented


class StreamGroups(Groups):
    """Each record is added to its group, or to the windows of it that are open."""

    def passed(self) -> list[str]:
        """Lines for a record that passed WHERE: nothing happens when a part of its group is null."""
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

    def functions(self) -> list[str]:
        """With EMIT FINAL, the function that writes the results of the windows that closed since a stream time."""
        window = self.grouping.window
        if window is None or not self.grouping.final:
            return []
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
