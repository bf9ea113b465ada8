"""The part of a compiled function that makes results: columns evaluated, keys and values encoded, `produce` called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from streamguard.engine.analysis.grouping import BOUNDS, Output
from streamguard.engine.analysis.metastore import Source
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.analysis.typed import Operation, Pseudo, Read, TableCall, Typed, is_constant, walk
from streamguard.engine.codecs import extractor, key_encoder, value_encoder
from streamguard.engine.codecs.json import must_be_shown
from streamguard.engine.codecs.keys import suffix_size
from streamguard.engine.execution.emit import Code, Emitter
from streamguard.engine.language import types as t
from streamguard.kafka.partitioner import placing

INDENT = "    "


class Writer:
    """Writes the lines that evaluate expressions and hand results on; the record in hand is `message`.

    Results with windows go where their key without the window belongs, as in Kafka Streams: that is where the record
    came from, if both topics have as many partitions. `partitions` are their numbers by topic, where that is known.
    """

    def __init__(self, source: Source, emitter: Emitter, partitions: Mapping[str, int]) -> None:
        self.source = source
        self.emitter = emitter
        self.partitions = partitions

    def result(
        self, query_id: str, plan: QueryPlan, count: str, *, key: str | None = None, time: str = "time"
    ) -> list[str]:
        """Lines that evaluate the columns, hand the result on and count it; `key` is text of its bytes if known."""
        lines, taken = self._repeated(query_id, plan, with_key=key is None)
        before, texts = self._columns(query_id, plan)
        lines += before
        if plan.sink is None:
            lines += [f"produce([{', '.join(texts)}])", f"{count} += 1"]
        else:
            if key is None:
                before, key = self.key(query_id, plan)
                lines += before
            stamped = self._time(query_id, plan)
            made = [
                self._produce(plan.sink, self._value(plan, texts), key, "stamp" if stamped else time),
                f"{count} += 1",
            ]
            lines += [*stamped, "if stamp is not None:", *indented(1, made)] if stamped else made
        for node in taken:
            del self.emitter.names[node]
        return lines

    def results(self, query_id: str, plan: QueryPlan, count: str) -> list[str]:
        """Lines that write the result of a record: one row, or with table functions any number of rows.

        Each table function gives the values of its column; the shorter ones are followed by nulls.
        """
        calls = table_calls(plan)
        if not calls:
            return self.result(query_id, plan, count)
        lines: list[str] = []
        tables: list[str] = []
        for call in calls:
            codes = [self.emitter.emit(argument) for argument in call.arguments]
            rows = f"{self.emitter.share('rows', call.function.rows)}({', '.join(code.text for code in codes)})"
            before, table = self.caught(Code(rows, fails=True), query_id, str(call), force=True)
            lines += before
            tables.append(f"{table} or ()")
        names = [f"element_{number}" for number in range(len(calls))]
        self.emitter.names.update(zip(calls, names, strict=True))
        inside = self.result(query_id, plan, count)
        for call in calls:
            del self.emitter.names[call]
        return [*lines, f"for {', '.join(names)}, in zip_longest({', '.join(tables)}):", *indented(1, inside)]

    def tombstone(self, plan: QueryPlan, key: str, time: str = "time") -> list[str]:
        """Lines that say that a key has no row any more."""
        if plan.sink is not None:
            return [self._produce(plan.sink, "None", key, time)]
        by = () if plan.grouping is None else plan.grouping.by
        texts = [
            self.emitter.names.get(each.expression, "None") if _identifies(each.expression, by) else "None"
            for each in plan.values
        ]
        return [f"produce(Tombstone([{', '.join(texts)}]))"]

    def key(self, query_id: str, plan: QueryPlan) -> tuple[list[str], str]:
        """The key's bytes as text, after the lines that it needs."""
        if not plan.keys or plan.sink is None:
            return [], "None"
        if self.keeps_key(plan):
            return [], "raw_key"
        lines: list[str] = []
        codes = []
        for output in plan.keys:
            code = self.emitter.emit(output.expression)
            before, text = self.caught(code, query_id, output.name, force=code.fails)
            lines += before
            codes.append((code, text, bool(before)))
        if not plan.partitioned and plan.sink.window is not None:
            sink = plan.sink
            encode = key_encoder(sink.keys, sink.key_format, sink.key_options, sink.window)
            bounds = self.emitter.share("encode_key", encode)
            values = ", ".join(text for _, text, _ in codes)
            return lines, f"(None if raw_key is None else {bounds}(({values},), window_start, window_end))"
        made = self._plain_key(plan, codes)
        unchanged = not plan.partitioned and len(codes) > 1
        return lines, f"(None if raw_key is None else {made})" if unchanged else made

    def key_without_row(self, query_id: str, plan: QueryPlan) -> tuple[list[str], str]:
        """The key of a result without a value: what is not computed from the record's key alone is null."""
        missing = [needs_value(output.expression) for output in plan.keys]
        if not any(missing):
            return self.key(query_id, plan)
        if plan.sink is None or len(missing) == 1:
            return [], "None"
        lines: list[str] = []
        texts = []
        for output, is_missing in zip(plan.keys, missing, strict=True):
            code = self.emitter.emit(output.expression)
            before, text = ([], "None") if is_missing else self.caught(code, query_id, output.name, force=code.fails)
            lines += before
            texts.append(text)
        encode = key_encoder(plan.sink.keys, plan.sink.key_format, plan.sink.key_options)
        return lines, f"{self.emitter.share('encode_key', encode)}(({', '.join(texts)}))"

    def keeps_key(self, plan: QueryPlan) -> bool:
        """Whether the result has the record's own key, byte by byte."""
        if plan.sink is None or plan.grouping is not None or plan.sink.window != self.source.window:
            return False
        same = [each.expression for each in plan.keys] == [
            Read(column.name, column.type, is_key=True) for column in self.source.keys
        ]
        return bool(plan.keys) and same and plan.sink.key_format == self.source.key_format == "KAFKA"

    def group_key(self, sink: Source, names: list[str], kinds: list[t.Type]) -> str:
        """The bytes of a group's key, without a window; `names` are variables that are not null."""
        if kinds == [t.STRING] and sink.key_format == "KAFKA":
            return f"{names[0]}.encode()"
        encode = self.emitter.share("encode_key", key_encoder(sink.keys, sink.key_format, sink.key_options))
        return f"{encode}(({', '.join(names)},))"

    def caught(self, code: Code, query_id: str, what: str, *, force: bool) -> tuple[list[str], str]:
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

    def _produce(self, sink: Source, value: str, key: str, time: str) -> str:
        count = self.partitions.get(sink.topic, 1)
        if sink.window is None or count == 1:
            return f"produce({sink.topic!r}, value={value}, key={key}, timestamp={time}, headers=headers)"
        if self.partitions.get(self.source.topic) == count:  # the key was placed once already, and quicker
            given = f"value={value}, key={key}, timestamp={time}, headers=headers"
            return f"produce({sink.topic!r}, {given}, partition=message.partition())"
        place = self.emitter.share("place", placing(count))
        given = f"value={value}, key=(placed := {key}), timestamp={time}, headers=headers"
        return f"produce({sink.topic!r}, {given}, partition={place}(placed and placed[:-{suffix_size(sink.window)}]))"

    def _plain_key(self, plan: QueryPlan, codes: list[tuple[Code, str, bool]]) -> str:
        """The encoded key of values; a single one that is null makes no key."""
        assert plan.sink is not None
        sink = plan.sink
        if len(codes) > 1:
            encode = self.emitter.share("encode_key", key_encoder(sink.keys, sink.key_format, sink.key_options))
            return f"{encode}(({', '.join(text for _, text, _ in codes)}))"
        [(code, text, bound)] = codes
        first, later = (text, text) if code.atom or bound else self.emitter.bound(code)
        if not code.nullable and not bound:
            return self.group_key(sink, [text], [sink.keys[0].type])
        return f"(None if {first} is None else {self.group_key(sink, [later], [sink.keys[0].type])})"

    def _repeated(self, query_id: str, plan: QueryPlan, *, with_key: bool) -> tuple[list[str], list[Typed]]:
        """Expressions that stand several times in one result get a variable: evaluated once, failing once."""
        outputs = [*plan.values, *(plan.keys if with_key else ())]
        tops = [_plain(output.expression) for output in outputs]
        stamped = None if plan.sink is None or plan.sink.timestamp is None else plan.sink.timestamp.column
        counts: Counter[Typed] = Counter(top for top in tops if not isinstance(top, Read))
        for output, top in zip(outputs, tops, strict=True):
            if output.name == stamped and top in counts:
                counts[top] += 1
        lines: list[str] = []
        taken: list[Typed] = []
        for node, count in counts.items():
            if count > 1 and not is_constant(node) and node not in self.emitter.names:
                before, name = self.caught(self.emitter.emit(node), query_id, str(node), force=True)
                lines += before
                self.emitter.names[node] = name
                taken.append(node)
        return lines, taken

    def _columns(self, query_id: str, plan: QueryPlan) -> tuple[list[str], list[str]]:
        """The value columns, each as the text of what the encoder wants."""
        lines: list[str] = []
        texts = []
        direct = plan.sink is None or _is_object(plan.sink)
        for output in plan.values:
            before, text = self._output(query_id, output, direct=direct)
            lines += before
            texts.append(text)
        return lines, texts

    def _output(self, query_id: str, output: Output, *, direct: bool) -> tuple[list[str], str]:
        code = self.emitter.emit(output.expression)
        kind = output.expression.type
        before, text = self.caught(code, query_id, output.name, force=code.fails)
        if not direct:
            return before, text
        if kind == t.DOUBLE:
            first, later = (text, text) if code.atom or before else self.emitter.bound(code)
            null = f"{first} is None or " if code.nullable or code.fails else ""
            start = later if null else first
            return before, f"({later} if {null}0.001 <= {start} < 1e7 else shown({later}))"
        return before, f"shown({text})" if must_be_shown(kind) else text

    def _value(self, plan: QueryPlan, texts: list[str]) -> str:
        sink = plan.sink
        assert sink is not None
        names = [output.name for output in plan.values]
        row = "{" + ", ".join(f"{name!r}: {text}" for name, text in zip(names, texts, strict=True)) + "}"
        if _is_object(sink):
            return f"dumps({row})"
        encode = self.emitter.share("encode_value", value_encoder(sink.values, sink.value_format, sink.value_options))
        return f"{encode}({row})"

    def _time(self, query_id: str, plan: QueryPlan) -> list[str]:
        """Lines that take the result's time from the sink's TIMESTAMP column; without one it is dropped (None)."""
        assert plan.sink is not None
        if plan.sink.timestamp is None:
            return []
        column = plan.sink.timestamp
        output = next(each for each in (*plan.keys, *plan.values) if each.name == column.column)
        extract = self.emitter.share("extract", extractor(output.expression.type, column.pattern))
        code = self.emitter.emit(output.expression)
        reason = f"failure(exc, {column.column!r})"
        lines = ["try:", f"    stamp = {extract}({code.text})", "except FAILURES as exc:", "    stamp = None"]
        return [*lines, f"    on_error(message, {query_id!r}, {reason})"]


def _identifies(expression: Typed, by: tuple[Typed, ...]) -> bool:
    """Whether a column is still known of a row that is gone."""
    bound = isinstance(expression, Pseudo) and expression.name in BOUNDS
    return bound or expression in by or (isinstance(expression, Read) and expression.is_key)


def table_calls(plan: QueryPlan) -> list[TableCall]:
    """The calls of table functions in a query, each once."""
    parts = (part for output in plan.values for part in walk(output.expression))
    return list(dict.fromkeys(part for part in parts if isinstance(part, TableCall)))


def _is_object(sink: Source) -> bool:
    """Whether a value is a JSON object, which is written without going through an encoder."""
    return sink.value_format == "JSON" and sink.value_options.wrap is not False


def needs_value(expression: Typed) -> bool:
    """Whether an expression reads anything but the record's key."""
    return any(isinstance(part, Pseudo) or (isinstance(part, Read) and not part.is_key) for part in walk(expression))


def _plain(node: Typed) -> Typed:
    """The expression without AS_VALUE around it."""
    while isinstance(node, Operation) and node.name == "as value":
        node = node.arguments[0]
    return node


def indented(depth: int, lines: Sequence[str]) -> list[str]:
    """The lines, so many levels deeper."""
    return [INDENT * depth + line for line in lines]
