"""Expressions to typed expressions: names are looked up, types checked, numbers brought to one type."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal as Exact

from streamguard.engine import syntax as s
from streamguard.engine import types as t
from streamguard.engine.metastore import Source
from streamguard.engine.places import Place, excerpt, meant
from streamguard.engine.printing import expression as printed
from streamguard.engine.typed import Constant, Field, Operation, Pseudo, Read, Typed
from streamguard.errors import AnalysisError

PSEUDO = {"ROWTIME": t.BIGINT, "ROWPARTITION": t.INTEGER, "ROWOFFSET": t.BIGINT}
WORDS = {
    "=": "EQUAL",
    "<>": "NOT_EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
}
CASTS = {
    t.STRING: (t.BOOLEAN, t.INTEGER, t.BIGINT, t.DOUBLE),
    t.BOOLEAN: (t.STRING,),
    t.INTEGER: (t.BIGINT, t.DOUBLE, t.STRING),
    t.BIGINT: (t.INTEGER, t.DOUBLE, t.STRING),
    t.DOUBLE: (t.INTEGER, t.BIGINT, t.STRING),
}


def refusal(text: str, reason: str, place: Place) -> AnalysisError:
    """An error at a place of a statement; line and column count in the whole request, offsets in the statement."""
    return AnalysisError(reason, line=place.line, column=place.column, excerpt=excerpt(text, place))


class Resolver:
    """Resolves the expressions of one statement that reads one source; `text` is where places point into."""

    def __init__(self, source: Source, alias: str | None, refuse: Callable[[str, Place], AnalysisError]) -> None:
        self.source = source
        self.alias = alias or source.name
        self.refuse = refuse

    def resolve(self, node: s.Expression) -> Typed:
        """The typed form of an expression."""
        match node:
            case s.Name():
                return self._name(node)
            case s.Literal():
                return Constant(node.value, _literal_type(node.value))
            case s.DecimalLiteral():
                value = Exact(node.text)
                return Constant(value, _decimal_type(value))
            case s.FieldOf():
                return self._field(node)
            case s.Unary():
                return self._unary(node)
            case s.Binary():
                return self._binary(node)
            case s.IsNull():
                return Operation("is null", (self.resolve(node.operand),), t.BOOLEAN, "NOT" if node.negated else "")
            case s.Cast():
                return self.cast(self.resolve(node.operand), node.type, node.place)
            case s.Call():
                return self._call(node)
            case s.Case():
                return self._case(node)
            case s.Subscript() | s.ArrayOf() | s.MapOf() | s.StructOf() | s.Lambda() | s.AtTimeZone():
                raise self.refuse(f"{printed(node)} is not supported yet by the embedded engine", node.place)
            case _:
                return self._predicate(node)

    def condition(self, node: s.Expression, clause: str) -> Typed:
        """An expression that must be a BOOLEAN."""
        made = self.resolve(node)
        if made.type not in (t.BOOLEAN, t.NULL):
            raise self.refuse(
                f"the {clause} expression must be BOOLEAN, but {printed(node)} is {made.type}", node.place
            )
        return made

    def _name(self, node: s.Name) -> Typed:
        if node.source is not None and node.source not in (self.alias, self.source.name):
            if self.source.column(node.source):
                reason = f"{node.source} is a column: write {node.source}->{node.name} for a field of it"
                raise self.refuse(reason, node.place)
            raise self.refuse(f"no source {node.source} in this query{meant(node.source, [self.alias])}", node.place)
        column = self.source.column(node.name)
        if column is not None:
            return Read(column.name, column.type, column in self.source.keys)
        if node.name in PSEUDO:
            return Pseudo(node.name, PSEUDO[node.name])
        known = [column.name for column in self.source.columns]
        raise self.refuse(f"no column {node.name} in {self.source.name}{meant(node.name, known)}", node.place)

    def _field(self, node: s.FieldOf) -> Typed:
        struct = self.resolve(node.struct)
        if not isinstance(struct.type, t.Struct):
            raise self.refuse(f"{printed(node.struct)} is {struct.type}, not a STRUCT: it has no fields", node.place)
        kind = struct.type.field(node.name)
        if kind is None:
            known = [name for name, _ in struct.type.fields]
            raise self.refuse(f"no field {node.name} in {printed(node.struct)}{meant(node.name, known)}", node.place)
        return Field(struct, node.name, kind)

    def _unary(self, node: s.Unary) -> Typed:
        if node.operator == "NOT":
            return Operation("not", (self.condition(node.operand, "NOT"),), t.BOOLEAN)
        operand = self.resolve(node.operand)
        if not t.is_numeric(operand.type):
            raise self.refuse(
                f"{node.operator} needs a number, but {printed(node.operand)} is {operand.type}", node.place
            )
        self._no_decimal(operand.type, node.place)
        return Operation("negate", (operand,), operand.type) if node.operator == "-" else operand

    def _binary(self, node: s.Binary) -> Typed:
        if node.operator in ("AND", "OR"):
            sides = (self.condition(node.left, node.operator), self.condition(node.right, node.operator))
            return Operation("logic", sides, t.BOOLEAN, node.operator)
        left, right = self.resolve(node.left), self.resolve(node.right)
        if node.operator in WORDS:
            return self._comparison(node.operator, (node.left, left), (node.right, right), node.place)
        if node.operator == "+" and left.type == right.type == t.STRING:
            return Operation("concat", (left, right), t.STRING)
        if not (t.is_numeric(left.type) and t.is_numeric(right.type)):
            reason = f"Unsupported arithmetic types. {left.type} {right.type} in {printed(node)}"
            raise self.refuse(
                reason + (" (CAST the other side AS STRING)" if t.STRING in (left.type, right.type) else ""), node.place
            )
        kind = t.wider(left.type, right.type)
        self._no_decimal(kind, node.place)
        return Operation("arithmetic", (widened(left, kind), widened(right, kind)), kind, node.operator)

    def _no_decimal(self, kind: t.Type, place: Place) -> None:
        if isinstance(kind, t.Decimal):
            reason = "DECIMAL arithmetic is not supported yet by the embedded engine (write 1.5E0 for a DOUBLE)"
            raise self.refuse(reason, place)

    def _comparison(
        self, operator: str, left: tuple[s.Expression, Typed], right: tuple[s.Expression, Typed], place: Place
    ) -> Typed:
        kinds = (left[1].type, right[1].type)
        sides = (left[1], right[1])
        if all(map(t.is_numeric, kinds)):
            kind = t.wider(*kinds)
            return Operation("compare", tuple(widened(side, kind) for side in sides), t.BOOLEAN, operator)
        ordered = kinds[0] == t.STRING
        if t.NULL in kinds or (kinds[0] == kinds[1] and (ordered or operator in ("=", "<>"))):
            return Operation("compare", sides, t.BOOLEAN, operator)
        raise self.refuse(
            f"Cannot compare {printed(left[0])} ({kinds[0]}) to {printed(right[0])} ({kinds[1]}) "
            f"with {WORDS[operator]}.",
            place,
        )

    def _predicate(self, node: s.IsDistinct | s.Between | s.In | s.Like) -> Typed:
        match node:
            case s.Between():
                operand = (node.operand, self.resolve(node.operand))
                low = self._comparison(">=", operand, (node.low, self.resolve(node.low)), node.place)
                high = self._comparison("<=", operand, (node.high, self.resolve(node.high)), node.place)
                made = Operation("logic", (low, high), t.BOOLEAN, "AND")
            case s.In():
                made = self._in(node)
            case s.Like():
                made = self._like(node)
            case s.IsDistinct():
                sides = ((node.left, self.resolve(node.left)), (node.right, self.resolve(node.right)))
                compared = self._comparison("=", sides[0], sides[1], node.place)
                arguments = compared.arguments if isinstance(compared, Operation) else ()
                return Operation("distinct", arguments, t.BOOLEAN, "NOT" if node.negated else "")
        return Operation("not", (made,), t.BOOLEAN) if node.negated else made

    def _in(self, node: s.In) -> Operation:
        operand = self.resolve(node.operand)
        choices = [self._choice(operand.type, choice) for choice in node.choices]
        kind = operand.type
        if t.is_numeric(kind):
            for choice in choices:
                kind = t.wider(kind, choice.type) if t.is_numeric(choice.type) else kind
        return Operation("in", tuple(widened(each, kind) for each in (operand, *choices)), t.BOOLEAN)

    def _choice(self, kind: t.Type, node: s.Expression) -> Typed:
        """One element of an IN list, brought to the type of the left side: literals convert, columns do not."""
        made = self.resolve(node)
        literal = node.text if isinstance(node, s.DecimalLiteral) else getattr(node, "value", None)
        is_literal = isinstance(node, s.Literal | s.DecimalLiteral)
        if made.type == t.NULL or t.comparable(made.type, kind):
            return made
        if is_literal and kind == t.STRING:
            return Constant(str(literal).lower() if isinstance(literal, bool) else str(literal), t.STRING)
        if is_literal and made.type == t.STRING and (t.is_numeric(kind) or kind == t.BOOLEAN):
            return self._literal_from_text(kind, str(literal), node.place)
        reason = f"Invalid Predicate: operator does not exist: {kind} = {made.type} ({printed(node)})"
        raise self.refuse(reason + "\nHint: You might need to add explicit type casts.", node.place)

    def _literal_from_text(self, kind: t.Type, text: str, place: Place) -> Typed:
        words = {
            word[:length]: word in ("true", "yes") for word in ("true", "false", "yes", "no") for length in range(1, 6)
        }
        if kind == t.BOOLEAN and text.lower() in words:
            return Constant(words[text.lower()], t.BOOLEAN)
        if t.is_numeric(kind) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
            if kind == t.DOUBLE:
                return Constant(float(text), t.DOUBLE)
            value = Exact(text)
            return Constant(int(value), t.BIGINT) if value == int(value) else Constant(value, _decimal_type(value))
        raise self.refuse(f'Invalid Predicate: invalid input syntax for type {kind}: "{text}".', place)

    def _like(self, node: s.Like) -> Operation:
        operand, pattern = self.resolve(node.operand), self.resolve(node.pattern)
        for side, made in ((node.operand, operand), (node.pattern, pattern)):
            if made.type not in (t.STRING, t.NULL):
                raise self.refuse(f"LIKE compares STRINGs, but {printed(side)} is {made.type}", side.place)
        if node.escape is not None and len(node.escape) != 1:
            raise self.refuse("ESCAPE takes one character", node.place)
        return Operation("like", (operand, pattern), t.BOOLEAN, node.escape or "")

    def _case(self, node: s.Case) -> Typed:
        operand = None if node.operand is None else (node.operand, self.resolve(node.operand))
        conditions, results = [], []
        for when, then in node.branches:
            if operand is None:
                conditions.append(self.condition(when, "WHEN"))
            else:
                conditions.append(self._comparison("=", operand, (when, self.resolve(when)), when.place))
            results.append((then, self.resolve(then)))
        if node.otherwise is not None:
            results.append((node.otherwise, self.resolve(node.otherwise)))
        kind = self._common(results)
        made = [widened(result, kind) for _, result in results]
        if node.otherwise is None:
            made.append(Constant(None, t.NULL))
        pairs = [part for pair in zip(conditions, made[:-1], strict=True) for part in pair]
        return Operation("case", (*pairs, made[-1]), kind)

    def _common(self, results: list[tuple[s.Expression, Typed]]) -> t.Type:
        kind: t.Type = t.NULL
        for node, result in results:
            if result.type in (kind, t.NULL):
                continue
            if kind == t.NULL:
                kind = result.type
            elif t.is_numeric(kind) and t.is_numeric(result.type):
                kind = t.wider(kind, result.type)
            else:
                raise self.refuse(
                    f"a CASE has one type: {kind} before, but {printed(node)} is {result.type}", node.place
                )
        return kind

    def _call(self, node: s.Call) -> Typed:
        if node.name == "AS_VALUE":
            if len(node.arguments) != 1:
                raise self.refuse(f"AS_VALUE takes one argument, not {len(node.arguments)}", node.place)
            made = self.resolve(node.arguments[0])
            return Operation("as value", (made,), made.type)
        raise self.refuse(f"function {node.name} is not supported yet by the embedded engine", node.place)

    def cast(self, value: Typed, kind: t.Type, place: Place) -> Typed:
        """``CAST(value AS kind)``."""
        if value.type in (kind, t.NULL):
            return Constant(None, kind) if value.type == t.NULL else value
        if isinstance(value, Constant) and isinstance(value.value, Exact):
            if kind == t.STRING:
                return Constant(str(value.value), t.STRING)
            if kind in (t.DOUBLE, t.INTEGER, t.BIGINT):
                value = Constant(float(value.value), t.DOUBLE)
                return value if kind == t.DOUBLE else Operation("cast", (value,), kind)
        if isinstance(value.type, t.Scalar) and kind in CASTS.get(value.type, ()):
            return Operation("cast", (value,), kind)
        raise self.refuse(f"a CAST from {value.type} to {kind} is not supported yet by the embedded engine", place)


def widened(value: Typed, kind: t.Type) -> Typed:
    """The number as the wider type; other values as they are."""
    if value.type in (kind, t.NULL):
        return value
    if kind == t.DOUBLE and t.is_numeric(value.type):
        if isinstance(value, Constant) and not isinstance(value.value, str | None):
            return Constant(float(value.value), t.DOUBLE)
        return Operation("cast", (value,), t.DOUBLE)
    return value


def _literal_type(value: bool | int | float | str | None) -> t.Type:
    if isinstance(value, bool):
        return t.BOOLEAN
    if isinstance(value, int):
        return t.INTEGER if -(2**31) <= value < 2**31 else t.BIGINT
    if isinstance(value, float):
        return t.DOUBLE
    return t.STRING if isinstance(value, str) else t.NULL


def _decimal_type(value: Exact) -> t.Type:
    _, digits, exponent = value.as_tuple()
    scale = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return t.Decimal(max(len(digits), scale), scale)
