"""Nodes of the syntax tree: those that are expressions. Every node knows its place; comparisons ignore places."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamguard.engine.language.places import Place
from streamguard.engine.language.types import Type

NOWHERE = Place(0, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Node:
    """Anything of the tree."""

    place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Name(Node):
    """A column, optionally of a named source: ``amount``, ``t.amount``."""

    name: str
    source: str | None = None


@dataclass(frozen=True)
class Literal(Node):
    """`value` is bool, int, str, None; a float for ``1E3``; a `DecimalLiteral` for ``1.5``."""

    value: bool | int | float | str | None


@dataclass(frozen=True)
class DecimalLiteral(Node):
    """A number with a point, exact: its digits as written."""

    text: str


@dataclass(frozen=True)
class FieldOf(Node):
    """``struct->field``."""

    struct: Expression
    name: str


@dataclass(frozen=True)
class Unary(Node):
    """``-x``, ``+x``, ``NOT x``."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary(Node):
    """Arithmetic, comparison, AND, OR; `operator` in upper case, ``<>`` for both spellings of unequal."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class IsNull(Node):
    """``x IS [NOT] NULL``."""

    operand: Expression
    negated: bool


@dataclass(frozen=True)
class IsDistinct(Node):
    """``x IS [NOT] DISTINCT FROM y``."""

    left: Expression
    right: Expression
    negated: bool


@dataclass(frozen=True)
class Between(Node):
    """``x [NOT] BETWEEN low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool


@dataclass(frozen=True)
class In(Node):
    """``x [NOT] IN (a, b)``."""

    operand: Expression
    choices: tuple[Expression, ...]
    negated: bool


@dataclass(frozen=True)
class Like(Node):
    """``x [NOT] LIKE pattern [ESCAPE 'c']``."""

    operand: Expression
    pattern: Expression
    escape: str | None
    negated: bool


@dataclass(frozen=True)
class Case(Node):
    """``CASE [operand] WHEN … THEN … [ELSE …] END``."""

    operand: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True)
class Cast(Node):
    """``CAST(x AS type)``."""

    operand: Expression
    type: Type


@dataclass(frozen=True)
class Call(Node):
    """A function; the name in upper case. ``COUNT(*)`` has no arguments; a unit of time (``DAYS``) is a `Name`."""

    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Subscript(Node):
    """``array[1]``, ``map['key']``."""

    operand: Expression
    index: Expression


@dataclass(frozen=True)
class ArrayOf(Node):
    """``ARRAY[a, b]``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class MapOf(Node):
    """``MAP(key := value)``."""

    pairs: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True)
class StructOf(Node):
    """``STRUCT(field := value)``."""

    fields: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True)
class Lambda(Node):
    """``x => body``, ``(x, y) => body``: an argument of a function. In `body` a parameter is a `Name`."""

    parameters: tuple[str, ...]
    body: Expression


@dataclass(frozen=True)
class AtTimeZone(Node):
    """``x AT TIME ZONE 'zone'``."""

    operand: Expression
    zone: str


Expression = (
    Name
    | Literal
    | DecimalLiteral
    | FieldOf
    | Unary
    | Binary
    | IsNull
    | IsDistinct
    | Between
    | In
    | Like
    | Case
    | Cast
    | Call
    | Subscript
    | ArrayOf
    | MapOf
    | StructOf
    | Lambda
    | AtTimeZone
)
