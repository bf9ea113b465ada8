"""Expressions, by precedence: OR < AND < NOT < predicate < + - < * / % < sign < AT TIME ZONE < ``->`` ``[…]``.

What stands left of a predicate, between commas of GROUP BY or in a subscript is a *value*: it has no AND, OR, NOT or
predicate of its own, unless in parentheses.
"""

from __future__ import annotations

import math

from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.parse_type import Types
from streamguard.engine.language.places import Place
from streamguard.engine.language.tokens import DECIMAL, DOUBLE, NAME, QUOTED, STRING, SYMBOL

COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
CONSTANTS: dict[str, bool | None] = {"NULL": None, "TRUE": True, "FALSE": False}
TYPED_TEXT = {"DATE": t.DATE, "TIME": t.TIME, "TIMESTAMP": t.TIMESTAMP}


def _balanced(operator: str, sides: list[s.Expression]) -> s.Expression:
    """A chain of AND or OR as a tree of small height: the order of evaluation and the result are the same."""
    if len(sides) == 1:
        return sides[0]
    half = (len(sides) + 1) // 2
    left, right = _balanced(operator, sides[:half]), _balanced(operator, sides[half:])
    return s.Binary(operator, left, right, place=left.place.to(right.place))


class Expressions(Types):
    """A reader that knows expressions."""

    def expression(self) -> s.Expression:
        """Read one expression."""
        self.deeper("expression")
        sides = [self._conjunction()]
        while self.accept("OR"):
            sides.append(self._conjunction())
        self.depth -= 1
        return _balanced("OR", sides)

    def value(self) -> s.Expression:
        """Read one value: an expression without AND, OR, NOT and predicates."""
        self.deeper("expression")
        made = self._sum()
        self.depth -= 1
        return made

    def expressions(self, end: str) -> tuple[s.Expression, ...]:
        """Read expressions with commas between them, and what ends them; there may be none."""
        made: list[s.Expression] = []
        while not self.accept(end):
            if made:
                self.expect(",")
            made.append(self.expression())
            if not self.sees(",") and not self.sees(end):
                self.expect(end)
        return tuple(made)

    def _conjunction(self) -> s.Expression:
        sides = [self._negation()]
        while self.accept("AND"):
            sides.append(self._negation())
        return _balanced("AND", sides)

    def _negation(self) -> s.Expression:
        signs = []
        while self.sees("NOT"):
            signs.append(self.take().place)
        operand = self._predicate()
        for place in reversed(signs):
            operand = s.Unary("NOT", operand, place=place.to(operand.place))
        return operand

    def _predicate(self) -> s.Expression:
        left = self._sum()
        symbol = self.token.value if self.token.kind == SYMBOL else ""
        if symbol in COMPARISONS:
            self.take()
            right = self._sum()
            return s.Binary(COMPARISONS[symbol], left, right, place=left.place.to(right.place))
        if self.accept("IS"):
            return self._is(left)
        negated = self.accept("NOT")
        if self.accept("BETWEEN"):
            low = self._sum()
            self.expect("AND")
            return s.Between(left, low, self._sum(), negated, place=left.place.to(self.last))
        if self.accept("IN"):
            self.expect("(")
            if self.sees(")"):
                raise self.unexpected("expected an expression")
            return s.In(left, self.expressions(")"), negated, place=left.place.to(self.last))
        if self.accept("LIKE"):
            pattern = self._sum()
            escape = self.string("the escape character in quotes") if self.accept("ESCAPE") else None
            return s.Like(left, pattern, escape, negated, place=left.place.to(self.last))
        if negated:
            raise self.unexpected("expected BETWEEN, IN or LIKE after NOT", known=["BETWEEN", "IN", "LIKE"])
        return left

    def _is(self, left: s.Expression) -> s.Expression:
        negated = self.accept("NOT")
        if self.accept("NULL"):
            return s.IsNull(left, negated, place=left.place.to(self.last))
        if self.accept("DISTINCT", "FROM"):
            right = self._sum()
            return s.IsDistinct(left, right, negated, place=left.place.to(right.place))
        raise self.unexpected("expected NULL or DISTINCT FROM after IS", known=["NULL", "DISTINCT"])

    def _sum(self) -> s.Expression:
        left = self._product()
        while self.sees("+") or self.sees("-") or self.sees("||"):
            if self.sees("||"):
                raise self.refuse("no version of ksqlDB can run ||: join text with +", self.token.place)
            operator = self.take().value
            right = self._product()
            left = s.Binary(operator, left, right, place=left.place.to(right.place))
        return left

    def _product(self) -> s.Expression:
        left = self._signed()
        while self.sees("*") or self.sees("/") or self.sees("%"):
            operator = self.take().value
            right = self._signed()
            left = s.Binary(operator, left, right, place=left.place.to(right.place))
        return left

    def _signed(self) -> s.Expression:
        signs = []
        while self.sees("-") or self.sees("+"):
            signs.append(self.take())
        negative = bool(signs) and signs[-1].value == "-" and self.sees_number()
        operand = self.primary(negative)
        while self.accept("AT", "TIME", "ZONE"):
            operand = s.AtTimeZone(operand, self.string("a time zone in quotes"), place=operand.place.to(self.last))
        if negative:
            signs.pop()
        for sign in reversed(signs):
            operand = s.Unary(sign.value, operand, place=sign.place.to(operand.place))
        return operand

    def primary(self, negative: bool = False) -> s.Expression:
        """Read what stands before and after ``->`` and ``[…]``; it ends before ``->*``."""
        made = self._first(negative)
        while True:
            if self.sees("->") and not self.sees("->", "*"):
                self.take()
                made = s.FieldOf(made, self.field_name(), place=made.place.to(self.last))
            elif self.accept("["):
                index = self.value()
                self.expect("]")
                made = s.Subscript(made, index, place=made.place.to(self.last))
            else:
                return made

    def _first(self, negative: bool) -> s.Expression:
        token = self.token
        if self.sees_number():
            return self._number(negative)
        if token.kind == STRING:
            return s.Literal(self.take().value, place=token.place)
        if token.kind == NAME and token.value in CONSTANTS:
            return s.Literal(CONSTANTS[self.take().value], place=token.place)
        if self.accept("("):
            inside = self.expression()
            self.expect(")")
            return inside
        if self.sees("CASE"):
            return self._case()
        if self.sees("CAST"):
            return self._cast()
        if self.sees("ARRAY", "["):
            return self._array_of()
        if self.sees("MAP", "("):
            return self._map_of()
        if self.sees("STRUCT", "("):
            return self._struct_of()
        if self.ahead().kind == STRING and self.sees_name():
            return self._typed_text()
        return self._name_or_call()

    def _number(self, negative: bool) -> s.Expression:
        token = self.take()
        text = f"-{token.value}" if negative else token.value
        place = self.tokens[self.index - 2].place.to(token.place) if negative else token.place
        if token.kind == DECIMAL:
            return s.DecimalLiteral(text, place=place)
        if token.kind == DOUBLE:
            return s.Literal(self.double(text, place), place=place)
        value = int(text)
        if not -(2**63) <= value < 2**63:
            raise self.invalid(f"Invalid numeric literal: {text}", place)
        return s.Literal(value, place=place)

    def double(self, text: str, place: Place) -> float:
        """The number of that text, if a DOUBLE can hold it."""
        double = float(text)
        if math.isinf(double):
            raise self.invalid(f"Number overflows DOUBLE: {text}", place)
        return double

    def _typed_text(self) -> s.Expression:
        """``DATE '2026-01-31'``: a cast."""
        start = self.take()
        text = self.take()
        place = start.place.to(text.place)
        if start.kind != NAME or start.value not in TYPED_TEXT:
            raise self.invalid(f"Unknown type: {start.value}", place)
        return s.Cast(s.Literal(text.value, place=text.place), TYPED_TEXT[start.value], place=place)

    def _case(self) -> s.Expression:
        start = self.take().place
        operand = None if self.sees("WHEN") else self.expression()
        branches = []
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            raise self.unexpected("expected WHEN", known=["WHEN"])
        otherwise = self.expression() if self.accept("ELSE") else None
        self.expect("END")
        return s.Case(operand, tuple(branches), otherwise, place=start.to(self.last))

    def _cast(self) -> s.Expression:
        start = self.take().place
        self.expect("(")
        operand = self.expression()
        self.expect("AS")
        kind = self.type()
        self.expect(")")
        return s.Cast(operand, kind, place=start.to(self.last))

    def _array_of(self) -> s.Expression:
        start = self.take().place
        self.expect("[")
        return s.ArrayOf(self.expressions("]"), place=start.to(self.last))

    def _map_of(self) -> s.Expression:
        start = self.take().place
        self.expect("(")
        pairs: list[tuple[s.Expression, s.Expression]] = []
        while not self.accept(")"):
            if pairs:
                self.expect(",")
            key = self.expression()
            self.expect(":=")
            pairs.append((key, self.expression()))
            if not self.sees(",") and not self.sees(")"):
                self.expect(")")
        return s.MapOf(tuple(pairs), place=start.to(self.last))

    def _struct_of(self) -> s.Expression:
        start = self.take().place
        self.expect("(")
        fields: dict[str, s.Expression] = {}
        while not self.accept(")"):
            if fields:
                self.expect(",")
            place = self.token.place
            name = self.field_name()
            if name in fields:
                raise self.refuse(f"Duplicate field names found in STRUCT: {name}", place)
            self.expect(":=")
            fields[name] = self.expression()
            if not self.sees(",") and not self.sees(")"):
                self.expect(")")
        return s.StructOf(tuple(fields.items()), place=start.to(self.last))

    def _name_or_call(self) -> s.Expression:
        start = self.token.place
        if self.ahead().text == "(" and self.sees_name():
            return self._call()
        first = self.name("an expression")
        if self.accept("."):
            return s.Name(self.field_name(), first, place=start.to(self.last))
        return s.Name(first, place=start)

    def _call(self) -> s.Expression:
        token = self.take()
        self.expect("(")
        arguments: list[s.Expression] = []
        if not self.accept("*", ")"):
            while not self.accept(")"):
                if arguments:
                    self.expect(",")
                arguments.append(self._lambda() if self._sees_lambda() else self.expression())
                if not self.sees(",") and not self.sees(")"):
                    self.expect(")")
        return s.Call(token.value.upper(), tuple(arguments), place=token.place.to(self.last))

    def _sees_lambda(self) -> bool:
        """Whether ``x =>`` or ``(x, y) =>`` comes next."""
        if self.ahead().text == "=>":
            return True
        if not self.sees("("):
            return False
        offset = 1
        while self.ahead(offset).kind in (NAME, QUOTED):
            if self.ahead(offset + 1).text == ")":
                return self.ahead(offset + 2).text == "=>"
            if self.ahead(offset + 1).text != ",":
                return False
            offset += 2
        return False

    def _lambda(self) -> s.Expression:
        start = self.token.place
        parameters: list[str] = []
        if self.accept("("):
            while True:
                parameters.append(self._parameter(parameters))
                if self.ends_list():
                    break
        else:
            parameters.append(self._parameter(()))
        self.expect("=>")
        body = self.expression()
        return s.Lambda(tuple(parameters), body, place=start.to(body.place))

    def _parameter(self, earlier: list[str] | tuple[()]) -> str:
        place = self.token.place
        name = self.name("the name of a parameter")
        if name in earlier:
            raise self.refuse(f"Lambda arguments have duplicate names: {name}", place)
        return name
