"""Expressions brought to one type: the elements of an IN list, an array or a map, and values for columns.

Literals convert more freely than other expressions: a text that is a number becomes one, any literal becomes a text.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from decimal import Decimal as Exact
from typing import TYPE_CHECKING

from streamguard.engine.analysis.typed import Constant, Construction, Operation, Typed
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.wording import text
from streamguard.engine.values import moments, operations

if TYPE_CHECKING:
    from streamguard.engine.analysis.resolve import Resolver

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
TEMPORAL = (t.DATE, t.TIME, t.TIMESTAMP)
HINT = "\nHint: You might need to add explicit type casts."


class Mismatch(Exception):
    """Two types have none in common."""


def to_one_type(resolver: Resolver, nodes: Sequence[s.Expression], wording: str = "") -> tuple[t.Type, list[Typed]]:
    """The expressions as values of one type, and that type; NULL when all are nulls. `wording` begins refusals."""
    pairs = [(node, resolver.resolve(node)) for node in nodes]
    kind: t.Type = t.NULL
    for node, value in pairs:
        try:
            kind = merged(resolver, kind, node, value, wording)
        except Mismatch:
            reason = f"{wording}operator does not exist: {kind} = {value.type} ({text(node)}){HINT}"
            raise resolver.refuse(reason, node.place) from None
    return kind, [converted(resolver, node, value, kind) for node, value in pairs]


def merged(resolver: Resolver, kind: t.Type, node: s.Expression, value: Typed, wording: str) -> t.Type:
    """The type that holds values of `kind` and of the expression. Raises Mismatch."""
    given = value.type
    if given in (t.NULL, kind):
        return kind
    if kind == t.NULL:
        return given
    if t.is_numeric(kind) and t.is_numeric(given):
        return t.wider(kind, given)
    if isinstance(node, s.Literal | s.DecimalLiteral):
        return _with_literal(resolver, kind, node, given, wording)
    match kind, node:
        case (t.Array(), s.ArrayOf()):
            return t.Array(_all(resolver, kind.element, node.items, wording))
        case (t.Map(), s.MapOf()):
            keys = _all(resolver, kind.key, [key for key, _ in node.pairs], wording)
            return t.Map(keys, _all(resolver, kind.value, [each for _, each in node.pairs], wording))
        case (t.Struct(), s.StructOf()):
            return _struct_with(resolver, kind, node, wording)
        case _:
            return joined(kind, given)


def joined(one: t.Type, other: t.Type) -> t.Type:
    """The type that holds values of both. Raises Mismatch."""
    if other in (one, t.NULL):
        return one
    if one == t.NULL:
        return other
    match one, other:
        case (t.Array(), t.Array()):
            return t.Array(joined(one.element, other.element))
        case (t.Map(), t.Map()):
            return t.Map(joined(one.key, other.key), joined(one.value, other.value))
        case (t.Struct(), t.Struct()):
            fields = dict(one.fields)
            for name, of in other.fields:
                fields[name] = joined(fields[name], of) if name in fields else of
            return t.Struct(tuple(fields.items()))
        case _ if t.is_numeric(one) and t.is_numeric(other):
            return t.wider(one, other)
    raise Mismatch


def _all(resolver: Resolver, kind: t.Type, nodes: Sequence[s.Expression], wording: str) -> t.Type:
    for node in nodes:
        kind = merged(resolver, kind, node, resolver.resolve(node), wording)
    return kind


def _struct_with(resolver: Resolver, kind: t.Struct, node: s.StructOf, wording: str) -> t.Type:
    fields = dict(kind.fields)
    for name, each in node.fields:
        fields[name] = merged(resolver, fields.get(name, t.NULL), each, resolver.resolve(each), wording)
    return t.Struct(tuple(fields.items()))


def _with_literal(
    resolver: Resolver, kind: t.Type, node: s.Literal | s.DecimalLiteral, given: t.Type, wording: str
) -> t.Type:
    if kind == t.STRING:
        return kind
    if given != t.STRING or not isinstance(node, s.Literal):
        raise Mismatch
    if t.is_numeric(kind) or kind == t.BOOLEAN or kind in TEMPORAL:
        made = from_text(str(node.value), kind)
        if made is None:
            reason = f'{wording}invalid input syntax for type {t.base(kind)}: "{node.value}".'
            raise resolver.refuse(reason, node.place)
        return t.wider(kind, made.type) if t.is_numeric(kind) else kind
    raise Mismatch


def from_text(word: str, kind: t.Type) -> Constant | None:
    """The constant that a text literal is for a type, None when it is none."""
    if kind == t.BOOLEAN:
        words = {
            word[:length]: word in ("true", "yes") for word in ("true", "false", "yes", "no") for length in range(1, 6)
        }
        return Constant(words[word.lower()], t.BOOLEAN) if word.lower() in words else None
    if kind in TEMPORAL:
        read = {t.DATE: moments.date_of_text, t.TIME: moments.time_of_text, t.TIMESTAMP: moments.timestamp_of_text}
        try:
            return Constant(read[kind](word), kind)
        except ValueError:
            return None
    if not NUMBER.fullmatch(word.strip()) or len(word) > 1000:
        return None
    if kind == t.DOUBLE or "e" in word.lower():
        return Constant(float(word), t.DOUBLE)
    value = Exact(word.strip())
    if value != value.to_integral_value(context=operations.EXACT):
        return Constant(value, decimal_type(value))
    whole = int(value)
    if -(2**31) <= whole < 2**31:
        return Constant(whole, t.INTEGER)
    return Constant(whole, t.BIGINT) if -(2**63) <= whole < 2**63 else Constant(value, decimal_type(value))


def decimal_type(value: Exact) -> t.Decimal:
    """The smallest DECIMAL that holds the digits of a literal."""
    _, digits, exponent = value.as_tuple()
    scale = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return t.Decimal(max(len(digits), scale), scale)


def converted(resolver: Resolver, node: s.Expression, value: Typed, kind: t.Type) -> Typed:
    """The expression as a value of the type that `merged` found."""
    if kind in (value.type, t.NULL):
        return value
    if value.type == t.NULL:
        return Constant(None, kind)
    if isinstance(node, s.Literal | s.DecimalLiteral):
        literal = node.text if isinstance(node, s.DecimalLiteral) else node.value
        if kind == t.STRING:
            return Constant(str(literal).lower() if isinstance(literal, bool) else str(literal), t.STRING)
        if isinstance(literal, str) and value.type == t.STRING:
            return widened(from_text(literal, kind) or Constant(None, kind), kind)
    match kind, node:
        case (t.Array(), s.ArrayOf()):
            items = [converted(resolver, each, resolver.resolve(each), kind.element) for each in node.items]
            return Construction(tuple(items), kind)
        case (t.Map(), s.MapOf()):
            made: list[Typed] = []
            for key, each in node.pairs:
                made.append(converted(resolver, key, resolver.resolve(key), kind.key))
                made.append(converted(resolver, each, resolver.resolve(each), kind.value))
            return Construction(tuple(made), kind)
        case (t.Struct(), s.StructOf()):
            given = dict(node.fields)
            return Construction(
                tuple(
                    converted(resolver, given[name], resolver.resolve(given[name]), of)
                    if name in given
                    else Constant(None, of)
                    for name, of in kind.fields
                ),
                kind,
            )
    return widened(value, kind)


def widened(value: Typed, kind: t.Type) -> Typed:
    """The value cast to the type; a number that is a constant at once."""
    if value.type == kind:
        return value
    if value.type == t.NULL:
        return Constant(None, kind)
    if kind == t.DOUBLE and isinstance(value, Constant) and isinstance(value.value, int | float | Exact):
        return Constant(float(value.value), t.DOUBLE)
    return Operation("cast", (value,), kind)


def assigned(resolver: Resolver, node: s.Expression, kind: t.Type) -> Typed:
    """The expression as a value for a column of the type, as INSERT VALUES converts.

    Numbers widen and are rounded to a DECIMAL's scale, texts become dates, times, timestamps and bytes (of base64);
    nothing else is converted.

    Raises:
        Mismatch: it can not be one.
    """
    value = resolver.resolve(node)
    match kind, node:
        case (t.Array(), s.ArrayOf()):
            return Construction(tuple(assigned(resolver, each, kind.element) for each in node.items), kind)
        case (t.Map(), s.MapOf()):
            pairs = [(assigned(resolver, k, kind.key), assigned(resolver, v, kind.value)) for k, v in node.pairs]
            return Construction(tuple(part for pair in pairs for part in pair), kind)
        case (t.Struct(), s.StructOf()):
            given = dict(node.fields)
            if not given.keys() <= dict(kind.fields).keys():
                raise Mismatch
            fields = [assigned(resolver, given.get(name, s.Literal(None)), of) for name, of in kind.fields]
            return Construction(tuple(fields), kind)
    return _assigned_value(value, kind)


def _assigned_value(value: Typed, kind: t.Type) -> Typed:
    if value.type in (kind, t.NULL):
        return widened(value, kind)
    if value.type == t.STRING and kind == t.BYTES and isinstance(value, Constant):
        try:
            return Constant(base64.b64decode(str(value.value), validate=True), t.BYTES)
        except binascii.Error:
            raise Mismatch from None
    if value.type == t.STRING and kind in TEMPORAL:
        return widened(value, kind)
    if t.is_numeric(value.type) and t.is_numeric(kind):
        rounded = isinstance(kind, t.Decimal) and value.type != t.DOUBLE
        if rounded or t.wider(value.type, kind) == kind:
            return widened(value, kind)
    raise Mismatch
