"""Plan: what would have to change on a server so that it has what files declare. Pure: no server is asked here.

A statement that is there already is left alone. One that changed is replaced in place where ksqlDB allows that
(CREATE OR REPLACE); otherwise it is refused, or, if that is asked for, ended and made again, with all that reads it.
Topics and their records are never deleted. What no file declares is left alone, unless it is to be pruned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.analysis.plan import Plan
from streamguard.engine.client import comparing, pruning
from streamguard.engine.client.declared import Declared, anew, names, placed
from streamguard.engine.client.deployed import Deployed, DeployedQuery, DeployedSource
from streamguard.engine.client.entities import type_text
from streamguard.engine.client.ordering import in_order, reads
from streamguard.engine.language import syntax as s
from streamguard.engine.language.canonical import canonical, lines
from streamguard.engine.language.printing import name as printed_name
from streamguard.engine.language.printing import opening
from streamguard.engine.language.printing import statement as printed
from streamguard.engine.language.types import schema
from streamguard.errors import StatementError

Action = Literal["create", "replace", "recreate", "unchanged", "drop", "run"]
SIGNS = {"create": "+", "replace": "~", "recreate": "~", "drop": "-", "run": ">", "unchanged": "="}
UNDOING = (s.Drop, s.Terminate, s.Alter, s.RunScript)
FROM_BEGINNING = "auto.offset.reset"


@dataclass(frozen=True)
class Step:
    """A statement to send, with the properties in force; None: whatever they are."""

    text: str
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Change:
    """What becomes of one statement, or of what no file declares. With a `refusal` nothing of the plan is done.

    `ending` comes before anything is made, `making` in the order of the plan; `note` is about records and state.
    """

    name: str
    action: Action
    declared: Declared | None = None
    diff: tuple[str, ...] = ()
    ending: tuple[Step, ...] = ()
    making: tuple[Step, ...] = ()
    refusal: str = ""
    note: str = ""
    query: str = ""

    @property
    def destroys(self) -> bool:
        """Whether something that is there ends."""
        return self.action in ("recreate", "drop")

    def row(self) -> dict[str, Any]:
        """As a document."""
        return {
            "name": self.name,
            "action": self.action,
            "file": "" if self.declared is None else str(self.declared.file),
            "line": 0 if self.declared is None else self.declared.statement.place.line,
            "query": self.query,
            "diff": list(self.diff),
            "statements": [step.text for step in (*self.ending, *self.making)],
            "refusal": self.refusal,
            "note": self.note,
        }

    def __str__(self) -> str:
        return self.text()

    def text(self, *, whole: bool = False) -> str:
        """A line, and what differs; if `whole`, the statement that is made, too."""
        if self.refusal:
            shown = [f"! {self.name}: refused: {self.refusal}", *(f"    {line}" for line in self.diff)]
            return "\n".join(shown)
        words = ", ".join(_opening(step.text) for step in (*self.ending, *self.making))
        head = f"{SIGNS[self.action]} {self.name}: {self.action}{f' ({words})' if words else ''}"
        differs = self.diff if self.action != "create" or whole else ()
        return "\n".join([head, *(f"    {line}" for line in (*differs, *filter(None, [self.note])))])


@dataclass(frozen=True)
class Wishes:
    """How far a plan may go. `elsewhere`: names that other files of the project declare, which a prune leaves alone."""

    recreate: bool = False
    prune: bool = False
    elsewhere: Collection[str] = ()


def diff(declared: Sequence[Declared], deployed: Deployed, wishes: Wishes, *, ours: bool) -> list[Change]:
    """The changes, in the order in which they are made; those that are pruned come last.

    `ours`: the server is streamguard's own, so that what our analysis refuses is refused.

    Raises:
        StatementError: a statement that can not be declared, or does not fit; names file and line.
    """
    _check(declared)
    planner = _Planner(deployed, wishes, ours, declared)
    changes = [planner.change(each) for each in in_order(declared)]
    pruned = planner.pruned() if wishes.prune else []
    return [*map(planner.guarded, changes), *pruned]


def has_changes(changes: Iterable[Change]) -> bool:
    return any(each.action != "unchanged" for each in changes)


def counts(changes: Sequence[Change]) -> str:
    """``1 to create, 2 to replace, 3 unchanged``."""
    kinds: dict[str, int] = {}
    for each in changes:
        kind = "refused" if each.refusal else each.action
        kinds[kind] = kinds.get(kind, 0) + 1
    words = {action: f"to {action}" for action in SIGNS} | {"unchanged": "unchanged", "refused": "refused"}
    return ", ".join(f"{kinds[kind]} {words[kind]}" for kind in (*SIGNS, "refused") if kind in kinds) or "no statements"


def _check(declared: Sequence[Declared]) -> None:
    made: dict[str, Declared] = {}
    for each in declared:
        statement = each.statement
        if isinstance(statement, UNDOING):
            word = statement.text.split()[0].upper()
            reason = (
                f"{word} declares nothing: leave out what should not be there (--prune drops it), and run scripts with "
                "`ksql exec -f`"
            )
            raise placed(StatementError(reason), each.file, statement)
        if isinstance(statement, s.Query | s.PrintTopic):
            raise placed(
                StatementError("a query on its own declares nothing: `ksql exec` runs it"), each.file, statement
            )
        if isinstance(statement, s.CreateSource | s.CreateAs):
            first = made.setdefault(statement.name, each)
            if first is not each:
                reason = f"{statement.name} is declared already: {first.where}"
                raise placed(StatementError(reason), each.file, statement)


class _Planner:
    """Goes through the declared statements once; `after` is what our analysis knows to exist by then."""

    def __init__(self, deployed: Deployed, wishes: Wishes, ours: bool, declared: Sequence[Declared]) -> None:
        self._deployed = deployed
        self._wishes = wishes
        self._ours = ours
        self._declared = declared
        self._before = deployed.metastore()
        wanted = names(declared)
        self._after = Metastore(
            sources={name: each for name, each in self._before.sources.items() if name not in wanted},
            types=self._before.types,
        )
        self._columns = dict(deployed.columns())
        self._renewed: set[str] = set()
        self._taken: set[str] = set()
        self._ended: set[str] = set()

    def change(self, declared: Declared) -> Change:
        """What becomes of one statement."""
        statement = declared.statement
        after = self._advance(declared)
        match statement:
            case s.CreateSource() | s.CreateAs():
                present = self._deployed.sources.get(statement.name)
                if present is None:
                    return self._created(statement.name, declared)
                return self._source(declared, statement, present, after)
            case s.InsertInto():
                return self._insert(declared, statement, after)
            case s.CreateType():
                return self._type(declared, statement)
            case _:
                return Change(opening(statement), "run", declared, making=(self._making(declared),))

    def guarded(self, change: Change) -> Change:
        """A change that would end something is refused while what no file declares still needs it."""
        statement = None if change.declared is None else change.declared.statement
        if change.action != "recreate" or change.refusal or not isinstance(statement, s.CreateSource | s.CreateAs):
            return change
        present = self._deployed.sources[statement.name]
        users = [query for query in dict.fromkeys((*present.readers, *present.writers)) if query not in self._ended]
        if not users:
            return change
        refusal = f"{_and(users)} use{'s' if len(users) == 1 else ''} it and no file declares that: TERMINATE it first"
        return replace(change, refusal=refusal)

    def pruned(self) -> list[Change]:
        """What no file declares, in the order in which it can go."""
        inserts = pruning.stray_inserts(self._declared, self._deployed, self._taken)
        changes = [Change(query, "drop", ending=(Step(f"TERMINATE {printed_name(query)}"),)) for query in inserts]
        self._ended.update(inserts)
        strays = pruning.strays(self._declared, self._deployed, self._wishes.elsewhere)
        for name, texts, queries, note in pruning.endings(strays, self._deployed, self._ended):
            self._ended.update(queries)
            changes.append(Change(name, "drop", ending=tuple(Step(text) for text in texts), note=note))
        return changes

    def _advance(self, declared: Declared) -> Plan | None:
        """The statement's plan; from now on what it makes exists."""
        statement = declared.statement
        if not isinstance(statement, CHANGING):
            return None
        if isinstance(statement, s.CreateType):
            self._after = self._after.without_type(statement.name)
        try:
            made = change(anew(statement), self._after, len(self._after.queries), declared.properties)
        except (StatementError, RecursionError) as exc:
            if self._ours and isinstance(exc, StatementError):
                raise placed(exc, declared.file, statement) from exc
            return None
        self._after = made.metastore
        return made.plan

    def _created(self, name: str, declared: Declared) -> Change:
        statement = declared.statement
        shown: tuple[str, ...] = ()
        if isinstance(statement, s.CreateSource | s.CreateAs | s.InsertInto):
            shown = tuple(f"+ {line}" for line in lines(canonical(statement, self._columns)))
        return Change(name, "create", declared, shown, making=(self._making(declared),))

    def _source(
        self, declared: Declared, statement: s.CreateSource | s.CreateAs, present: DeployedSource, after: Plan | None
    ) -> Change:
        before = self._plan_before(present)
        found = comparing.compare(statement, after, present, before, self._columns)
        own = [query for query in present.writers if not self._is_insert(query)]
        renewed = sorted(reads(statement) & self._renewed)
        obstacle = found.obstacle if found.diff else None
        if isinstance(statement, s.CreateAs) and not own:
            obstacle = "its query was terminated"
        elif renewed:
            obstacle = f"it reads {_and(renewed)}, which is made anew"
        elif found.diff and obstacle is None:
            obstacle = self._unable(statement, declared)
        if not found.diff and obstacle is None:
            return Change(statement.name, "unchanged", declared, query=_and(own))
        if obstacle is None:
            making = replace(statement, or_replace=True, if_not_exists=False)
            step = Step(printed(making), declared.properties)
            return Change(statement.name, "replace", declared, found.diff, making=(step,), query=_and(own))
        found = replace(found, obstacle=obstacle)
        return self._recreated(declared, statement, present, found, own=own, cascades=bool(renewed))

    def _recreated(
        self,
        declared: Declared,
        statement: s.CreateSource | s.CreateAs,
        present: DeployedSource,
        found: comparing.Comparison,
        *,
        own: Sequence[str],
        cascades: bool,
    ) -> Change:
        texts = [*(f"TERMINATE {printed_name(query)}" for query in own)]
        texts.append(f"DROP {present.kind} {printed_name(present.name)}")
        if not self._wishes.recreate and not cascades:
            refusal = f"{found.obstacle}. --recreate does it by {'; '.join(texts)} and making it again"
            return Change(statement.name, "recreate", declared, found.diff, refusal=refusal, query=_and(own))
        self._renewed.add(statement.name)
        self._ended.update(own)
        ending = tuple(Step(text) for text in texts)
        note = (
            _about_records(declared, present.topic)
            if isinstance(statement, s.CreateAs)
            else _KEPT.format(present.topic)
        )
        note, making = f"{found.obstacle}; {note}", (self._making(declared),)
        return Change(statement.name, "recreate", declared, found.diff, ending, making, note=note, query=_and(own))

    def _insert(self, declared: Declared, statement: s.InsertInto, after: Plan | None) -> Change:
        name = f"INSERT INTO {statement.target}"
        there = [
            query
            for query in self._deployed.queries.values()
            if query.is_insert and query.sink == statement.target and query.id not in self._taken
        ]
        found = next((query for query in there if self._same_insert(statement, after, query)), None)
        renewed = sorted((reads(statement) | {statement.target}) & self._renewed)
        if found is not None and not renewed:
            self._taken.add(found.id)
            return Change(name, "unchanged", declared, query=found.id)
        other = found or next((q for q in there if q.statement and reads(q.statement) == reads(statement)), None)
        if other is None:
            return self._created(name, declared)
        self._taken.add(other.id)
        texts = [f"TERMINATE {printed_name(other.id)}"]
        shown: tuple[str, ...] = ()
        if found is None and other.statement is not None:
            one, two = lines(canonical(other.statement, self._columns)), lines(canonical(statement, self._columns))
            shown = tuple(comparing.difference(one, two))
        if not renewed and not self._wishes.recreate:
            refusal = f"a query that inserts can not be replaced. --recreate does it by {texts[0]} and making it again"
            return Change(name, "recreate", declared, shown, refusal=refusal, query=other.id)
        self._ended.add(other.id)
        note = _about_records(declared, self._topic(statement.target))
        ending, making = (Step(texts[0]),), (self._making(declared),)
        return Change(name, "recreate", declared, shown, ending, making, note=note, query=other.id)

    def _same_insert(self, statement: s.InsertInto, after: Plan | None, query: DeployedQuery) -> bool:
        if query.statement is None:
            return False
        before = comparing.planned(query.statement, self._before, {})
        return comparing.same(statement, query.statement, self._columns) or comparing.same_plan(after, before)

    def _type(self, declared: Declared, statement: s.CreateType) -> Change:
        wanted, present = type_text(schema(statement.type)), self._deployed.types.get(statement.name)
        if present is None:
            return self._created(statement.name, declared)
        if wanted == present:
            return Change(statement.name, "unchanged", declared)
        ending = (Step(f"DROP TYPE {printed_name(statement.name)}"),)
        shown = (f"- {present}", f"+ {wanted}")
        note = "what was declared with the type keeps its columns as they are"
        return Change(statement.name, "replace", declared, shown, ending, (self._making(declared),), note=note)

    def _plan_before(self, present: DeployedSource) -> Plan | None:
        """The plan of what is there, against what it was made against."""
        if present.statement is None:
            return None
        return comparing.planned(anew(present.statement), self._before.without_source(present.name), {})

    def _unable(self, statement: s.CreateSource | s.CreateAs, declared: Declared) -> str | None:
        """Why our own server would not replace it; another one is asked when it comes to that."""
        if not self._ours:
            return None
        making = replace(statement, or_replace=True, if_not_exists=False)
        try:
            change(making, self._before, 0, declared.properties)
        except StatementError as exc:
            return comparing.in_short(exc.reason)
        return None

    def _is_insert(self, query: str) -> bool:
        found = self._deployed.queries.get(query)
        return found is not None and found.is_insert

    def _topic(self, name: str) -> str:
        found = self._deployed.sources.get(name)
        return name if found is None else found.topic

    def _making(self, declared: Declared) -> Step:
        return Step(declared.statement.text, declared.properties)


_KEPT = "topic '{}' and its records stay"


def _about_records(declared: Declared, topic: str) -> str:
    earliest = declared.properties.get(FROM_BEGINNING) == "earliest"
    where = "reads its source from the beginning" if earliest else "reads what is written from now on"
    return f"topic '{topic}' keeps its records, state is lost, and the new query {where} and writes behind them"


def _opening(text: str) -> str:
    """The words that a statement begins with: ``CREATE OR REPLACE STREAM``, ``DROP TABLE X``."""
    words = text.split()
    verb = words[0].upper()
    if verb in ("DROP", "TERMINATE"):
        return " ".join(words)
    if verb == "INSERT":
        return " ".join(words[:3])
    stops = [number for number, word in enumerate(words) if word.upper() in ("STREAM", "TABLE", "TYPE")]
    return " ".join(words[: stops[0] + 1]).upper() if stops and verb == "CREATE" else " ".join(words[:2]).upper()


def _and(names: Sequence[str]) -> str:
    return ", ".join(names)
