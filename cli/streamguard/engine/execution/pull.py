"""Pull queries: what they may ask, and which keys of a table they want. Pure.

A WHERE clause is brought into disjunctive form. If every part of it names every key column with ``=``, only those keys
are looked up; otherwise the whole table is read, unless a property forbids that. The clause itself is evaluated on
what was found, as in any other query.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from streamguard.engine.analysis.coerce import Mismatch, assigned
from streamguard.engine.analysis.grouping import BOUNDS, nodes_in
from streamguard.engine.analysis.metastore import Column, HeaderColumn, Metastore, Source
from streamguard.engine.analysis.plan import QueryPlan, plan
from streamguard.engine.analysis.refusals import Refuse, refuser
from streamguard.engine.analysis.resolve import Resolver
from streamguard.engine.analysis.typed import Pseudo, Read
from streamguard.engine.codecs import key_encoder
from streamguard.engine.execution.emit import FAILURES, Emitter
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.types import quoted
from streamguard.engine.language.wording import text
from streamguard.errors import AnalysisError

SCANS, RANGES = "ksql.query.pull.table.scan.enabled", "ksql.query.pull.range.scan.enabled"
SEE = "See https://cnfl.io/queries for more info."
HINT = (
    "Pull queries require a WHERE clause that:\n"  # noqa: S608  words for people
    " - includes a key equality expression, e.g. `SELECT * FROM X WHERE <key-column>=Y;`.\n"
    " - in the case of a multi-column key, is a conjunction of equality expressions that cover all key columns.\n"
    f"If more flexible queries are needed, table scans can be enabled by setting {SCANS}=true."
)
NO_SCAN = f"Query requires table scan to be enabled. Table scans can be enabled by setting {SCANS}=true."
COMBINED = "A comparison condition on the key column cannot be combined with other comparisons such as an IN predicate."
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
UNKNOWN = ("ROWPARTITION", "ROWOFFSET")
"""Pseudo columns that ksqlDB's stores do not keep."""
MOST_PARTS = 10_000
"""A WHERE clause that makes more parts than this is not looked up but read through."""


@dataclass(frozen=True)
class Pull:
    """A pull query, understood. `plan` has no sink; `keys` are the bytes of the keys to look up, None: all rows."""

    plan: QueryPlan
    keys: frozenset[bytes] | None = None

    @property
    def marks(self) -> list[str]:
        """What is said of each of its columns, of a table: a key, or a bound of a window, or of the headers."""
        source = self.plan.source
        return [_mark(output.expression, source) if source.is_table else "" for output in self.plan.values]


def _mark(expression: object, source: Source) -> str:
    if isinstance(expression, Pseudo):
        return "KEY" if expression.name in BOUNDS else ""
    if not isinstance(expression, Read):
        return ""
    column = source.column(expression.name)
    return "KEY" if expression.is_key else column.mark if isinstance(column, HeaderColumn) else ""


def pull(statement: s.Query, metastore: Metastore, session: Mapping[str, str]) -> Pull:
    """Understand a SELECT without EMIT; `session` are the properties in force.

    Raises:
        AnalysisError: it does not fit what exists, or a pull query does not have it.
    """
    query, refuse = statement.query, refuser(statement)
    _check_clauses(query, refuse)
    made = plan(statement, metastore, session)
    assert isinstance(made, QueryPlan)
    if not made.source.is_table:
        return Pull(made)
    if not metastore.writers(made.source.name) and not made.source.is_source:
        raise refuse(_not_queryable(made.source), query.source_place)
    if query.where is None:
        if not _enabled(session, SCANS):
            raise refuse(f"Missing WHERE clause. {SEE}\n{HINT}", query.place)
        return Pull(made)
    return Pull(made, _Where(query, made.source, session, refuse).keys())


def _check_clauses(query: s.Select, refuse: Refuse) -> None:
    negative = query.limit is not None and query.limit < 0
    clauses = {
        "WINDOW clauses": query.window is not None,
        "JOIN clauses": bool(query.joins),
        "GROUP BY clauses": query.group is not None,
        "PARTITION BY clauses": query.partition is not None,
        "HAVING clauses": query.having is not None,
        "negative integers in the LIMIT clause": negative,
    }
    for clause, present in clauses.items():
        if present:
            push = "" if negative else "\nAdd EMIT CHANGES if you intended to issue a push query."
            raise refuse(f"Pull queries don't support {clause}. {SEE}{push}", query.place)
    for clause, part in (("SELECT", query.items), ("WHERE", query.where)):
        places = {name.name: name.place for name in nodes_in(part, s.Name) if name.name in UNKNOWN}
        if places:
            shown = ", ".join(map(quoted, places))
            reason = f"Pull queries don't support the following columns in {clause} clauses: {shown}"
            raise refuse(reason, next(iter(places.values())))


def _not_queryable(source: Source) -> str:
    name = source.name
    return (
        f"The {quoted(name)} table isn't queryable. To derive a queryable table, you can do 'CREATE TABLE "  # noqa: S608
        f"QUERYABLE_{name} AS SELECT * FROM {name}'. {SEE}"
    )


def _enabled(session: Mapping[str, str], name: str) -> bool:
    return session.get(name, "true").lower() != "false"


class _NeedsScan(Exception):
    """The keys can not be told from the clause; carries what ksqlDB says when it may not scan."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Where:
    """The WHERE clause of a query over a table."""

    def __init__(self, query: s.Select, source: Source, session: Mapping[str, str], refuse: Refuse) -> None:
        assert query.where is not None
        self.clause: s.Expression = query.where
        self.alias = query.alias
        self.source = source
        self.session = session
        self.refuse = refuse

    def keys(self) -> frozenset[bytes] | None:
        """The bytes of the keys to look up; None: scan."""
        try:
            return self._keys()
        except _NeedsScan as exc:
            if _enabled(self.session, SCANS):
                return None
            raise self.refuse(exc.reason, self.clause.place) from None

    def _keys(self) -> frozenset[bytes] | None:
        parts = list(islice(disjuncts(self.clause), MOST_PARTS + 1))
        if len(parts) > MOST_PARTS:
            raise _NeedsScan(NO_SCAN)
        found = [self._part(part) for part in parts]
        ranges = [part for part in found if any(operator != "=" for operator, _ in part.values())]
        if ranges:
            kinds = [column.type for column in self.source.keys]
            scannable = len(found) == 1 and kinds == [t.STRING] and self.source.window is None
            if scannable and _enabled(self.session, RANGES):
                return None
            raise _NeedsScan(NO_SCAN)
        encode = key_encoder(self.source.keys, self.source.key_format, self.source.key_options)
        made = [
            encode(tuple(self._value(column, part[column.name][1]) for column in self.source.keys)) for part in found
        ]
        return frozenset(key for key in made if key is not None)

    def _part(self, part: list[s.Expression]) -> dict[str, tuple[str, s.Expression]]:
        """The comparisons of one part with key columns: operator and value by column."""
        seen: dict[str, tuple[str, s.Expression]] = {}
        for node in part:
            compared = self._comparison(node)
            if compared is None:
                continue
            column, operator, value = compared
            if column.name in seen:
                raise _NeedsScan(f"{COMBINED} {SEE}\n{HINT}")
            if operator == "<>" or (operator != "=" and not _enabled(self.session, RANGES)):
                keys = ", ".join(f"{key} KEY" for key in self.source.keys)
                raise _NeedsScan(f"Bound on key columns '[{keys}]' must currently be '='. {SEE}\n{HINT}")
            seen[column.name] = (operator, value)
        if not seen:
            shown = " AND ".join(map(text, part))
            raise _NeedsScan(f"WHERE clause missing key column for disjunct: {shown}. {SEE}\n{HINT}")
        if len(seen) < len(self.source.keys):
            given = ", ".join(f"{key} KEY" for key in self.source.keys if key.name in seen)
            wanted = ", ".join(f"{key} KEY" for key in self.source.keys)
            reason = (
                "Multi-column sources must specify every key in the WHERE clause. "
                f"Specified: [{given}] Expected: [{wanted}]. {SEE}\n{HINT}"
            )
            raise _NeedsScan(reason)
        return seen

    def _comparison(self, node: s.Expression) -> tuple[Column, str, s.Expression] | None:
        """The key column, the operator and the value; None: about another column, or about the window."""
        if isinstance(node, s.Like):
            raise _NeedsScan(f"Like condition must be between strings. {SEE}\n{HINT}")
        if not isinstance(node, s.Binary) or node.operator not in COMPARISONS:
            raise _NeedsScan(f"Unsupported expression in WHERE clause: {text(node)}. {SEE}\n{HINT}")
        left, right = node.left, node.right
        operator = node.operator
        if not isinstance(left, s.Name):
            left, right = right, left
            operator = operator.translate(MIRRORED)
        if not isinstance(left, s.Name):
            raise _NeedsScan(f"A comparison must directly reference a key column. {SEE}\n{HINT}")
        if any(True for _ in nodes_in(right, s.Name)):
            raise _NeedsScan(f"A comparison must be between a key column and a resolvable expression. {SEE}\n{HINT}")
        column = next((each for each in self.source.keys if each.name == left.name), None)
        return None if column is None else (column, operator, right)

    def _value(self, column: Column, node: s.Expression) -> Any:
        if isinstance(node, s.Literal) and node.value is None:
            raise self.refuse(f"Primary key columns can not be NULL: ({column.name} = null)", node.place)
        resolver = Resolver(Source("VALUES", "", (), ()), None, self._refusing(column, node), pseudo={})
        emitter = Emitter({})
        try:
            code = emitter.emit(assigned(resolver, node, column.type))
            return eval(code.text, emitter.namespace)  # noqa: S307  our own text
        except (*FAILURES, Mismatch):
            raise self._inconvertible(column, node) from None

    def _refusing(self, column: Column, node: s.Expression) -> Refuse:
        return lambda _reason, _place: self._inconvertible(column, node)

    def _inconvertible(self, column: Column, node: s.Expression) -> AnalysisError:
        reason = f"{text(node)} can not be converted to the type of the key column: {column.name} {column.type} KEY"
        return self.refuse(reason, node.place)


MIRRORED = str.maketrans("<>", "><")


def disjuncts(node: s.Expression) -> Iterator[list[s.Expression]]:
    """The clause as alternatives, each a list of conditions that hold together; an IN list is as many alternatives."""
    match node:
        case s.Binary(operator="OR"):
            yield from disjuncts(node.left)
            yield from disjuncts(node.right)
        case s.Binary(operator="AND"):
            for left, right in product(_taken(node.left), _taken(node.right)):
                yield [*left, *right]
        case s.In(negated=False):
            for item in node.choices:
                yield [s.Binary("=", node.operand, item, place=node.place)]
        case _:
            yield [node]


def _taken(node: s.Expression) -> list[list[s.Expression]]:
    return list(islice(disjuncts(node), MOST_PARTS + 1))
