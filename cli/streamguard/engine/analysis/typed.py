"""Typed expressions: what an expression means once names and types are known. Equal expressions are equal values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal as Exact

from streamguard.engine.functions.aggregates import Aggregate
from streamguard.engine.functions.registry import Scalar
from streamguard.engine.functions.tables import TableFunction
from streamguard.engine.language.types import Type, quoted, text_literal


@dataclass(frozen=True)
class Read:
    """A column of the source."""

    name: str
    type: Type
    is_key: bool

    def __str__(self) -> str:
        return quoted(self.name)


@dataclass(frozen=True)
class Pseudo:
    """ROWTIME (milliseconds), ROWPARTITION, ROWOFFSET of the record, or WINDOWSTART, WINDOWEND of its window."""

    name: str
    type: Type

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Bound:
    """A parameter of a lambda; `number` tells those of one name apart."""

    name: str
    type: Type
    number: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Field:
    """A field of a struct; null when the struct is null."""

    struct: Typed
    name: str
    type: Type

    def __str__(self) -> str:
        return f"{self.struct}->{quoted(self.name)}"


@dataclass(frozen=True)
class Constant:
    """A literal. Compared by its text, because Python takes 0.0 for -0.0 and 1 for True."""

    value: bool | int | float | str | bytes | Exact | None = field(compare=False)
    type: Type
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", repr(self.value))

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return text_literal(self.value)
        return "NULL" if self.value is None else str(self.value).upper()


@dataclass(frozen=True)
class Operation:
    """`name` is one of the keys of `emit.EMITTERS`; `detail` is an operator, a pattern or nothing."""

    name: str
    arguments: tuple[Typed, ...]
    type: Type
    detail: str = ""

    def __str__(self) -> str:
        return _operation(self, [str(argument) for argument in self.arguments])


@dataclass(frozen=True)
class Construction:
    """A new array, map (keys and values in turns) or struct, as `type` says."""

    arguments: tuple[Typed, ...]
    type: Type

    def __str__(self) -> str:
        return _construction(self, [str(argument) for argument in self.arguments])


@dataclass(frozen=True)
class Closure:
    """A lambda: its parameters, and the body that they stand in."""

    parameters: tuple[Bound, ...]
    body: Typed
    type: Type

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parameters))}) => {self.body}"


@dataclass(frozen=True)
class Invocation:
    """A call of a scalar function."""

    function: Scalar
    arguments: tuple[Typed, ...]
    type: Type

    def __str__(self) -> str:
        return f"{self.function.name.upper()}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True)
class Aggregation:
    """A call of an aggregate function; COUNT(*) has no arguments. `constants` are arguments that parametrise it."""

    name: str
    arguments: tuple[Typed, ...]
    type: Type
    constants: tuple[object, ...]
    function: Aggregate = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name}({', '.join([*map(str, self.arguments), *map(repr, self.constants)]) or '*'})"


@dataclass(frozen=True)
class TableCall:
    """A call of a table function, which makes any number of rows of one; `type` is that of one row's value."""

    function: TableFunction
    arguments: tuple[Typed, ...]
    type: Type

    def __str__(self) -> str:
        return f"{self.function.name.upper()}({', '.join(map(str, self.arguments))})"


Typed = (
    Read | Pseudo | Bound | Field | Constant | Operation | Construction | Closure | Invocation | Aggregation | TableCall
)


WRITTEN = {
    "cast": "CAST({0} AS {type})",
    "as value": "AS_VALUE({0})",
    "is null": "({0} IS {negated}NULL)",
    "distinct": "({0} IS {negated}DISTINCT FROM {1})",
    "concat": "({0} + {1})",
    "not": "(NOT {0})",
    "negate": "(- {0})",
    "subscript": "{0}[{1}]",
}


def _operation(node: Operation, shown: list[str]) -> str:
    if node.name in WRITTEN:
        negated = f"{node.detail} " if node.detail else ""
        return WRITTEN[node.name].format(*shown, type=node.type, negated=negated)
    match node.name:
        case "arithmetic" | "compare" | "logic":
            return f"({shown[0]} {node.detail} {shown[1]})"
        case "in":
            return f"({shown[0]} IN ({', '.join(shown[1:])}))"
        case "like":
            escape = f" ESCAPE {text_literal(node.detail)}" if node.detail else ""
            return f"({shown[0]} LIKE {shown[1]}{escape})"
        case "case":
            branches = "".join(f" WHEN {w} THEN {t}" for w, t in zip(shown[:-1:2], shown[1::2], strict=True))
            return f"CASE{branches} ELSE {shown[-1]} END"
    raise KeyError(node.name)


def _construction(node: Construction, shown: list[str]) -> str:
    fields = getattr(node.type, "fields", None)
    if fields is not None:
        inside = [f"{quoted(name)} := {text}" for (name, _), text in zip(fields, shown, strict=True)]
        return f"STRUCT({', '.join(inside)})"
    if hasattr(node.type, "element"):
        return f"ARRAY[{', '.join(shown)}]"
    return f"MAP({', '.join(f'{key} := {value}' for key, value in zip(shown[::2], shown[1::2], strict=True))})"


def parts_of(expression: Typed) -> tuple[Typed, ...]:
    """What an expression is made of, one level down."""
    match expression:
        case Field():
            return (expression.struct,)
        case Operation() | Construction() | Invocation() | Aggregation() | TableCall():
            return expression.arguments
        case Closure():
            return (*expression.parameters, expression.body)
        case _:
            return ()


def walk(expression: Typed) -> Iterator[Typed]:
    """The expression and all its parts, outside in."""
    yield expression
    for part in parts_of(expression):
        yield from walk(part)


def is_constant(expression: Typed) -> bool:
    """Whether the value is the same for every record; a lambda's parameter is nothing to compute with now."""
    for part in walk(expression):
        if isinstance(part, Read | Pseudo | Bound | Closure | Aggregation | TableCall):
            return False
        if isinstance(part, Invocation) and not part.function.deterministic:
            return False
    return True
