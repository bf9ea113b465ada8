"""Typed expressions: what an expression means once names and types are known. Equal expressions are equal values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal as Exact

from streamguard.engine.types import Type, quoted


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
    """ROWTIME (milliseconds), ROWPARTITION or ROWOFFSET of the record."""

    name: str
    type: Type

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

    value: bool | int | float | str | Exact | None = field(compare=False)
    type: Type
    text: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", repr(self.value))

    def __str__(self) -> str:
        if isinstance(self.value, str):
            return _text(self.value)
        return "NULL" if self.value is None else str(self.value).upper()


@dataclass(frozen=True)
class Operation:
    """`name` is one of the keys of `emit.EMITTERS`; `detail` is an operator, a pattern or nothing."""

    name: str
    arguments: tuple[Typed, ...]
    type: Type
    detail: str = ""

    def __str__(self) -> str:
        shown = [str(argument) for argument in self.arguments]
        if self.name in ("arithmetic", "compare", "logic") and len(shown) == 2:
            return f"({shown[0]} {self.detail} {shown[1]})"
        negated = f"{self.detail} " if self.detail else ""
        match self.name:
            case "cast":
                return f"CAST({shown[0]} AS {self.type})"
            case "as value":
                return f"AS_VALUE({shown[0]})"
            case "is null":
                return f"({shown[0]} IS {negated}NULL)"
            case "distinct":
                return f"({shown[0]} IS {negated}DISTINCT FROM {shown[1]})"
            case "concat":
                return f"({shown[0]} + {shown[1]})"
            case "in":
                return f"({shown[0]} IN ({', '.join(shown[1:])}))"
            case "like":
                escape = f" ESCAPE {_text(self.detail)}" if self.detail else ""
                return f"({shown[0]} LIKE {shown[1]}{escape})"
            case "not":
                return f"(NOT {shown[0]})"
            case "negate":
                return f"(- {shown[0]})"
            case "case":
                branches = "".join(f" WHEN {w} THEN {t}" for w, t in zip(shown[:-1:2], shown[1::2], strict=True))
                return f"CASE{branches} ELSE {shown[-1]} END"
        raise KeyError(self.name)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


Typed = Read | Pseudo | Field | Constant | Operation


def walk(expression: Typed) -> Iterator[Typed]:
    """The expression and all its parts, outside in."""
    yield expression
    if isinstance(expression, Field):
        yield from walk(expression.struct)
    elif isinstance(expression, Operation):
        for argument in expression.arguments:
            yield from walk(argument)


def is_constant(expression: Typed) -> bool:
    """Whether the value is the same for every record."""
    return not any(isinstance(part, Read | Pseudo) for part in walk(expression))
