"""The text of a plan, as EXPLAIN prints it: numbered steps, what each reads, does and keeps; always the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from streamguard.engine.analysis.grouping import Grouping, Output
from streamguard.engine.analysis.metastore import Column, FormatOptions, Source
from streamguard.engine.analysis.typed import Operation, Read, Typed, walk
from streamguard.engine.analysis.windows import TimeWindows, Windows
from streamguard.engine.language.types import quoted

if TYPE_CHECKING:
    from streamguard.engine.analysis.plan import QueryPlan, SourcePlan

INDENT = " " * 6
LABEL = 10
UNITS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second"))
CHANGELOG = ("changelog", "an internal topic (…-changelog), written in the same transaction")


def declaration(plan: SourcePlan) -> str:
    """The text of CREATE STREAM or TABLE with columns."""
    source = plan.source
    head = f"{'Nothing to do' if plan.exists else 'Declare'}: {_named(source)}"
    return _step(head, [*_topic(source), *_columns("key", source.keys), *_columns("columns", source.values)])


def query(plan: QueryPlan) -> str:
    """The text of a query, a step a line; what belongs to a step is indented below it."""
    steps = [_step(f"Read {_named(plan.source)}", [*_topic(plan.source), *_used(plan)])]
    if plan.where is not None:
        steps.append(_step("Filter", [("keep", bare(plan.where)), *_filter_state(plan)]))
    if plan.grouping is not None:
        steps += _grouping(plan, plan.grouping)
    steps += _keying(plan)
    steps.append(_listed("Project", map(_output, plan.values)))
    if plan.sink is None:
        steps.append("Push rows to the client" + ("" if plan.limit is None else f", at most {plan.limit}"))
    else:
        verb = "Insert into" if plan.insert else "Write"
        steps.append(_step(f"{verb} {_named(plan.sink)}", _topic(plan.sink, made_as=plan.source)))
    return "\n".join(f"{number:>2}. {step}" for number, step in enumerate(steps, start=1))


def bare(expression: Typed) -> str:
    """The expression without parentheses around the whole."""
    text = str(expression)
    outermost = isinstance(expression, Operation) and text.startswith("(") and text.endswith(")")
    return text[1:-1] if outermost else text


def duration(milliseconds: int) -> str:
    """``30 seconds``, ``1 day``: in the largest unit that divides it."""
    for size, unit in UNITS:
        if milliseconds and milliseconds % size == 0:
            count = milliseconds // size
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    return f"{milliseconds:,} ms"


def _step(head: str, details: Iterable[tuple[str, str]]) -> str:
    return "\n".join([head, *(f"{INDENT}{label:<{LABEL}}{text}" for label, text in details)])


def _listed(head: str, lines: Iterable[str]) -> str:
    return "\n".join([head, *(f"{INDENT}{line}" for line in lines)])


def _named(source: Source) -> str:
    return f"{source.kind.lower()} {quoted(source.name)}"


def _topic(source: Source, *, made_as: Source | None = None) -> list[tuple[str, str]]:
    """The topic and its formats; `made_as`: the source whose partitions it gets if it has to be made."""
    details = [("topic", f"'{source.topic}'{_partitions(source, made_as)}")]
    key = source.key_format + _options(source.key_options)
    details.append(("formats", f"key {key}, value {source.value_format}{_options(source.value_options)}"))
    if source.window is not None:
        size = "" if source.window.size is None else f" of {duration(source.window.size)}"
        details.append(("windows", f"{source.window.type.lower()}{size}, in the key"))
    if source.timestamp is not None:
        pattern = "" if source.timestamp.pattern is None else f", as '{source.timestamp.pattern}'"
        details.append(("time", f"of column {quoted(source.timestamp.column)}{pattern}"))
    return details


def _partitions(source: Source, made_as: Source | None) -> str:
    if source.partitions is not None:
        return f", {source.partitions} partition{'' if source.partitions == 1 else 's'}"
    return "" if made_as is None else f", as many partitions as '{made_as.topic}' if it has to be made"


def _options(options: FormatOptions) -> str:
    delimiter = "" if options.delimiter == FormatOptions().delimiter else f" (delimiter {options.delimiter!r})"
    return delimiter + ("" if options.wrap is None else " (wrapped)" if options.wrap else " (not wrapped)")


def _columns(label: str, columns: Sequence[Column]) -> list[tuple[str, str]]:
    """A line a column, the first with the label."""
    return [(label if number == 0 else "", str(column)) for number, column in enumerate(columns)]


def _used(plan: QueryPlan) -> list[tuple[str, str]]:
    """The columns of the source that the query has to decode, in the source's order."""
    read = {part.name for each in _expressions(plan) for part in walk(each) if isinstance(part, Read)}
    used = [quoted(column.name) for column in (*plan.source.columns, *plan.source.headers) if column.name in read]
    return [("columns", ", ".join(used) or "none")]


def _expressions(plan: QueryPlan) -> Iterable[Typed]:
    yield from (each.expression for each in (*plan.keys, *plan.values))
    yield from () if plan.where is None else (plan.where,)
    if plan.grouping is not None:
        yield from plan.grouping.by
        yield from () if plan.grouping.having is None else (plan.grouping.having,)


def _filter_state(plan: QueryPlan) -> list[tuple[str, str]]:
    """A filtered table remembers which rows it has let through: one that no longer passes is deleted."""
    if not plan.source.is_table or plan.grouping is not None or plan.sink is None:
        return []
    return [("state", "the keys that were kept, in memory"), CHANGELOG]


def _grouping(plan: QueryPlan, grouping: Grouping) -> list[str]:
    by = [("by", ", ".join(bare(each) for each in grouping.by))]
    if grouping.window is not None:
        by += _windows(grouping.window, final=grouping.final)
    if not grouping.unchanged:
        by += _repartition(plan.source)
    aggregations = [("compute" if n == 0 else "", str(each)) for n, each in enumerate(grouping.aggregations)]
    state = "a row a group, in memory"
    if grouping.window is not None:
        kept = duration(grouping.window.retention)
        state = f"a row a group and window, in memory, kept for {kept} of stream time"
    steps = [_step("Group", by), _step("Aggregate", [*aggregations, ("state", state), CHANGELOG])]
    if grouping.having is not None:
        steps.append(_step("Filter groups", [("keep", bare(grouping.having))]))
    return steps


def _repartition(source: Source) -> list[tuple[str, str]]:
    """The way of records whose group is not their key."""
    if source.partitions == 1:
        return []
    several = f"has {source.partitions} partitions" if source.partitions else "may have several partitions"
    return [("records", f"through an internal topic (…-repartition): '{source.topic}' {several}")]


def _windows(window: Windows, *, final: bool) -> list[tuple[str, str]]:
    if isinstance(window, TimeWindows):
        advance = f", a new one every {duration(window.advance)}" if window.advance != window.size else ""
        text = f"{window.kind.lower()}, {duration(window.size)} long{advance}"
    else:
        text = f"session, records at most {duration(window.gap)} apart"
    details = [
        ("windows", text),
        ("grace", f"{duration(window.grace)} for late records" if window.grace else "none: late records are dropped"),
    ]
    return [*details, ("emit", "only when a window closes")] if final else details


def _keying(plan: QueryPlan) -> list[str]:
    if not plan.keys:
        return ["Key NULL"] if plan.partitioned else []
    changed = plan.partitioned or plan.grouping is not None
    return [f"Key {', '.join(map(_output, plan.keys))}{'' if changed else ' (unchanged)'}"]


def _output(output: Output) -> str:
    return f"{quoted(output.name)} {output.expression.type} := {bare(output.expression)}"
