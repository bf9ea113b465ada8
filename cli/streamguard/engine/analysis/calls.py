"""Calls of functions: which one is meant, what its arguments are cast to, and the types inside lambdas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from streamguard.engine import functions
from streamguard.engine.analysis.coerce import widened
from streamguard.engine.analysis.typed import (
    Aggregation,
    Bound,
    Closure,
    Constant,
    Invocation,
    Operation,
    TableCall,
    Typed,
)
from streamguard.engine.functions.aggregates import AGGREGATES, literal_parameters
from streamguard.engine.functions.moments import UNITS
from streamguard.engine.functions.signatures import INTERVAL, Argument, LambdaArity, LambdaOf, filled
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.places import meant
from streamguard.engine.language.wording import text

if TYPE_CHECKING:
    from streamguard.engine.analysis.resolve import Resolver

TIMED = ("TIMESTAMPADD", "TIMESTAMPSUB", "DATEADD", "DATESUB", "TIMEADD", "TIMESUB")


def call(resolver: Resolver, node: s.Call) -> Typed:
    """The typed form of a call."""
    name = node.name.upper()
    if name == "AS_VALUE" and len(node.arguments) == 1:
        made = resolver.resolve(node.arguments[0])
        return Operation("as value", (made,), made.type)
    if functions.is_aggregate(name):
        return _aggregation(resolver, node)
    if name in functions.TABLE_FUNCTIONS:
        return _table_call(resolver, node)
    if name not in functions.FUNCTIONS:
        known = [*functions.FUNCTIONS, *AGGREGATES, *functions.TABLE_FUNCTIONS]
        raise resolver.refuse(f"Can't find any functions with the name '{name}'{meant(name, known)}", node.place)
    try:
        return _scalar(resolver, node)
    except functions.FunctionError as exc:
        raise resolver.refuse(str(exc), node.place) from None


def _scalar(resolver: Resolver, node: s.Call) -> Typed:
    values: list[Typed | None] = []
    types: list[Argument] = []
    for index, argument in enumerate(node.arguments):
        unit = _unit(node, index)
        if isinstance(argument, s.Lambda):
            values.append(None)
            types.append(LambdaArity(len(argument.parameters)))
        elif unit is not None:
            values.append(Constant(unit, INTERVAL))
            types.append(INTERVAL)
        else:
            value = resolver.resolve(argument)
            values.append(value)
            types.append(value.type)
    lambdas = _lambdas(resolver, node, types, values)
    function = functions.find(node.name, types, lambdas)
    arguments = [
        value if isinstance(value, Closure) or value.type in (kind, INTERVAL) else widened(value, kind)
        for value, kind in zip(_whole(values), function.parameters, strict=True)
    ]
    return Invocation(function, tuple(arguments), function.type)


def _whole(values: Sequence[Typed | None]) -> list[Typed]:
    return [value for value in values if value is not None]


def _unit(node: s.Call, index: int) -> str | None:
    """``DAYS`` in ``DATEADD(DAYS, 1, day)``, which is no column there."""
    argument = node.arguments[index]
    if index == 0 and node.name.upper() in TIMED and isinstance(argument, s.Name) and argument.source is None:
        return argument.name.upper() if argument.name.upper() in UNITS else None
    return None


def _lambdas(resolver: Resolver, node: s.Call, types: list[Argument], values: list[Typed | None]) -> dict[int, t.Type]:
    """Put the lambdas into `values`; what they return, by position."""
    if not any(isinstance(each, LambdaArity) for each in types):
        return {}
    overload, bindings = functions.FUNCTIONS[node.name.upper()].find(types)
    returned: dict[int, t.Type] = {}
    for index, parameter in enumerate(overload.signature.assigned(len(types)) or ()):
        argument = node.arguments[index]
        if not isinstance(parameter.type, LambdaOf) or not isinstance(argument, s.Lambda):
            continue
        bound = [
            Bound(name, filled(kind, bindings), resolver.next_number())
            for name, kind in zip(argument.parameters, parameter.type.inputs, strict=True)
        ]
        with resolver.scope(bound):
            body = resolver.resolve(argument.body)
        wanted = filled(parameter.type.output, bindings)
        if wanted not in (t.NULL, body.type):
            if not (t.is_numeric(wanted) and t.is_numeric(body.type)) and body.type != t.NULL:
                reason = f"the lambda of {node.name} must return {wanted}, but {text(argument.body)} is {body.type}"
                raise resolver.refuse(reason, argument.place)
            body = widened(body, wanted)
        returned[index] = body.type
        output = parameter.type.output
        if isinstance(output, t.Scalar):
            bindings.setdefault(output.name, body.type)
        values[index] = Closure(tuple(bound), body, body.type)
    return returned


def _aggregation(resolver: Resolver, node: s.Call) -> Typed:
    name = node.name.upper()
    if resolver.inside_aggregate:
        outer = resolver.inside_aggregate[-1]
        raise resolver.refuse(f"Aggregate functions can not be nested: {text(outer)}", node.place)
    if not resolver.aggregates:
        if resolver.clause in ("GROUP BY", "PARTITION BY"):
            reason = f"{resolver.clause} does not support aggregate functions: {name} is an aggregate function."
        else:
            reason = f"Aggregate functions are not allowed in the {resolver.clause} clause: {name}"
        raise resolver.refuse(reason, node.place)
    fixed = literal_parameters(name, len(node.arguments))
    arguments: list[Typed] = []
    constants: list[object] = []
    resolver.inside_aggregate.append(node)
    for index, argument in enumerate(node.arguments):
        if index not in fixed:
            arguments.append(resolver.resolve(argument))
        elif isinstance(argument, s.Literal):
            constants.append(argument.value)
        else:
            reason = f"Parameter {index + 1} passed to function {name} must be a literal constant"
            raise resolver.refuse(f"{reason}, but was expression: '{text(argument)}'", argument.place)
    resolver.inside_aggregate.pop()
    try:
        found = functions.find_aggregate(
            name, [argument.type for argument in arguments], constants, resolver.properties
        )
    except (functions.FunctionError, ValueError) as exc:
        raise resolver.refuse(str(exc), node.place) from None
    return Aggregation(name, tuple(arguments), found.type, tuple(constants), found)


def _table_call(resolver: Resolver, node: s.Call) -> Typed:
    name = node.name.upper()
    if resolver.inside_table_call:
        raise resolver.refuse(f"Table functions can not be nested: {text(resolver.inside_table_call[-1])}", node.place)
    if resolver.clause != "SELECT":
        raise resolver.refuse(
            f"{resolver.clause} does not support table functions: {name} is a table function.", node.place
        )
    resolver.inside_table_call.append(node)
    arguments = tuple(resolver.resolve(argument) for argument in node.arguments)
    resolver.inside_table_call.pop()
    try:
        found = functions.find_table_function(name, [argument.type for argument in arguments])
    except functions.FunctionError as exc:
        raise resolver.refuse(str(exc), node.place) from None
    return TableCall(found, arguments, found.type)
