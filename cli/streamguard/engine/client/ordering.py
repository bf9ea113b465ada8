"""The order in which statements can be carried out: what makes a source comes before what uses it."""

from __future__ import annotations

from collections.abc import Sequence

from streamguard.engine.client.declared import Declared
from streamguard.engine.language import syntax as s


def reads(statement: s.Statement) -> set[str]:
    """The names of the sources that a statement's query reads."""
    if not isinstance(statement, s.CreateAs | s.InsertInto):
        return set()
    return {statement.query.source, *(each.source for each in statement.query.joins)}


def needs(statement: s.Statement) -> set[str]:
    """The names of the sources that must be there before a statement."""
    written = {statement.target} if isinstance(statement, s.InsertInto | s.InsertValues) else set()
    return reads(statement) | written


def in_order(declared: Sequence[Declared]) -> list[Declared]:
    """The statements as they are written, but none before what makes its sources; types come first."""
    makers = {each.statement.name: each for each in declared if isinstance(each.statement, s.CreateSource | s.CreateAs)}
    ordered: list[Declared] = [each for each in declared if isinstance(each.statement, s.CreateType)]
    done = {id(each) for each in ordered}
    for each in declared:
        waiting = [each]
        path: set[int] = set()
        while waiting:
            last = waiting[-1]
            path.add(id(last))
            missing = [makers[name] for name in sorted(needs(last.statement)) if name in makers]
            missing = [maker for maker in missing if id(maker) not in done and id(maker) not in path]
            if missing:
                waiting.append(missing[0])
                continue
            waiting.pop()
            if id(last) not in done:
                done.add(id(last))
                ordered.append(last)
    return ordered
