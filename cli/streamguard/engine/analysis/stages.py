"""A query that needs its records elsewhere, as two: one sends them to an internal topic by group, one aggregates there.

Records of one group may be in several partitions of the source; in the internal topic they are in one. The first
stage filters and computes what the aggregations are given, the second knows only that. Of a table, the first stage
remembers what each row gave to which group, and sends that along with what it gives now: the second takes the former
back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce

from streamguard.engine.analysis.grouping import Changes, Grouping, Output
from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.analysis.typed import (
    Aggregation,
    Closure,
    Construction,
    Field,
    Invocation,
    Operation,
    Read,
    TableCall,
    Typed,
    is_constant,
)
from streamguard.engine.language import types as t

HAD, HAS = "HAD", "HAS"
"""Columns of a change: whether a row gave something to the group before, and whether it does now."""


def topic(service_id: str, query_id: str) -> str:
    """The name of the internal topic between the stages of a query."""
    return f"_streamguard-ksql-{service_id}-{query_id}-repartition"


def needed(plan: QueryPlan, partitions: int) -> bool:
    """Whether a query over a topic with so many partitions has to be two stages."""
    return plan.repartitioned and partitions > 1


def split(plan: QueryPlan, name: str) -> tuple[QueryPlan, QueryPlan]:
    """The two stages of an aggregation; `name` is that of the topic between them."""
    grouping, sink = plan.grouping, plan.sink
    assert grouping is not None
    assert sink is not None
    if plan.source.is_table:
        return _split_table(plan, grouping, sink, name)
    arguments = list(dict.fromkeys(argument for each in grouping.aggregations for argument in each.arguments))
    keys = tuple(Output(key.name, each) for key, each in zip(sink.keys, grouping.by, strict=True))
    values = tuple(Output(f"ARGUMENT_{number}", each) for number, each in enumerate(arguments))
    between = Source(
        name,
        name,
        tuple(Column(each.name, each.expression.type) for each in keys),
        tuple(Column(each.name, each.expression.type) for each in values),
        key_format=sink.key_format,
        key_options=sink.key_options,
    )
    first = replace(plan, where=_present(plan.where, grouping.by), keys=keys, values=values, sink=between)
    first = replace(first, partitioned=True, grouping=None, insert=False)
    return first, _second(plan, between, dict(zip(arguments, between.values, strict=True)))


def _split_table(plan: QueryPlan, grouping: Grouping, sink: Source, name: str) -> tuple[QueryPlan, QueryPlan]:
    keys = tuple(Output(key.name, each) for key, each in zip(sink.keys, grouping.by, strict=True))
    kinds = [[argument.type for argument in each.arguments] for each in grouping.aggregations]
    columns = [Column(word, t.BOOLEAN) for word in (HAD, HAS)]
    columns += [
        Column(part_name(word, *place), kind)
        for word in (HAD, HAS)
        for place, kind in (((n, m), kind) for n, each in enumerate(kinds) for m, kind in enumerate(each))
    ]
    between = Source(
        name,
        name,
        tuple(Column(each.name, each.expression.type) for each in keys),
        tuple(columns),
        key_format=sink.key_format,
        key_options=sink.key_options,
    )
    first = replace(plan, keys=keys, values=(), sink=between, grouping=replace(grouping, sent=True, having=None))

    def given(word: str) -> tuple[tuple[Typed, ...], ...]:
        return tuple(
            tuple(Read(part_name(word, n, m), kind, is_key=False) for m, kind in enumerate(each))
            for n, each in enumerate(kinds)
        )

    had, has = (Read(word, t.BOOLEAN, is_key=False) for word in (HAD, HAS))
    return first, _aggregating(plan, between, given(HAS), Changes(had, has, given(HAD)))


def part_name(word: str, aggregation: int, argument: int) -> str:
    """The column for an argument of an aggregation, as it was or as it is."""
    return f"{word}_{aggregation}_{argument}"


def _second(plan: QueryPlan, between: Source, columns: Mapping[Typed, Column]) -> QueryPlan:
    assert plan.grouping is not None
    given = {node: Read(column.name, column.type, is_key=False) for node, column in columns.items()}
    arguments = tuple(tuple(given[each] for each in n.arguments) for n in plan.grouping.aggregations)
    return _aggregating(plan, between, arguments, None)


def _aggregating(
    plan: QueryPlan, between: Source, arguments: Sequence[tuple[Typed, ...]], changes: Changes | None
) -> QueryPlan:
    """The second stage; `arguments` are what each aggregation is given there."""
    grouping = plan.grouping
    assert grouping is not None
    reads = tuple(Read(key.name, key.type, is_key=True) for key in between.keys)
    known: dict[Typed, Typed] = dict(zip(grouping.by, reads, strict=True))
    aggregations = tuple(
        replace(node, arguments=given) for node, given in zip(grouping.aggregations, arguments, strict=True)
    )
    known |= zip(grouping.aggregations, aggregations, strict=True)
    aggregated = replace(
        grouping,
        by=reads,
        aggregations=aggregations,
        having=None if grouping.having is None else replaced(grouping.having, known),
        unchanged=True,
        changes=changes,
    )
    return replace(
        plan,
        source=between,
        where=None,
        keys=tuple(Output(each.name, replaced(each.expression, known)) for each in plan.keys),
        values=tuple(Output(each.name, replaced(each.expression, known)) for each in plan.values),
        grouping=aggregated,
        strict_time=False,
    )


def _present(where: Typed | None, by: tuple[Typed, ...]) -> Typed | None:
    """The condition, and that no part of the group is null: records without a group are not sent."""
    tests: list[Typed] = [] if where is None else [where]
    tests += [Operation("is null", (each,), t.BOOLEAN, "NOT") for each in by if not is_constant(each)]
    return reduce(lambda left, right: Operation("logic", (left, right), t.BOOLEAN, "AND"), tests) if tests else None


def replaced(expression: Typed, known: Mapping[Typed, Typed]) -> Typed:
    """The expression with known parts in the place of others, the outermost first."""
    if expression in known:
        return known[expression]
    match expression:
        case Field():
            return replace(expression, struct=replaced(expression.struct, known))
        case Operation() | Construction() | Invocation() | Aggregation() | TableCall():
            return replace(expression, arguments=tuple(replaced(each, known) for each in expression.arguments))
        case Closure():
            return replace(expression, body=replaced(expression.body, known))
        case _:
            return expression
