"""Signatures of functions, as ksqlDB writes them, and whether arguments fit them.

``(STRING text, INTEGER... positions) -> STRING``. Beside SQL types there are T, U, K, V (any type, the same each time),
DECIMAL (of any size), ANY, STRUCT (of any fields), INTERVALUNIT (a word such as DAYS) and LAMBDA (T, U) => V.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from streamguard.engine.language import types as t

TOKEN = re.compile(r"\s*(=>|->|\.\.\.|\w+|.)")
INTERVAL = t.Scalar("INTERVALUNIT")
WIDENINGS = {
    "BIGINT": ("INTEGER",),
    "DECIMAL": ("INTEGER", "BIGINT"),
    "DOUBLE": ("INTEGER", "BIGINT", "DECIMAL"),
    "DATE": ("STRING",),
    "TIME": ("STRING",),
    "TIMESTAMP": ("STRING",),
}
Bindings = dict[str, t.Type]


@dataclass(frozen=True)
class LambdaOf:
    """The type of a lambda: of its parameters and of its result."""

    inputs: tuple[t.Type, ...]
    output: t.Type

    def __str__(self) -> str:
        return f"LAMBDA ({', '.join(map(str, self.inputs))}) => {self.output}"


@dataclass(frozen=True)
class LambdaArity:
    """A lambda as an argument whose types are not known yet: how many parameters it has."""

    count: int

    def __str__(self) -> str:
        return "LAMBDA"


Accepted = t.Type | LambdaOf
Argument = t.Type | LambdaArity


@dataclass(frozen=True)
class Parameter:
    """One parameter; a variadic one takes any number of arguments."""

    type: Accepted
    name: str
    variadic: bool = False

    def __str__(self) -> str:
        return f"{written(self.type)}{'...' if self.variadic else ''} {self.name}"


@dataclass(frozen=True)
class Signature:
    """What a function takes and returns."""

    parameters: tuple[Parameter, ...]
    returns: t.Type

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parameters))})"

    def assigned(self, count: int) -> tuple[Parameter, ...] | None:
        """The parameter of each of so many arguments; None when the number is wrong."""
        place = next((index for index, each in enumerate(self.parameters) if each.variadic), None)
        if place is None:
            return self.parameters if count == len(self.parameters) else None
        repeated = count - len(self.parameters) + 1
        if repeated < 0:
            return None
        after = self.parameters[place + 1 :]
        return (*self.parameters[:place], *(self.parameters[place],) * repeated, *after)

    def match(self, arguments: Sequence[Argument], *, casting: bool) -> Bindings | None:
        """What T, U … stand for when the arguments fit, None when they do not."""
        parameters = self.assigned(len(arguments))
        bindings: Bindings = {}
        if parameters is None:
            return None
        for parameter, argument in zip(parameters, arguments, strict=True):
            if not fits(parameter.type, argument, bindings, casting=casting):
                return None
        return bindings

    @property
    def rank(self) -> tuple[bool, int]:
        """Better signatures have higher ranks: those that say more exactly what they take."""
        variadic = any(parameter.variadic for parameter in self.parameters)
        return not variadic, -sum(len(generics(parameter.type)) for parameter in self.parameters)


def is_generic(kind: t.Type) -> bool:
    """Whether the type is T, U, … of a signature."""
    return isinstance(kind, t.Scalar) and len(kind.name) == 1


def generics(kind: Accepted) -> list[str]:
    """The letters in a type."""
    match kind:
        case t.Array():
            return generics(kind.element)
        case t.Map():
            return generics(kind.key) + generics(kind.value)
        case LambdaOf():
            return [letter for each in (*kind.inputs, kind.output) for letter in generics(each)]
        case _:
            return [kind.name] if isinstance(kind, t.Scalar) and is_generic(kind) else []


def fits(wanted: Accepted, given: Argument, bindings: Bindings, *, casting: bool) -> bool:
    """Whether an argument of one type may be given where another is wanted; binds letters."""
    if isinstance(wanted, LambdaOf) or isinstance(given, LambdaArity):
        return isinstance(wanted, LambdaOf) and isinstance(given, LambdaArity) and len(wanted.inputs) == given.count
    if given == t.NULL or wanted == t.Scalar("ANY"):
        return wanted != INTERVAL
    match wanted, given:
        case (t.Array(), t.Array()):
            return fits(wanted.element, given.element, bindings, casting=False)
        case (t.Map(), t.Map()):
            key = fits(wanted.key, given.key, bindings, casting=False)
            return key and fits(wanted.value, given.value, bindings, casting=False)
        case (t.Scalar(), _) if is_generic(wanted):
            return bindings.setdefault(wanted.name, given) == given
        case (t.Scalar(), _):
            return wanted.name == t.base(given) or (casting and t.base(given) in WIDENINGS.get(wanted.name, ()))
        case _:
            return wanted == given


def filled(kind: t.Type, bindings: Bindings) -> t.Type:
    """The type with its letters replaced; a letter that nothing bound is NULL."""
    match kind:
        case t.Array():
            return t.Array(filled(kind.element, bindings))
        case t.Map():
            return t.Map(filled(kind.key, bindings), filled(kind.value, bindings))
        case t.Struct():
            return t.Struct(tuple((name, filled(of, bindings)) for name, of in kind.fields))
        case t.Scalar() if is_generic(kind):
            return bindings.get(kind.name, t.NULL)
        case _:
            return kind


def written(kind: Accepted | Argument) -> str:
    """The type as error messages have it."""
    return "null" if kind == t.NULL else str(kind)


def parse(text: str) -> Signature:
    """A signature from its text."""
    reader = _Reader(text)
    parameters = []
    reader.expect("(")
    while not reader.accept(")"):
        kind = reader.accepted()
        variadic = reader.accept("...")
        parameters.append(Parameter(kind, reader.take(), variadic))
        reader.accept(",")
    reader.expect("->")
    returns = reader.type()
    if reader.tokens:
        raise ValueError(text)
    return Signature(tuple(parameters), returns)


class _Reader:
    """The tokens of one signature."""

    def __init__(self, text: str) -> None:
        self.tokens = [token for token in TOKEN.findall(text) if token.strip()]

    def take(self) -> str:
        token: str = self.tokens.pop(0)
        return token

    def accept(self, token: str) -> bool:
        if self.tokens[:1] == [token]:
            self.take()
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.accept(token):
            raise ValueError(f"expected {token} before {' '.join(self.tokens)}")

    def accepted(self) -> Accepted:
        if not self.accept("LAMBDA"):
            return self.type()
        inputs = []
        self.expect("(")
        while not self.accept(")"):
            inputs.append(self.type())
            self.accept(",")
        self.expect("=>")
        return LambdaOf(tuple(inputs), self.type())

    def type(self) -> t.Type:
        word = self.take()
        if word == "ARRAY":
            self.expect("<")
            element = self.type()
            self.expect(">")
            return t.Array(element)
        if word == "MAP":
            self.expect("<")
            key = self.type()
            self.expect(",")
            value = self.type()
            self.expect(">")
            return t.Map(key, value)
        if word == "STRUCT" and self.accept("<"):
            fields = []
            while not self.accept(">"):
                name = self.take()
                fields.append((name, self.type()))
                self.accept(",")
            return t.Struct(tuple(fields))
        if word == "DECIMAL" and self.accept("("):
            precision = int(self.take())
            self.expect(",")
            scale = int(self.take())
            self.expect(")")
            return t.Decimal(precision, scale)
        return t.NAMES.get(word, t.Scalar(word))
