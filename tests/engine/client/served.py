"""A ksql server that plays without Kafka: statements change a metastore, and its answers are those of the REST API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore, Query, Source
from streamguard.engine.client.http import KsqlClient
from streamguard.engine.language import syntax as s
from streamguard.engine.language.formatter import formatted
from streamguard.engine.language.parse import parse
from streamguard.engine.language.types import schema
from streamguard.engine.server import answers
from streamguard.errors import StatementError, StatementRefused

Entity = dict[str, Any]


class Served(KsqlClient):
    """`ours`: a request is taken whole or not at all. Otherwise it answers as ksqlDB: texts in ksqlDB's own form, with
    properties that nobody wrote, and CREATE OR REPLACE is taken."""

    def __init__(self, *, ours: bool) -> None:
        super().__init__("http://127.0.0.1:1")
        self.ours = ours
        self.metastore = Metastore()
        self.requests: list[str] = []
        self.properties: list[dict[str, Any]] = []
        self.commands = 0

    def info(self) -> Entity:
        return {"version": "8.1.0-streamguard-0.1.0" if self.ours else "8.1.0"}

    def ksql(
        self,
        text: str,
        *,
        properties: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
        after: int = -1,
    ) -> list[Entity]:
        before = self.metastore
        entities = []
        session = {name.removeprefix("ksql.streams."): value for name, value in (properties or {}).items()}
        try:
            for statement in parse(text, variables, self.metastore.types):
                if isinstance(statement, s.SetProperty):
                    session.pop(statement.name, None)
                    session |= {} if statement.value is None else {statement.name: statement.value}
                    continue
                if isinstance(statement, CHANGING):
                    self.requests.append(statement.text)
                    self.properties.append(dict(session))
                entities += self._answer(statement, session)
        except StatementError as exc:
            self.metastore = before
            raise StatementRefused(exc.told, statement="") from exc
        return entities

    def _answer(self, statement: s.Statement, session: Mapping[str, str]) -> list[Entity]:
        match statement:
            case s.Show(what="STREAMS" | "TABLES", extended=False):
                shown = [answers.source_row(each) for each in self.metastore.sources.values()]
                mine = [row for row in shown if f"{row['type']}S" == statement.what]
                return [answers.entity(statement.what.lower(), "", **{statement.what.lower(): mine})]
            case s.Show(what="STREAMS" | "TABLES"):
                rows = [self._described(each) for each in self.metastore.sources.values()]
                shown = [row for row in rows if f"{row['type']}S" == statement.what]
                return [answers.entity("source_descriptions", "", sourceDescriptions=shown)]
            case s.Show(what="QUERIES"):
                return [
                    answers.entity("queries", "", queries=[self._query(q) for q in self.metastore.queries.values()])
                ]
            case s.Show(what="TYPES"):
                return [answers.entity("type_list", "", types={n: schema(t) for n, t in self.metastore.types.items()})]
            case s.InsertValues():
                self.requests.append(statement.text)
                return []
            case _ if isinstance(statement, CHANGING):
                return [self._changed(statement, session)]
            case _:
                return [answers.entity("other", "")]

    def _changed(self, statement: Any, session: Mapping[str, str]) -> Entity:
        metastore, number = self.metastore, self.commands
        if not self.ours and getattr(statement, "or_replace", False):  # ksqlDB's, as long as its rules allow it
            writers = [query.id for query in metastore.writers(statement.name)]
            for query_id in writers:
                metastore = metastore.without_query(query_id)
            metastore = metastore.without_source(statement.name)
            statement = replace(statement, or_replace=False)
        made = change(statement, metastore, number, session)
        self.commands += 1
        self.metastore = made.metastore
        return answers.current_status("", made.command_id, made.message, number=number, query_id=made.query_id)

    def _described(self, source: Source) -> Entity:
        states = dict.fromkeys(self.metastore.queries, "RUNNING")
        row = answers.source_description(source, self.metastore, states, partitions=1, replication=1, more={})
        return {**row, "statement": self._text(source.statement)}

    def _query(self, query: Query) -> Entity:
        return {**answers.query_row(query, "RUNNING"), "queryString": self._text(query.statement)}

    def _text(self, text: str) -> str:
        """A statement as the server shows it."""
        [statement] = parse(text, types=self.metastore.types)
        if self.ours or not isinstance(statement, s.CreateAs | s.InsertInto):
            return text if self.ours else f"{text};"
        if isinstance(statement, s.CreateAs):
            said = {each.name for each in statement.properties}
            more: dict[str, str | int] = {
                "CLEANUP_POLICY": "delete",
                "KAFKA_TOPIC": statement.name,
                "PARTITIONS": 1,
                "REPLICAS": 1,
            }
            added = tuple(s.Property(name, value) for name, value in more.items() if name not in said)
            statement = replace(statement, properties=statement.properties + added)
        return f"{formatted(statement)};"
