"""A query that needs its records elsewhere, as two: one sends them to an internal topic by group, one aggregates there.

Records of one group may be in several partitions of the source; in the internal topic they are in one. The first
stage filters and computes what the aggregations are given, the second knows only that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce

from streamguard.engine.analysis.grouping import Output
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

SEVERAL_PARTITIONS = (
    "GROUP BY of a table whose topic has several partitions is not supported yet by the embedded engine: "
    "its topic {topic} has {count}"
)


def topic(service_id: str, query_id: str) -> str:
    """The name of the internal topic between the stages of a query."""
    return f"_streamguard-ksql-{service_id}-{query_id}-repartition"


def needed(plan: QueryPlan, partitions: int) -> bool:
    """Whether a query over a topic with so many partitions has to be two stages."""
    return plan.repartitioned and partitions > 1


def refusal(plan: QueryPlan, partitions: int) -> str | None:
    """Why a query can not run over a topic with so many partitions; None when it can."""
    if needed(plan, partitions) and plan.source.is_table:
        return SEVERAL_PARTITIONS.format(topic=plan.source.topic, count=partitions)
    return None


def split(plan: QueryPlan, name: str) -> tuple[QueryPlan, QueryPlan]:
    """The two stages of an aggregation; `name` is that of the topic between them."""
    grouping, sink = plan.grouping, plan.sink
    assert grouping is not None
    assert sink is not None
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


def _second(plan: QueryPlan, between: Source, columns: Mapping[Typed, Column]) -> QueryPlan:
    grouping = plan.grouping
    assert grouping is not None
    reads = tuple(Read(key.name, key.type, is_key=True) for key in between.keys)
    known: dict[Typed, Typed] = dict(zip(grouping.by, reads, strict=True))
    given = {node: Read(column.name, column.type, is_key=False) for node, column in columns.items()}
    aggregations = tuple(
        replace(n, arguments=tuple(given[each] for each in n.arguments)) for n in grouping.aggregations
    )
    known |= zip(grouping.aggregations, aggregations, strict=True)
    aggregated = replace(
        grouping,
        by=reads,
        aggregations=aggregations,
        having=None if grouping.having is None else replaced(grouping.having, known),
        unchanged=True,
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
