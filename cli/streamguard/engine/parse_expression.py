"""Expressions and types, by precedence: OR < AND < NOT < predicate < + - < * / % < sign < ``->``."""

from __future__ import annotations

from streamguard.engine import syntax as s
from streamguard.engine import types
from streamguard.engine.reader import RESERVED, Reader
from streamguard.engine.tokens import DECIMAL, DOUBLE, INTEGER, NAME, STRING

COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
DEPTH = 60  # of nested expressions; deeper ones would exhaust Python's stack and its parser
CONSTRUCTORS = {"ARRAY": "ARRAY[…]", "MAP": "MAP(…)", "STRUCT": "STRUCT(…)"}


def _balanced(operator: str, sides: list[s.Expression]) -> s.Expression:
    """A chain of AND or OR as a tree of small height: the order of evaluation and the result are the same."""
    if len(sides) == 1:
        return sides[0]
    half = (len(sides) + 1) // 2
    left, right = _balanced(operator, sides[:half]), _balanced(operator, sides[half:])
    return s.Binary(operator, left, right, place=left.place.to(right.place))


class Expressions(Reader):
    """A reader that knows expressions."""

    depth = 0

    def expression(self) -> s.Expression:
        """Read one expression."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.refuse(f"this expression is nested more than {DEPTH} deep", self.token.place)
        sides = [self._conjunction()]
        while self.accept("OR"):
            sides.append(self._conjunction())
        self.depth -= 1
        return _balanced("OR", sides)

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
        symbol = self.token.value if self.token.kind == "symbol" else ""
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
            choices = [self.expression()]
            while self.accept(","):
                choices.append(self.expression())
            self.expect(")")
            return s.In(left, tuple(choices), negated, place=left.place.to(self.last))
        if self.accept("LIKE"):
            pattern = self._sum()
            escape = self.string("the escape character in quotes") if self.accept("ESCAPE") else None
            return s.Like(left, pattern, escape, negated, place=left.place.to(self.last))
        if negated:
            raise self.unexpected("expected BETWEEN, IN or LIKE after NOT")
        return left

    def _is(self, left: s.Expression) -> s.Expression:
        negated = self.accept("NOT")
        if self.accept("NULL"):
            return s.IsNull(left, negated, place=left.place.to(self.last))
        if self.accept("DISTINCT", "FROM"):
            right = self._sum()
            return s.IsDistinct(left, right, negated, place=left.place.to(right.place))
        raise self.unexpected("expected NULL or DISTINCT FROM after IS")

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
        number = self.token.kind in (INTEGER, DECIMAL, DOUBLE)
        negative = bool(signs) and signs[-1].value == "-" and number
        operand = self._arrows(negative)
        if negative:
            signs.pop()
        for sign in reversed(signs):
            operand = s.Unary(sign.value, operand, place=sign.place.to(operand.place))
        return operand

    def _arrows(self, negative: bool = False) -> s.Expression:
        made = self._primary(negative)
        while True:
            if self.accept("->"):
                if self.sees("*"):
                    raise self.unsupported("->*")
                made = s.FieldOf(made, self.field_name(), place=made.place.to(self.last))
            elif self.sees("["):
                raise self.unsupported("an element of an array or map, x[…],")
            else:
                return made

    def field_name(self) -> str:
        """A field after ``->``: reserved words too, as ksqlDB allows."""
        token = self.token
        if token.kind == NAME:
            return self.take().value
        return self.name("the name of a field")

    def _primary(self, negative: bool) -> s.Expression:
        token = self.token
        word = token.kind == NAME and token.value in ("NULL", "TRUE", "FALSE")
        if word or token.kind in (INTEGER, DECIMAL, DOUBLE, STRING):
            return self._literal(negative)
        if self.accept("("):
            inside = self.expression()
            if self.sees(",") or self.sees(")", "=>"):
                raise self.unsupported("a list of expressions in parentheses, or a lambda,", token.place)
            self.expect(")")
            return inside
        if self.sees("CASE"):
            return self._case()
        if self.sees("CAST", "("):
            return self._cast()
        if (
            token.kind == NAME
            and token.value in CONSTRUCTORS
            and (self.sees(token.value, "(") or self.sees("ARRAY", "["))
        ):
            raise self.unsupported(CONSTRUCTORS[token.value])
        return self._name_or_call()

    def _literal(self, negative: bool) -> s.Expression:
        token = self.take()
        sign = "-" if negative else ""
        place = self.tokens[self.index - 2].place.to(token.place) if negative else token.place
        if token.kind == DECIMAL:
            return s.DecimalLiteral(sign + token.value, place=place)
        if token.kind == INTEGER:
            value = int(sign + token.value)
            if not -(2**63) <= value < 2**63:
                raise self.refuse(f"{value} does not fit into a BIGINT", place)
            return s.Literal(value, place=place)
        if token.kind == DOUBLE:
            return s.Literal(float(sign + token.value), place=place)
        if token.kind == STRING:
            return s.Literal(token.value, place=place)
        return s.Literal({"NULL": None, "TRUE": True, "FALSE": False}[token.value], place=place)

    def _case(self) -> s.Expression:
        start = self.take().place
        operand = None if self.sees("WHEN") else self.expression()
        branches = []
        while self.accept("WHEN"):
            condition = self.expression()
            self.expect("THEN")
            branches.append((condition, self.expression()))
        if not branches:
            raise self.unexpected("expected WHEN")
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

    def _name_or_call(self) -> s.Expression:
        start = self.token.place
        if self.token.kind == NAME and self.token.value not in RESERVED and self.sees(self.token.value, "("):
            return self._call()
        first = self.name("an expression")
        if self.sees("=>"):
            raise self.unsupported("a lambda (=>)", start)
        if self.accept("."):
            return s.Name(self.field_name(), first, place=start.to(self.last))
        return s.Name(first, place=start)

    def _call(self) -> s.Expression:
        token = self.take()
        self.expect("(")
        if self.accept("*"):
            self.expect(")")
            raise self.unsupported(f"{token.value}(*)", token.place)
        arguments = []
        if not self.sees(")"):
            arguments.append(self.expression())
            while self.accept(","):
                arguments.append(self.expression())
        self.expect(")")
        return s.Call(token.value, tuple(arguments), place=token.place.to(self.last))

    def type(self) -> types.Type:
        """Read a type."""
        self.depth += 1
        token = self.token
        if self.depth > DEPTH:
            raise self.refuse(f"this type is nested more than {DEPTH} deep", token.place)
        word = token.value if token.kind == NAME else ""
        made: types.Type
        if word in types.NAMES:
            self.take()
            made = types.NAMES[word]
            if made == types.STRING and self.accept("("):
                if not self.accept("STRING"):
                    self.integer("a length")
                self.expect(")")
        elif word in ("DECIMAL", "ARRAY", "MAP", "STRUCT"):
            made = {"DECIMAL": self._decimal, "ARRAY": self._array, "MAP": self._map, "STRUCT": self._struct}[word]()
        else:
            raise self.unexpected("expected a type", known=[*types.NAMES, "DECIMAL", "ARRAY", "MAP", "STRUCT"])
        self.depth -= 1
        return made

    def _decimal(self) -> types.Type:
        place = self.take().place
        self.expect("(")
        precision = self.integer("the number of digits")
        scale = self.integer("the number of digits after the point") if self.accept(",") else 0
        self.expect(")")
        if precision < 1 or scale > precision:
            raise self.refuse(f"DECIMAL({precision}, {scale}) needs 1 <= precision and scale <= precision", place)
        return types.Decimal(precision, scale)

    def _array(self) -> types.Type:
        self.take()
        self.expect("<")
        element = self.type()
        self.expect(">")
        return types.Array(element)

    def _map(self) -> types.Type:
        self.take()
        self.expect("<")
        key = self.type()
        self.expect(",")
        value = self.type()
        self.expect(">")
        return types.Map(key, value)

    def _struct(self) -> types.Type:
        self.take()
        if self.accept("<>"):
            return types.Struct(())
        self.expect("<")
        fields: list[tuple[str, types.Type]] = []
        while not self.sees(">"):
            place = self.token.place
            name = self.field_name()
            if name in dict(fields):
                raise self.refuse(f"the STRUCT has two fields {name}", place)
            fields.append((name, self.type()))
            if not self.accept(","):
                break
        self.expect(">")
        return types.Struct(tuple(fields))
