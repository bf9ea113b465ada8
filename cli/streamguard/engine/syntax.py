"""The syntax tree: what was written, nothing decided yet. Every node knows its place; comparisons ignore places."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamguard.engine.places import Place
from streamguard.engine.types import Type

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
    """A function; the name in upper case."""

    name: str
    arguments: tuple[Expression, ...]


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
)


@dataclass(frozen=True)
class Star(Node):
    """``*`` or ``t.*``."""

    source: str | None = None


@dataclass(frozen=True)
class Item(Node):
    """One expression of a SELECT list."""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True)
class Select(Node):
    """A query. `partition` None means no PARTITION BY."""

    items: tuple[Item | Star, ...]
    source: str
    alias: str | None = None
    where: Expression | None = None
    partition: tuple[Expression, ...] | None = None
    emit_changes: bool = False
    limit: int | None = None
    source_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Column(Node):
    """A declared column of a source."""

    name: str
    type: Type
    is_key: bool = False


@dataclass(frozen=True)
class Property(Node):
    """``NAME = value`` of a WITH clause; the name in upper case."""

    name: str
    value: bool | int | float | str


@dataclass(frozen=True, kw_only=True)
class Statement(Node):
    """The root of a tree; `text` is the statement as written, without the semicolon."""

    text: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class CreateStream(Statement):
    """``CREATE [OR REPLACE] STREAM [IF NOT EXISTS] name (columns) WITH (…)``."""

    name: str
    columns: tuple[Column, ...]
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True)
class CreateStreamAs(Statement):
    """``CREATE STREAM … AS SELECT …``."""

    name: str
    query: Select
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True)
class InsertInto(Statement):
    """``INSERT INTO name [WITH (QUERY_ID = 'x')] SELECT …``."""

    target: str
    query: Select
    properties: tuple[Property, ...] = ()
    target_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Query(Statement):
    """A SELECT on its own: a push query."""

    query: Select


@dataclass(frozen=True)
class Show(Statement):
    """``SHOW`` or ``LIST``; `what` is STREAMS, TABLES, TOPICS, QUERIES, PROPERTIES or VARIABLES."""

    what: str
    extended: bool = False
    everything: bool = False


@dataclass(frozen=True)
class Describe(Statement):
    """``DESCRIBE name [EXTENDED]``."""

    name: str
    extended: bool = False
    name_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class Explain(Statement):
    """``EXPLAIN`` a statement or the id of a query; exactly one of the two is set."""

    statement: CreateStreamAs | InsertInto | Query | None = None
    query_id: str | None = None


@dataclass(frozen=True)
class Terminate(Statement):
    """``TERMINATE id`` or ``TERMINATE ALL`` (`query_id` None)."""

    query_id: str | None


@dataclass(frozen=True)
class Drop(Statement):
    """``DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]``; `kind` is STREAM or TABLE."""

    kind: str
    name: str
    if_exists: bool = False
    delete_topic: bool = False
    name_place: Place = field(default=NOWHERE, compare=False, repr=False)


@dataclass(frozen=True)
class SetProperty(Statement):
    """``SET 'name' = 'value'``; ``UNSET 'name'`` has value None."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Define(Statement):
    """``DEFINE name = 'value'``; ``UNDEFINE name`` has value None."""

    name: str
    value: str | None
