"""Statements in one form, so that what was written and what a server shows of it can be compared, line by line.

ksqlDB shows a query with its columns' source in front of them, with every alias, and with properties of its topic that
nobody wrote. `canonical` takes away what says nothing; `lines` prints the rest, a column or clause a line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, replace
from typing import Any

from streamguard.engine.language import printing
from streamguard.engine.language import syntax as s

Made = s.CreateSource | s.CreateAs | s.InsertInto
MADE = (s.CreateSource, s.CreateAs, s.InsertInto)
INJECTED = frozenset(("PARTITIONS", "REPLICAS", "RETENTION_MS", "CLEANUP_POLICY", "KEY_FORMAT", "VALUE_FORMAT"))
"""Properties that a server adds to a statement that does not say them; what they are worth is compared elsewhere."""
FORMATS = frozenset(("KEY_FORMAT", "VALUE_FORMAT", "WINDOW_TYPE"))
NEGATED = (s.Between, s.In, s.Like, s.IsNull, s.IsDistinct)
INDENT = "  "
Columns = Mapping[str, Collection[str]]


def canonical(statement: Made, columns: Columns | None = None) -> Made:
    """The statement without what says nothing. `columns` of sources by name tell whose a column of a join is."""
    given = _properties(statement)
    if isinstance(statement, s.CreateSource):
        return replace(statement, properties=given, or_replace=False, if_not_exists=False)
    query = _select(statement.query, columns or {})
    if isinstance(statement, s.InsertInto):
        return replace(statement, properties=given, query=query)
    return replace(statement, properties=given, query=query, or_replace=False, if_not_exists=False)


def without_injected(shown: Made, wanted: Made) -> Made:
    """What a server shows, without the properties that it may have added to `wanted`; both are canonical."""
    said = {each.name for each in wanted.properties}
    return replace(shown, properties=tuple(p for p in shown.properties if p.name in said or p.name not in INJECTED))


def lines(statement: Made) -> list[str]:
    """The statement, a column or a clause a line."""
    match statement:
        case s.CreateSource():
            source = "SOURCE " if statement.is_source else ""
            columns = [printing.column(each) for each in statement.columns]
            return _block(f"CREATE {source}{statement.kind} {printing.name(statement.name)} (", columns, ")") + _with(
                statement.properties
            )
        case s.CreateAs():
            head = f"CREATE {statement.kind} {printing.name(statement.name)}"
            return [head, *_with(statement.properties), "AS", *_query(statement.query)]
        case s.InsertInto():
            head = f"INSERT INTO {printing.name(statement.target)}"
            return [head, *_with(statement.properties), *_query(statement.query)]


def _properties(statement: Made) -> tuple[s.Property, ...]:
    given: dict[str, Any] = {}
    for each in statement.properties:
        if each.name == "FORMAT":
            given |= {"KEY_FORMAT": str(each.value).upper(), "VALUE_FORMAT": str(each.value).upper()}
        else:
            given[each.name] = str(each.value).upper() if each.name in FORMATS else each.value
    if isinstance(statement, s.CreateAs) and given.get("KAFKA_TOPIC") == statement.name:
        del given["KAFKA_TOPIC"]
    if isinstance(statement, s.CreateSource) and given.get("KEY_FORMAT") == "KAFKA":
        del given["KEY_FORMAT"]
    return tuple(s.Property(name, value) for name, value in sorted(given.items()))


def _select(query: s.Select, columns: Columns) -> s.Select:
    owner = _owner(query, columns)

    def simple(node: Any) -> Any:
        match node:
            case s.Name():
                return replace(node, source=owner(node))
            case s.Star() if not query.joins:
                return replace(node, source=None)
            case s.Literal(value=float(value)):  # a server may show 2.5E0 as 2.5
                return s.DecimalLiteral(repr(value))
            case s.Unary(operator="NOT", operand=operand) if isinstance(operand, NEGATED):
                return replace(operand, negated=not operand.negated)
            case _:
                return node

    made: s.Select = _rebuilt(query, simple)
    joins = tuple(replace(each, alias=None) for each in made.joins)
    items = tuple(_item(each) for each in made.items)
    return replace(made, items=items, alias=None, joins=joins, emit_changes=not made.final)


def _owner(query: s.Select, columns: Columns) -> Callable[[s.Name], str | None]:
    """Whose a column is: nobody's when there is one source, else that of the source's own name."""
    aliases = {query.alias or query.source: query.source}
    aliases |= {each.alias or each.source: each.source for each in query.joins}

    def owner(node: s.Name) -> str | None:
        if not query.joins:
            return None
        if node.source is not None:
            return aliases.get(node.source, node.source)
        found = [source for source in aliases.values() if node.name in columns.get(source, ())]
        return found[0] if len(found) == 1 else None

    return owner


def _item(item: s.Item | s.Star | s.StructStar) -> s.Item | s.Star | s.StructStar:
    """Without an alias that the column has anyway."""
    if not isinstance(item, s.Item) or item.alias is None:
        return item
    node = item.expression
    names = {node.name, f"{node.source}_{node.name}"} if isinstance(node, s.Name) else set()
    names |= {node.name} if isinstance(node, s.FieldOf) else set()
    return replace(item, alias=None) if item.alias in names or item.alias.startswith("KSQL_COL_") else item


def _rebuilt(node: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with every node changed, the innermost first."""
    if isinstance(node, tuple):
        return tuple(_rebuilt(each, change) for each in node)
    if not isinstance(node, s.Node):
        return node
    parts = {each.name: getattr(node, each.name) for each in fields(node) if each.compare}
    return change(replace(node, **{name: _rebuilt(part, change) for name, part in parts.items()}))


def _with(properties: tuple[s.Property, ...]) -> list[str]:
    shown = [f"{printing.name(each.name)} = {printing.literal(each.value)}" for each in properties]
    return _block("WITH (", shown, ")") if shown else []


def _block(head: str, inner: list[str], end: str) -> list[str]:
    last = len(inner) - 1
    return [head, *(f"{INDENT}{each}{'' if number == last else ','}" for number, each in enumerate(inner)), end]


def _query(query: s.Select) -> list[str]:
    items = [printing.item(each) for each in query.items]
    made = [*_block("SELECT", items, "")[:-1], f"FROM {printing.name(query.source)}"]
    made += [printing.join(each) for each in query.joins]
    made += [] if query.window is None else [f"WINDOW {printing.window(query.window)}"]
    made += _conditions("WHERE", query.where)
    for clause, keys in (("GROUP BY", query.group), ("PARTITION BY", query.partition)):
        made += [] if keys is None else [f"{clause} {', '.join(map(printing.expression, keys)) or '()'}"]
    made += _conditions("HAVING", query.having)
    made.append("EMIT FINAL" if query.final else "EMIT CHANGES")
    return made if query.limit is None else [*made, f"LIMIT {query.limit}"]


def _conditions(clause: str, condition: s.Expression | None) -> list[str]:
    """``WHERE a`` and ``  AND b`` a line each."""
    if condition is None:
        return []
    parts, rest = [], condition
    while isinstance(rest, s.Binary) and rest.operator == "AND":
        parts.append(rest.right)
        rest = rest.left
    first, *others = [rest, *reversed(parts)]
    return [f"{clause} {printing.expression(first)}", *(f"{INDENT}AND {printing.expression(each)}" for each in others)]
