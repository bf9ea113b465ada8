"""Typed expressions to Python expressions.

A value is a Python expression without side effects. Nulls are None. A comparison with a null is false and arithmetic
with a null is null, as in ksqlDB; AND, OR and NOT of a null are null unless the left side already decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal as Exact
from typing import Any

from streamguard.engine.analysis.typed import (
    Closure,
    Constant,
    Construction,
    Field,
    Invocation,
    Operation,
    Typed,
    is_constant,
)
from streamguard.engine.language import types as t
from streamguard.engine.values import casts, operations

FAILURES = (ArithmeticError, ValueError)  # what an expression that `fails` may raise for one record
RANGES = {
    t.INTEGER: ("-2147483648", "2147483647", "wrap_integer"),
    t.BIGINT: (str(-(2**63)), str(2**63 - 1), "wrap_bigint"),
}
BRANCHES = 40  # of a CASE in one expression
EXACT_SYMBOLS = {"=": "==", "<>": "!="}
EXACT_FUNCTIONS = {"+": "add_decimal", "-": "subtract_decimal", "*": "multiply_decimal"}


@dataclass(frozen=True)
class Code:
    """A Python expression: whether it may be None, may raise one of `FAILURES`, and is a name or literal."""

    text: str
    nullable: bool = True
    fails: bool = False
    atom: bool = False


class Emitter:
    """Writes expressions over local variables; `namespace` collects the objects that the text refers to."""

    def __init__(self, names: Mapping[Typed, str]) -> None:
        self.names = dict(names)
        self.never_null: set[Typed] = set()
        self.namespace: dict[str, Any] = {**casts.NAMESPACE, "attempt": attempt, "element": element}
        self.count = 0

    def emit(self, node: Typed) -> Code:
        """The expression of a typed expression; constant ones are computed now."""
        if node in self.names:
            return Code(self.names[node], node not in self.never_null, atom=True)
        match node:
            case Constant():
                return self.literal(node.value)
            case Field():
                return self._field(node)
            case Operation() | Construction() | Invocation():
                code = self._made(node)
                return self._folded(code) if not code.atom and is_constant(node) else code
            case Closure():
                return self._closure(node)
        raise KeyError(f"no local variable for {node}")

    def _made(self, node: Operation | Construction | Invocation) -> Code:
        match node:
            case Operation():
                return EMITTERS[node.name](self, node)
            case Construction():
                return _construction(self, node)
            case Invocation():
                return _invocation(self, node)

    def literal(self, value: Any) -> Code:
        """A constant."""
        if value is None:
            return Code("None", nullable=True, atom=True)
        if isinstance(value, Exact | list | dict) or (isinstance(value, float) and value - value != 0):
            return Code(self.share("constant", value), nullable=False, atom=True)
        text = repr(value)
        return Code(f"({text})" if text.startswith("-") else text, nullable=False, atom=True)

    def share(self, prefix: str, value: Any) -> str:
        """A name in the namespace for an object."""
        self.count += 1
        name = f"{prefix}_{self.count}"
        self.namespace[name] = value
        return name

    def _folded(self, code: Code) -> Code:
        try:
            return self.literal(eval(code.text, self.namespace))  # noqa: S307  our own text
        except FAILURES:
            return code

    def _field(self, node: Field) -> Code:
        struct = self.emit(node.struct)
        return self.guarded([struct], lambda names: f"{names[0]}[{node.name!r}]", nullable=True)

    def _closure(self, node: Closure) -> Code:
        """A lambda; its parameters may be null, whatever they were outside."""
        names = [f"p{parameter.number}" for parameter in node.parameters]
        self.names.update(zip(node.parameters, names, strict=True))
        body = self.emit(node.body)
        return Code(f"(lambda {', '.join(names)}: {body.text})", nullable=False, fails=body.fails)

    def bound(self, code: Code) -> tuple[str, str]:
        """Text for the first use and for later uses: what is not an atom is computed once."""
        if code.atom:
            return code.text, code.text
        self.count += 1
        name = f"x{self.count}"
        return f"({name} := {code.text})", name

    def guarded(
        self,
        codes: list[Code],
        body: Callable[[list[str]], str],
        *,
        nullable: bool = False,
        fails: bool = False,
        null: str = "None",
    ) -> Code:
        """`body` of the operands, or `null` when one of them is None."""
        uses = [self.bound(code) if code.nullable else (code.text, code.text) for code in codes]
        tests = [f"{first} is None" for (first, _), code in zip(uses, codes, strict=True) if code.nullable]
        text = body([later for _, later in uses])
        fails = fails or any(code.fails for code in codes)
        if not tests:
            return Code(f"({text})", nullable, fails)
        return Code(f"({null} if {' or '.join(tests)} else {text})", nullable or null == "None", fails)

    def without_null(self, node: Typed) -> None:
        """Remember what a true condition says: ``x IS NOT NULL`` and both sides of AND."""
        if isinstance(node, Operation) and node.name == "logic" and node.detail == "AND":
            for side in node.arguments:
                self.without_null(side)
        elif isinstance(node, Operation) and node.name == "is null" and node.detail == "NOT":
            self.never_null.add(node.arguments[0])
        elif isinstance(node, Operation) and node.name == "compare":
            self.never_null.update(node.arguments)


def _arithmetic(emitter: Emitter, node: Operation) -> Code:
    sides = [emitter.emit(side) for side in node.arguments]
    symbol = node.detail
    if isinstance(node.type, t.Decimal):
        return emitter.guarded(sides, lambda names: _exact(symbol, names, node.type), fails=symbol in "/%")
    if symbol in "/%":
        kind = "double" if node.type == t.DOUBLE else "whole"
        function = f"{'divide' if symbol == '/' else 'remainder'}_{kind}"
        wrap = "" if node.type == t.DOUBLE else RANGES[node.type][2]  # type: ignore[index]
        return emitter.guarded(
            sides, lambda names: f"{wrap}({function}({names[0]}, {names[1]}))", fails=node.type != t.DOUBLE
        )
    if node.type == t.DOUBLE:
        return emitter.guarded(sides, lambda names: f"{names[0]} {symbol} {names[1]}")
    return emitter.guarded(sides, lambda names: _wrapped(emitter, f"{names[0]} {symbol} {names[1]}", node.type))


def _exact(symbol: str, names: list[str], kind: t.Type) -> str:
    """DECIMAL arithmetic, whose operands may be whole numbers too."""
    if symbol == "/" and isinstance(kind, t.Decimal):
        return f"divide_decimal({names[0]}, {names[1]}, {kind.precision}, {kind.scale})"
    if symbol == "%":
        return f"remainder_decimal({names[0]}, {names[1]})"
    return f"{EXACT_FUNCTIONS[symbol]}({names[0]}, {names[1]})"


def _wrapped(emitter: Emitter, text: str, kind: t.Type) -> str:
    low, high, wrap = RANGES[kind]  # type: ignore[index]
    emitter.count += 1
    name = f"x{emitter.count}"
    return f"({name} if {low} <= ({name} := {text}) <= {high} else {wrap}({name}))"


def _negate(emitter: Emitter, node: Operation) -> Code:
    operand = emitter.emit(node.arguments[0])
    if node.type == t.DOUBLE:
        return emitter.guarded([operand], lambda names: f"-{names[0]}")
    if isinstance(node.type, t.Decimal):
        return emitter.guarded([operand], lambda names: f"negate_decimal({names[0]})")
    return emitter.guarded([operand], lambda names: _wrapped(emitter, f"-{names[0]}", node.type))


def _concat(emitter: Emitter, node: Operation) -> Code:
    return emitter.guarded([emitter.emit(side) for side in node.arguments], lambda names: f"{names[0]} + {names[1]}")


def _compare(emitter: Emitter, node: Operation) -> Code:
    symbol = EXACT_SYMBOLS.get(node.detail, node.detail)
    codes = [emitter.emit(side) for side in node.arguments]
    return _truth(emitter, codes, lambda names: f"{names[0]} {symbol} {names[1]}")


def _truth(emitter: Emitter, codes: list[Code], body: Callable[[list[str]], str]) -> Code:
    """Like `guarded`, but false where an operand is None. One that can fail is evaluated before later ones."""
    tested = [code.nullable or code.fails for code in codes]
    uses = [emitter.bound(code) if test else (code.text, code.text) for code, test in zip(codes, tested, strict=True)]
    tests = [f"{first} is not None" for (first, _), test in zip(uses, tested, strict=True) if test]
    text = " and ".join([*tests, body([later for _, later in uses])])
    return Code(f"({text})", nullable=False, fails=any(code.fails for code in codes))


def _logic(emitter: Emitter, node: Operation) -> Code:
    left, right = (emitter.emit(side) for side in node.arguments)
    fails = left.fails or right.fails
    nullable = left.nullable or right.nullable
    if node.detail == "AND":
        return Code(f"({left.text} and {right.text})", nullable, fails)
    if not left.nullable:
        return Code(f"({left.text} or {right.text})", nullable, fails)
    first, later = emitter.bound(left)
    return Code(f"(None if {first} is None else {later} or {right.text})", nullable, fails)


def _not(emitter: Emitter, node: Operation) -> Code:
    return emitter.guarded([emitter.emit(node.arguments[0])], lambda names: f"not {names[0]}")


def _is_null(emitter: Emitter, node: Operation) -> Code:
    operand = emitter.emit(node.arguments[0])
    if operand.atom and not operand.nullable:
        return emitter.literal(bool(node.detail))
    return Code(f"({operand.text} is {'not ' if node.detail else ''}None)", nullable=False, fails=operand.fails)


def _distinct(emitter: Emitter, node: Operation) -> Code:
    left, right = (emitter.emit(side) for side in node.arguments)
    symbol = "==" if node.detail else "!="
    return Code(f"({left.text} {symbol} {right.text})", nullable=False, fails=left.fails or right.fails)


def _in(emitter: Emitter, node: Operation) -> Code:
    operand, *choices = (emitter.emit(each) for each in node.arguments)
    if all(isinstance(each, Constant) and each.type != t.NULL for each in node.arguments[1:]):
        values = frozenset(each.value for each in node.arguments[1:] if isinstance(each, Constant))
        name = emitter.share("choices", values)
        return _truth(emitter, [operand], lambda names: f"{names[0]} in {name}")
    listed = ", ".join(choice.text for choice in choices)
    code = _truth(emitter, [operand], lambda names: f"{names[0]} in ({listed},)")
    return replace(code, fails=code.fails or any(choice.fails for choice in choices))


def _like(emitter: Emitter, node: Operation) -> Code:
    operand, pattern = node.arguments
    if isinstance(pattern, Constant) and isinstance(pattern.value, str):
        match = emitter.share("like", operations.like_pattern(pattern.value, node.detail).fullmatch)
        return emitter.guarded([emitter.emit(operand)], lambda names: f"{match}({names[0]}) is not None")
    codes = [emitter.emit(operand), emitter.emit(pattern)]
    return emitter.guarded(codes, lambda names: f"like({names[0]}, {names[1]}, {node.detail!r})")


def _case(emitter: Emitter, node: Operation) -> Code:
    codes = [emitter.emit(each) for each in node.arguments]
    branches = list(zip(codes[:-1:2], codes[1:-1:2], strict=True))
    text = codes[-1].text
    for start in reversed(range(0, len(branches), BRANCHES)):
        part = branches[start : start + BRANCHES]
        if start == 0 and len(branches) <= BRANCHES:
            text = f"({_chosen(part, text)})"
        else:  # Python takes only so many nested expressions: the branches of a long CASE are functions of their own
            missing, name = emitter.share("missing", object()), emitter.share("x", None)
            found = f"(lambda: {_chosen(part, missing)})()"
            text = f"({name} if ({name} := {found}) is not {missing} else {text})"
    results = [*codes[1:-1:2], codes[-1]]
    return Code(text, any(code.nullable for code in results), any(code.fails for code in codes))


def _chosen(branches: list[tuple[Code, Code]], otherwise: str) -> str:
    return "".join(f"{result.text} if {condition.text} else " for condition, result in branches) + otherwise


def _cast(emitter: Emitter, node: Operation) -> Code:
    source = node.arguments[0].type
    operand = emitter.emit(node.arguments[0])
    found = casts.pattern(source, node.type)
    if found is None or isinstance(source, t.Array | t.Map | t.Struct):
        convert = emitter.share("cast", casts.function(source, node.type))
        return emitter.guarded([operand], lambda names: f"{convert}({names[0]})", fails=True)
    return emitter.guarded([operand], lambda names: found.text.format(names[0]), fails=found.fails)


def _subscript(emitter: Emitter, node: Operation) -> Code:
    codes = [emitter.emit(each) for each in node.arguments]
    if isinstance(node.arguments[0].type, t.Map):
        return emitter.guarded(codes, lambda names: f"{names[0]}.get({names[1]})", nullable=True)
    return emitter.guarded(codes, lambda names: f"element({names[0]}, {names[1]})", nullable=True)


def element(values: list[Any], index: int) -> Any:
    """An element of an array, counted from 1, or from its end when negative; null where there is none."""
    place = index - 1 if index > 0 else len(values) + index
    return values[place] if index and 0 <= place < len(values) else None


def _construction(emitter: Emitter, node: Construction) -> Code:
    codes = [_tried(emitter.emit(each)) for each in node.arguments]
    texts = [code.text for code in codes]
    match node.type:
        case t.Array():
            made = f"[{', '.join(texts)}]"
        case t.Map():
            pairs = zip(texts[::2], texts[1::2], strict=True)
            made = f"{{{', '.join(f'{key}: {value}' for key, value in pairs)}}}"
        case t.Struct():
            pairs = zip([name for name, _ in node.type.fields], texts, strict=True)
            made = f"{{{', '.join(f'{name!r}: {value}' for name, value in pairs)}}}"
        case _:
            raise KeyError(node.type)
    return Code(made, nullable=False)


def _tried(code: Code) -> Code:
    """A part that fails is null, as in ksqlDB: the whole is not lost."""
    return Code(f"attempt(lambda: {code.text})") if code.fails else code


def _invocation(emitter: Emitter, node: Invocation) -> Code:
    function = node.function
    codes = [_argument(emitter, node, index) for index in range(len(node.arguments))]
    inline = function.inline
    run = None if inline else emitter.share(function.name.lower(), function.run)

    def body(names: list[str]) -> str:
        return inline.format(*names) if inline else f"{run}({', '.join(names)})"

    if not function.nulls:
        return emitter.guarded(codes, body, nullable=True, fails=function.fails)
    return Code(f"({body([code.text for code in codes])})", True, function.fails or any(c.fails for c in codes))


def _argument(emitter: Emitter, node: Invocation, index: int) -> Code:
    """An argument's code. What a costly constant means is found out now.

    An argument that fails is null for a function that takes nulls, as in ksqlDB, so that IFNULL and COALESCE can help.
    """
    argument = node.arguments[index]
    code = emitter.emit(argument)
    prepare = node.function.prepare.get(index)
    if prepare is not None:
        if isinstance(argument, Constant) and argument.value is not None:
            try:
                return Code(emitter.share("prepared", prepare(argument.value)), nullable=False, atom=True)
            except FAILURES:
                pass
        name = emitter.share("prepare", prepare)
        code = emitter.guarded([code], lambda names: f"{name}({names[0]})", fails=True)
    return _tried(code) if node.function.nulls else code


def attempt(compute: Callable[[], Any]) -> Any:
    """The value, null when it fails."""
    try:
        return compute()
    except FAILURES:
        return None


EMITTERS: dict[str, Callable[[Emitter, Operation], Code]] = {
    "arithmetic": _arithmetic,
    "as value": lambda emitter, node: emitter.emit(node.arguments[0]),
    "case": _case,
    "cast": _cast,
    "compare": _compare,
    "concat": _concat,
    "distinct": _distinct,
    "in": _in,
    "is null": _is_null,
    "like": _like,
    "logic": _logic,
    "negate": _negate,
    "not": _not,
    "subscript": _subscript,
}
