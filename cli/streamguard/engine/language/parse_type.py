"""Types: ``INT``, ``DECIMAL(5, 2)``, ``STRUCT<a ARRAY<STRING>>``, and names that CREATE TYPE gave."""

from __future__ import annotations

from streamguard.engine.language import types as t
from streamguard.engine.language.places import meant
from streamguard.engine.language.reader import Reader
from streamguard.engine.language.tokens import INTEGER, NAME, QUOTED

NESTED = ("ARRAY", "DECIMAL", "MAP", "STRUCT")
DEPTH = 60  # of nested expressions and types; deeper ones would exhaust Python's stack and its parser


class Types(Reader):
    """A reader that knows types."""

    depth = 0

    def deeper(self, what: str) -> None:
        """One level further in; `depth` is counted down by who called this."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.refuse(f"this {what} is nested more than {DEPTH} deep", self.token.place)

    def type(self) -> t.Type:
        """Read a type."""
        self.deeper("type")
        if self.sees("ARRAY", "<"):
            made: t.Type = self._array()
        elif self.sees("MAP", "<"):
            made = self._map()
        elif self.sees("STRUCT", "<") or self.sees("STRUCT", "<>"):
            made = self._struct()
        elif self.sees("DECIMAL", "("):
            made = self._decimal()
        else:
            made = self._named()
        arrays = 0
        while self.accept("ARRAY"):
            arrays += 1
            made = t.Array(made)
            if self.depth + arrays > DEPTH:
                raise self.refuse(f"this type is nested more than {DEPTH} deep", self.last)
        self.depth -= 1
        return made

    def _named(self) -> t.Type:
        token = self.token
        if not self.sees_name():
            raise self.unexpected("expected a type", known=[*t.NAMES, *NESTED, *self.types])
        self.take()
        if self.accept("("):
            self._parameters()
        if token.kind == NAME and token.value in t.NAMES:
            return t.NAMES[token.value]
        if token.value in self.types:
            return self.types[token.value]
        hint = meant(token.value, [*t.NAMES, *NESTED, *self.types])
        raise self.invalid(f"Cannot resolve unknown type: {token.value}{hint}", token.place)

    def _parameters(self) -> None:
        """``VARCHAR(STRING)``, ``VARCHAR(20)``: read and forgotten, as ksqlDB does."""
        while True:
            if self.token.kind != INTEGER and not self.sees("STRING"):
                raise self.unexpected("expected STRING or a whole number", detail="Expecting {'STRING', INTEGER_VALUE}")
            self.take()
            if self.ends_list():
                return

    def _decimal(self) -> t.Type:
        place = self.take().place
        self.expect("(")
        precision = self.integer("DECIMAL")
        self.expect(",")
        scale = self.integer("DECIMAL")
        self.expect(")")
        shown = f"DECIMAL({precision},{scale})"
        if precision < 1:
            raise self.invalid(f"DECIMAL precision must be >= 1: {shown}", place)
        if scale < 0:
            raise self.invalid(f"DECIMAL scale must be >= 0: {shown}", place)
        if precision < scale:
            raise self.invalid(f"DECIMAL precision must be >= scale: {shown}", place)
        return t.Decimal(precision, scale)

    def _array(self) -> t.Type:
        self.expect("ARRAY", "<")
        element = self.type()
        self.expect(">")
        return t.Array(element)

    def _map(self) -> t.Type:
        self.expect("MAP", "<")
        key = self.type()
        self.expect(",")
        value = self.type()
        self.expect(">")
        return t.Map(key, value)

    def _struct(self) -> t.Type:
        self.expect("STRUCT")
        if self.accept("<>"):
            return t.Struct(())
        self.expect("<")
        fields: dict[str, t.Type] = {}
        while not self.sees(">"):
            place = self.token.place
            name = self.field_name()
            if name in fields:
                raise self.refuse(f"the STRUCT has two fields {name}", place)
            fields[name] = self.type()
            if not self.accept(","):
                break
        self.expect(">")
        return t.Struct(tuple(fields.items()))

    def field_name(self) -> str:
        """The name of a field: reserved words too, as ksqlDB allows."""
        if self.token.kind in (NAME, QUOTED) and self.token.value:
            return self.take().value
        raise self.unexpected("expected the name of a field")
