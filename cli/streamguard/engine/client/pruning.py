"""What a server has that no file declares, and how it can be ended."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from streamguard.engine.client.declared import Declared, names
from streamguard.engine.client.deployed import Deployed
from streamguard.engine.client.ordering import needs
from streamguard.engine.language.printing import name as printed_name

SERVERS_OWN = frozenset(("KSQL_PROCESSING_LOG",))
Ending = tuple[str, tuple[str, ...], list[str], str]


def strays(declared: Sequence[Declared], deployed: Deployed, elsewhere: Collection[str]) -> list[str]:
    """Streams and tables that no file declares, nor any declared statement needs."""
    needed = {name for each in declared for name in needs(each.statement)}
    kept = {*names(declared)} | needed | set(elsewhere) | SERVERS_OWN
    return [name for name in deployed.sources if name not in kept and not _uses(name, deployed) & set(elsewhere)]


def _uses(name: str, deployed: Deployed) -> set[str]:
    """The names of what is made from a source."""
    return {deployed.queries[query].sink for query in deployed.sources[name].readers if query in deployed.queries}


def stray_inserts(declared: Sequence[Declared], deployed: Deployed, taken: Collection[str]) -> list[str]:
    """Queries that insert into what is declared, and that no file declares; `taken` are those that one does."""
    named = names(declared)
    queries = deployed.queries.values()
    return [query.id for query in queries if query.is_insert and query.sink in named and query.id not in taken]


def endings(names: Collection[str], deployed: Deployed, ended: Collection[str]) -> Iterator[Ending]:
    """For each, users first: its name, the statements that end it, the queries that end with it, and what stays.

    `ended`: queries that end anyway.
    """
    done = set(ended)
    for name in _users_first(names, deployed):
        source = deployed.sources[name]
        queries = [query for query in dict.fromkeys((*source.writers, *source.readers)) if query not in done]
        done.update(queries)
        texts = [f"TERMINATE {printed_name(query)}" for query in queries]
        texts.append(f"DROP {source.kind} {printed_name(name)}")
        yield name, tuple(texts), queries, f"topic '{source.topic}' and its records stay"


def _users_first(names: Collection[str], deployed: Deployed) -> list[str]:
    """The names so that what is made from a source stands before it."""
    ordered: list[str] = []
    path: set[str] = set()

    def visit(name: str) -> None:
        if name in ordered or name in path or name not in names:
            return
        path.add(name)
        for user in sorted(_uses(name, deployed)):
            visit(user)
        ordered.append(name)

    for name in sorted(names):
        visit(name)
    return ordered
