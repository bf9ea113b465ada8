"""Expressions to typed expressions: names are looked up, types checked, numbers brought to one type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal as Exact
from typing import Any

from streamguard.engine.analysis import calls, comparing
from streamguard.engine.analysis.coerce import decimal_type, to_one_type, widened
from streamguard.engine.analysis.metastore import Source
from streamguard.engine.analysis.typed import Bound, Constant, Construction, Field, Operation, Pseudo, Read, Typed
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.places import Place, excerpt, meant
from streamguard.engine.language.wording import text
from streamguard.engine.values import casts
from streamguard.errors import AnalysisError

PSEUDO: Mapping[str, t.Type] = {"ROWTIME": t.BIGINT, "ROWPARTITION": t.INTEGER, "ROWOFFSET": t.BIGINT}
BOUNDS = ("WINDOWSTART", "WINDOWEND")
ISSUE = "(see https://github.com/confluentinc/ksql/issues/4239)"


def refusal(statement: str, reason: str, place: Place) -> AnalysisError:
    """An error at a place of a statement; line and column count in the whole request, offsets in the statement."""
    return AnalysisError(reason, line=place.line, column=place.column, excerpt=excerpt(statement, place))


class Resolver:
    """Resolves the expressions of one statement that reads one source.

    `pseudo` are the pseudo columns that exist here, `aggregates` says whether aggregate functions may be called,
    `properties` are the query's settings, and `clause` names, in errors, where an expression stands.
    """

    def __init__(
        self,
        source: Source,
        alias: str | None,
        refuse: Callable[[str, Place], AnalysisError],
        *,
        pseudo: Mapping[str, t.Type] = PSEUDO,
        aggregates: bool = False,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = source
        self.alias = alias or source.name
        self.pseudo = pseudo
        self.aggregates = aggregates
        self.properties = properties or {}
        self.clause = "SELECT"
        self.inside_aggregate: list[s.Call] = []
        self.inside_table_call: list[s.Call] = []
        self._refuse = refuse
        self._scopes: list[dict[str, Bound]] = []
        self._numbers = 0

    def refuse(self, reason: str, place: Place) -> AnalysisError:
        """The error; of a condition, it says so."""
        if self.clause in ("WHERE", "HAVING"):
            reason = f"Error in {self.clause} expression: {reason}"
        return self._refuse(reason, place)

    def resolve(self, node: s.Expression) -> Typed:
        """The typed form of an expression."""
        match node:
            case s.Name():
                return self._name(node)
            case s.Literal():
                return Constant(node.value, _literal_type(node.value))
            case s.DecimalLiteral():
                value = Exact(node.text)
                return Constant(value, decimal_type(value))
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
                return calls.call(self, node)
            case s.Case():
                return self._case(node)
            case s.Between() | s.In() | s.Like() | s.IsDistinct():
                return self._predicate(node)
            case _:
                return self._structured(node)

    def condition(self, node: s.Expression, clause: str) -> Typed:
        """An expression of a WHERE or HAVING clause, which must be a BOOLEAN."""
        before, self.clause = self.clause, clause
        made = self.resolve(node)
        if made.type not in (t.BOOLEAN, t.NULL):
            shown = f"{text(node)} ({made.type})"
            reason = f"Type error in {clause} expression: Should evaluate to boolean but is {shown} instead."
            raise self._refuse(reason, node.place)
        self.clause = before
        return made

    def next_number(self) -> int:
        """A number that no other lambda's parameter of this statement has."""
        self._numbers += 1
        return self._numbers

    @contextmanager
    def scope(self, bound: Sequence[Bound]) -> Iterator[None]:
        """Inside, the parameters of a lambda are names."""
        self._scopes.append({each.name: each for each in bound})
        try:
            yield
        finally:
            self._scopes.pop()

    def _name(self, node: s.Name) -> Typed:
        if node.source is None:
            for scope in reversed(self._scopes):
                if node.name in scope:
                    return scope[node.name]
        elif node.source not in (self.alias, self.source.name):
            if self.source.column(node.source):
                reason = f"{node.source} is a column: write {node.source}->{node.name} for a field of it"
                raise self.refuse(reason, node.place)
            reason = f"'{node.source}' is not a valid stream/table name or alias."
            raise self._refuse(f"Failed to prepare statement: {reason}{meant(node.source, [self.alias])}", node.place)
        column = self.source.column(node.name)
        if column is not None:
            return Read(column.name, column.type, column in self.source.keys)
        if node.name in self.pseudo:
            return Pseudo(node.name, self.pseudo[node.name])
        if node.name in BOUNDS and self.clause == "WHERE":
            raise self.refuse(f"Unknown column {node.name}.", node.place)
        known = [column.name for column in (*self.source.columns, *self.source.headers)]
        reason = f"{self.clause} column '{text(node)}' cannot be resolved.{meant(node.name, known)}"
        raise self._refuse(reason, node.place)

    def _field(self, node: s.FieldOf) -> Typed:
        struct = self.resolve(node.struct)
        if not isinstance(struct.type, t.Struct):
            raise self.refuse(f"Expected STRUCT type, got: {struct.type} for {text(node.struct)}", node.place)
        kind = struct.type.field(node.name)
        if kind is None:
            known = [name for name, _ in struct.type.fields]
            reason = f"Could not find field '{node.name}' in '{text(node.struct)}'{meant(node.name, known)}"
            raise self.refuse(reason, node.place)
        return Field(struct, node.name, kind)

    def _unary(self, node: s.Unary) -> Typed:
        operand = self.resolve(node.operand)
        if node.operator == "NOT":
            return Operation("not", (self._boolean(node.operand, operand, "NOT"),), t.BOOLEAN)
        if not t.is_numeric(operand.type):
            raise self.refuse(f"{node.operator} needs a number, but {text(node.operand)} is {operand.type}", node.place)
        return Operation("negate", (operand,), operand.type) if node.operator == "-" else operand

    def _boolean(self, node: s.Expression, made: Typed, operator: str) -> Typed:
        if made.type not in (t.BOOLEAN, t.NULL):
            raise self.refuse(f"{operator} needs BOOLEANs, but {text(node)} is {made.type}", node.place)
        return made

    def _binary(self, node: s.Binary) -> Typed:
        left, right = self.resolve(node.left), self.resolve(node.right)
        if node.operator in ("AND", "OR"):
            sides = (
                self._boolean(node.left, left, node.operator),
                self._boolean(node.right, right, node.operator),
            )
            return Operation("logic", sides, t.BOOLEAN, node.operator)
        if node.operator in comparing.WORDS:
            return comparing.comparison(self, node.operator, (node.left, left), (node.right, right), node.place)
        if node.operator == "+" and left.type == right.type == t.STRING:
            return Operation("concat", (left, right), t.STRING)
        if not (t.is_numeric(left.type) and t.is_numeric(right.type)):
            raise self.refuse(_no_arithmetic(node, left.type, right.type), node.place)
        kind = t.wider(left.type, right.type)
        if isinstance(kind, t.Decimal):
            kind = decimal_result(node.operator, t.as_decimal(left.type), t.as_decimal(right.type))
            return Operation("arithmetic", (left, right), kind, node.operator)
        return Operation("arithmetic", (widened(left, kind), widened(right, kind)), kind, node.operator)

    def _predicate(self, node: s.IsDistinct | s.Between | s.In | s.Like) -> Typed:
        match node:
            case s.Between():
                made = comparing.between(self, node)
            case s.In():
                made = comparing.contained(self, node)
            case s.Like():
                made = comparing.like(self, node)
            case s.IsDistinct():
                operator = "IS NOT DISTINCT FROM" if node.negated else "IS DISTINCT FROM"
                sides = ((node.left, self.resolve(node.left)), (node.right, self.resolve(node.right)))
                return comparing.comparison(self, operator, sides[0], sides[1], node.place)
        return Operation("not", (made,), t.BOOLEAN) if node.negated else made

    def _case(self, node: s.Case) -> Typed:
        operand = None if node.operand is None else (node.operand, self.resolve(node.operand))
        conditions, results = [], []
        for when, then in node.branches:
            made = self.resolve(when)
            if operand is not None:
                made = comparing.comparison(self, "=", operand, (when, made), when.place)
            elif made.type not in (t.BOOLEAN, t.NULL):
                reason = "Invalid Case expression. When operand type should be boolean."
                raise self.refuse(f"{reason}\nType for '{text(when)}' is {made.type}", when.place)
            conditions.append(made)
            results.append((then, self.resolve(then)))
        if node.otherwise is not None:
            results.append((node.otherwise, self.resolve(node.otherwise)))
        kind = self._common(node, results)
        values = [widened(result, kind) for _, result in results]
        if node.otherwise is None:
            values.append(Constant(None, kind))
        pairs = [part for pair in zip(conditions, values[:-1], strict=True) for part in pair]
        return Operation("case", (*pairs, values[-1]), kind)

    def _common(self, node: s.Case, results: list[tuple[s.Expression, Typed]]) -> t.Type:
        kind: t.Type = t.NULL
        for part, result in results:
            if result.type in (kind, t.NULL):
                continue
            if kind == t.NULL:
                kind = result.type
            elif part is node.otherwise:
                reason = "Type for the default clause should be the same as for 'THEN' clauses."
                shown = f"\nTHEN type: {kind}.\nDEFAULT type: {result.type}."
                raise self.refuse(f"Invalid Case expression. {reason}{shown}", part.place)
            else:
                reason = "Type for all 'THEN' clauses should be the same."
                shown = f"\nTHEN expression '{text(part)}' has type: {result.type}."
                shown += f"\nPrevious THEN expression(s) type: {kind}."
                raise self.refuse(f"Invalid Case expression. {reason}{shown}", part.place)
        if kind == t.NULL:
            raise self.refuse("Invalid Case expression. All case branches have NULL type", node.place)
        return kind

    def _structured(self, node: s.Subscript | s.ArrayOf | s.MapOf | s.StructOf | s.Lambda | s.AtTimeZone) -> Typed:
        match node:
            case s.Subscript():
                return self._subscript(node)
            case s.ArrayOf():
                if not node.items:
                    reason = "Array constructor cannot be empty. Please supply at least one element"
                    raise self.refuse(f"{reason} {ISSUE}.", node.place)
                kind, values = to_one_type(self, node.items)
                if kind == t.NULL:
                    reason = f"Cannot construct an array with all NULL elements {ISSUE}."
                    raise self.refuse(
                        f"{reason} As a workaround, you may cast a NULL value to the desired type.", node.place
                    )
                return Construction(tuple(values), t.Array(kind))
            case s.MapOf():
                return self._map(node)
            case s.StructOf():
                names = [name for name, _ in node.fields]
                if len(set(names)) < len(names):
                    raise self.refuse(f"Duplicate field names found in STRUCT: '{text(node)}'", node.place)
                fields = [(name, self.resolve(value)) for name, value in node.fields]
                kind = t.Struct(tuple((name, value.type) for name, value in fields))
                return Construction(tuple(value for _, value in fields), kind)
            case s.Lambda():
                raise self.refuse("a lambda stands where no function takes one", node.place)
            case _:
                raise self.refuse("AT TIME ZONE is not supported by ksqlDB: use CONVERT_TZ", node.place)

    def _map(self, node: s.MapOf) -> Typed:
        if not node.pairs:
            reason = "Map constructor cannot be empty. Please supply at least one key value pair"
            raise self.refuse(f"{reason} {ISSUE}.", node.place)
        key, keys = to_one_type(self, [each for each, _ in node.pairs])
        value, values = to_one_type(self, [each for _, each in node.pairs])
        for kind, part in ((key, "keys"), (value, "values")):
            if kind == t.NULL:
                reason = f"Cannot construct a map with all NULL {part} {ISSUE}."
                raise self.refuse(
                    f"{reason} As a workaround, you may cast a NULL value to the desired type.", node.place
                )
        if isinstance(key, t.Array | t.Map | t.Struct):
            raise self.refuse(f"a MAP has simple keys, not {key}", node.place)
        pairs = [part for pair in zip(keys, values, strict=True) for part in pair]
        return Construction(tuple(pairs), t.Map(key, value))

    def _subscript(self, node: s.Subscript) -> Typed:
        operand, index = self.resolve(node.operand), self.resolve(node.index)
        if isinstance(operand.type, t.Array):
            if index.type not in (t.INTEGER, t.BIGINT):
                raise self.refuse(f"an array's index is a whole number, not {index.type}", node.index.place)
            return Operation("subscript", (operand, index), operand.type.element)
        if isinstance(operand.type, t.Map):
            if index.type != operand.type.key:
                raise self.refuse(
                    f"the keys of {text(node.operand)} are {operand.type.key}, not {index.type}", node.place
                )
            return Operation("subscript", (operand, index), operand.type.value)
        reason = f"Subscript expression can only be used on an array or map, but {text(node.operand)} is {operand.type}"
        raise self.refuse(reason, node.place)

    def cast(self, value: Typed, kind: t.Type, place: Place) -> Typed:
        """``CAST(value AS kind)``."""
        if value.type == t.NULL:
            return Constant(None, kind)
        if value.type == kind:
            return value
        if not casts.exists(value.type, kind):
            raise self.refuse(f"Cast of {value.type} to {kind} is not supported", place)
        return Operation("cast", (value,), kind)


def decimal_result(operator: str, left: t.Decimal, right: t.Decimal) -> t.Decimal:
    """Precision and scale of a computation, by the rules of SQL Server, which ksqlDB follows."""
    scale = max(left.scale, right.scale)
    match operator:
        case "*":
            return t.Decimal(left.precision + right.precision + 1, left.scale + right.scale)
        case "/":
            scale = max(6, left.scale + right.precision + 1)
            return t.Decimal(left.precision - left.scale + right.scale + scale, scale)
        case "%":
            return t.Decimal(min(left.precision - left.scale, right.precision - right.scale) + scale, scale)
        case _:
            whole = max(left.precision - left.scale, right.precision - right.scale)
            return t.Decimal(whole + scale + 1, scale)


def _no_arithmetic(node: s.Binary, left: t.Type, right: t.Type) -> str:
    if t.NULL in (left, right):
        one, other = ("null" if kind == t.NULL else str(kind) for kind in (left, right))
        return f"Error processing expression: {text(node)}. Arithmetic on types {one} and {other} are not supported."
    hint = " (CAST the other side AS STRING)" if t.STRING in (left, right) else ""
    return f"Unsupported arithmetic types. {left} {right} in {text(node)}{hint}"


def _literal_type(value: bool | int | float | str | None) -> t.Type:
    if isinstance(value, bool):
        return t.BOOLEAN
    if isinstance(value, int):
        return t.INTEGER if -(2**31) <= value < 2**31 else t.BIGINT
    if isinstance(value, float):
        return t.DOUBLE
    return t.STRING if isinstance(value, str) else t.NULL
