"""A case's statements and records, driven through the engine's pure core."""

from __future__ import annotations

import base64
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution.inserts import insert
from streamguard.engine.execution.topology import Record, Topology
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from tests.conformance.cases import Case
from tests.conformance.wire import key_bytes, value_bytes


@dataclass
class Session:
    """What exists after the statements so far, and the records of every topic."""

    case: Case
    metastore: Metastore = field(default_factory=Metastore)
    logs: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    plans: dict[str, QueryPlan] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    executing: bool = False
    last: bool = False
    statement: s.Statement | None = None

    def run(self) -> None:
        """Execute all statements, then feed every query."""
        self.prepare()
        self.feed()

    def prepare(self) -> None:
        """Parse the script, then execute its statements. `last`: the last one is being executed, or all were."""
        statements = parse("\n".join(self.case.statements))
        self.executing = True
        for number, statement in enumerate(statements):
            self.last = number == len(statements) - 1
            self.statement = statement
            self._execute(statement, number)

    def _execute(self, statement: s.Statement, number: int) -> None:
        if isinstance(statement, s.InsertValues):
            made = insert(statement, self.metastore, self.case.properties, now=0)
            self.logs[made.topic].append(Record(made.value, made.key, made.time))
        elif isinstance(statement, CHANGING):
            changed = change(statement, self.metastore, number, self.case.properties)
            self.metastore = changed.metastore
            if isinstance(changed.plan, QueryPlan) and changed.query_id is not None:
                self.plans[changed.query_id] = changed.plan
                Topology({changed.query_id: changed.plan})
        elif not isinstance(statement, s.SetProperty | s.Define):
            raise TypeError(f"a {type(statement).__name__} in a case")

    def source(self, topic: str) -> Source:
        """The source whose formats the records of a topic have: a query's result before a declared one."""
        sinks = [plan.sink for plan in self.plans.values() if plan.sink is not None and not plan.insert]
        found = [each for each in [*sinks, *self.metastore.sources.values()] if each.topic == topic]
        if not found:
            raise LookupError(f"no source has the topic {topic}")
        return found[0]

    def feed(self) -> None:
        """Drive each query to its end, in the order in which they were made."""
        inputs: list[tuple[str, Record]] = []
        for given in self.case.inputs:
            source = next(each for each in self.metastore.sources.values() if each.topic == given["topic"])
            record = Record(
                value_bytes(source, given.get("value")),
                key_bytes(source, given.get("key"), given.get("window")),
                int(given.get("timestamp") or 0),
                with_headers=_headers(given.get("headers")),
            )
            self.logs[given["topic"]].append(record)
            inputs.append((given["topic"], record))
        given_topics = {topic for topic, _ in inputs}
        for query_id, plan in self.plans.items():
            topology = Topology({query_id: plan}, on_error=self._on_error)
            topics = topology.topics
            records = [each for each in inputs if each[0] in topics]
            for topic in topics - given_topics:
                records += [(topic, record) for record in list(self.logs[topic])]
            for offset, (topic, record) in enumerate(records):
                for sink, made in topology.process(topic, record.at(offset)):
                    self.logs[sink].append(made)

    def _on_error(self, record: Any, query: str, reason: str) -> None:
        self.errors.append(f"{query}: {reason}")


def _headers(given: list[dict[str, Any]] | None) -> list[tuple[str, bytes | None]] | None:
    if given is None:
        return None
    return [(each["KEY"], None if each["VALUE"] is None else base64.b64decode(each["VALUE"])) for each in given]
