"""The same statements about sources, topics and queries of other names: a case on a server has names of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streamguard.engine.language import syntax as s

TOPIC, QUERY_ID = "KAFKA_TOPIC", "QUERY_ID"


def renamed(statements: Sequence[s.Statement], suffix: str) -> list[s.Statement]:
    """What the statements make and use, with `suffix` after each name; other statements as they are.

    A source is read by its own name as before: that becomes its alias.
    """
    return [_statement(each, suffix) for each in statements]


def _statement(statement: s.Statement, suffix: str) -> s.Statement:
    match statement:
        case s.CreateSource():
            given = _properties(statement.properties, suffix, statement.name)
            return replace(statement, name=statement.name + suffix, properties=given)
        case s.CreateAs():
            given = _properties(statement.properties, suffix, statement.name)
            query = _query(statement.query, suffix)
            return replace(statement, name=statement.name + suffix, query=query, properties=given)
        case s.InsertInto():
            given = _properties(statement.properties, suffix, None)
            query = _query(statement.query, suffix)
            return replace(statement, target=statement.target + suffix, query=query, properties=given)
        case s.InsertValues():
            return replace(statement, target=statement.target + suffix)
        case s.Drop():
            return replace(statement, name=statement.name + suffix)
        case _:
            return statement


def _properties(given: tuple[s.Property, ...], suffix: str, name: str | None) -> tuple[s.Property, ...]:
    """The topic's name is that of the source unless it is said; `name` None: the statement makes no source."""
    made = [replace(each, value=f"{each.value}{suffix}") if each.name in (TOPIC, QUERY_ID) else each for each in given]
    if name is not None and all(each.name != TOPIC for each in given):
        made.append(s.Property(TOPIC, name + suffix))
    return tuple(made)


def _query(query: s.Select, suffix: str) -> s.Select:
    joins = tuple(replace(each, source=each.source + suffix, alias=each.alias or each.source) for each in query.joins)
    return replace(query, source=query.source + suffix, alias=query.alias or query.source, joins=joins)
