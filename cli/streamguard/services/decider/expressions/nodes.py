"""The tree of an expression. `str()` of a node is the expression again, with no more parentheses than it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

OR, AND, NOT, COMPARISON, SUM, PRODUCT, MINUS, WHOLE = range(1, 9)
"""How tightly a node holds together; one within another that holds more tightly needs parentheses."""
BINDING = {
    "or": OR,
    "and": AND,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not in", "is", "is not"), COMPARISON),
    **dict.fromkeys("+-", SUM),
    **dict.fromkeys("*/%", PRODUCT),
}


def _place() -> int:
    """`at`: where it begins, in characters from 0; two nodes at different places may be equal."""
    return field(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Number:
    """A number of 0 or more."""

    value: float
    at: int = _place()

    def __str__(self) -> str:
        return str(int(self.value)) if self.value.is_integer() and self.value < 1e15 else repr(self.value)


@dataclass(frozen=True, slots=True)
class Text:
    """A text."""

    value: str
    at: int = _place()

    def __str__(self) -> str:
        quoted = self.value.replace("'", "''")
        return f"'{quoted}'"


@dataclass(frozen=True, slots=True)
class Boolean:
    """``true`` or ``false``."""

    value: bool
    at: int = _place()

    def __str__(self) -> str:
        return str(self.value).lower()


@dataclass(frozen=True, slots=True)
class Name:
    """A fact: ``amount``, ``account.mean``."""

    name: str
    at: int = _place()

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Items:
    """A list, right of ``in``."""

    items: tuple[Node, ...]
    at: int = _place()

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments."""

    function: str
    arguments: tuple[Node, ...]
    at: int = _place()

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Prefix:
    """``not`` or ``-``."""

    operator: str
    operand: Node
    at: int = _place()

    def __str__(self) -> str:
        inner = _within(self.operand, binding(self))
        return f"not {inner}" if self.operator == "not" else f"-{inner}"


@dataclass(frozen=True, slots=True)
class IsNull:
    """``is null`` or ``is not null``."""

    operand: Node
    negated: bool
    at: int = _place()

    def __str__(self) -> str:
        return f"{_within(self.operand, SUM)} is {'not ' if self.negated else ''}null"


@dataclass(frozen=True, slots=True)
class Infix:
    """Two operands; `at` is the place of the operator."""

    operator: str
    left: Node
    right: Node
    at: int = _place()

    def __str__(self) -> str:
        own = binding(self)
        left = own + 1 if own == COMPARISON else own  # comparisons have no order among themselves
        return f"{_within(self.left, left)} {self.operator} {_within(self.right, own + 1)}"


Node: TypeAlias = "Number | Text | Boolean | Name | Items | Call | Prefix | IsNull | Infix"


def binding(node: Node) -> int:
    """How tightly the node holds together."""
    if isinstance(node, Infix):
        return BINDING[node.operator]
    if isinstance(node, Prefix):
        return NOT if node.operator == "not" else MINUS
    return COMPARISON if isinstance(node, IsNull) else WHOLE


def _within(node: Node, tightly: int) -> str:
    return str(node) if binding(node) >= tightly else f"({node})"


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    if isinstance(node, Infix):
        return node.left, node.right
    if isinstance(node, Prefix | IsNull):
        return (node.operand,)
    if isinstance(node, Call):
        return node.arguments
    return node.items if isinstance(node, Items) else ()
