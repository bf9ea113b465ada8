"""Statements that only look: SHOW, DESCRIBE and EXPLAIN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from streamguard.engine.analysis.metastore import Metastore, Query, Source
from streamguard.engine.analysis.plan import QueryPlan, plan
from streamguard.engine.analysis.refusals import refuser
from streamguard.engine.functions import answers as functions
from streamguard.engine.functions import listing
from streamguard.engine.functions.registry import unknown
from streamguard.engine.language import syntax as s
from streamguard.engine.language.places import meant
from streamguard.engine.language.types import schema
from streamguard.engine.runtime.queries import Queries
from streamguard.engine.runtime.source_task import STAGE, Counts, PersistentQuery
from streamguard.engine.server import answers
from streamguard.engine.server.asserting import assert_topic
from streamguard.engine.server.session import property_rows
from streamguard.errors import AnalysisError
from streamguard.kafka.cluster import Cluster

SHOWN = ("STREAMS", "TABLES", "TOPICS", "QUERIES", "PROPERTIES", "VARIABLES", "TYPES", "FUNCTIONS")
INTERNAL = ("_", "sg.")


class Running(Protocol):
    """Who knows the persistent queries that run, by id."""

    running: dict[str, PersistentQuery]


class Pushes(Protocol):
    """Who knows the push queries that run."""

    def texts(self) -> Mapping[str, str]: ...
    def find(self, query_id: str) -> str | None: ...
    def close_query(self, query_id: str) -> None: ...


def _function(statement: s.DescribeOther) -> listing.Listed:
    """The function that a statement names."""
    found = listing.find(statement.name)
    if found is None:
        hint = meant(statement.name.upper(), [each.name for each in listing.listed()])
        raise refuser(statement)(f"{unknown(statement.name)}{hint}", statement.place)
    return found


class Describer:
    """Answers what can be looked at. `check` refuses, `answer` does not."""

    def __init__(
        self, running: Running, queries: Queries, cluster: Cluster, pushes: Pushes, fixed: Mapping[str, str]
    ) -> None:
        self._running = running
        self._queries = queries
        self._cluster = cluster
        self._pushes = pushes
        self._fixed = fixed

    def check(self, statement: s.Statement, metastore: Metastore) -> None:
        """Refuse a name that does not exist, or a statement that has no plan."""
        match statement:
            case s.Describe():
                self._source(statement, metastore)
            case s.Explain():
                self._explained(statement, metastore)
            case s.Show() if statement.what in SHOWN:
                pass
            case s.DescribeAll() | s.AssertTopic():
                pass
            case s.DescribeOther(kind="FUNCTION"):
                _function(statement)
            case _:
                words = " ".join(statement.text.upper().split()[:2])
                raise refuser(statement)(f"{words} is not supported yet by the embedded engine", statement.place)

    def answer(
        self, statement: s.Statement, metastore: Metastore, properties: Mapping[str, str], variables: Mapping[str, str]
    ) -> dict[str, Any]:
        """The entity."""
        text = statement.text + ";"
        match statement:
            case s.Show():
                return self._shown(statement, text, metastore, properties, variables)
            case s.DescribeOther(kind="FUNCTION"):
                return answers.entity("describe_function", text, **functions.description(_function(statement)))
            case s.AssertTopic():
                return assert_topic(statement, self._cluster)
            case s.DescribeAll():
                return self._descriptions(text, metastore, statement.kind[:-1], extended=statement.extended)
            case s.Describe():
                source = self._source(statement, metastore)
                description = self._description(source, metastore, extended=statement.extended)
                return answers.entity("sourceDescription", text, sourceDescription=description)
            case s.Explain():
                query_id, shown, made = self._explained(statement, metastore)
                return answers.entity(
                    "queryDescription", text, queryDescription=self._query_description(query_id, shown, made)
                )
            case _:
                raise TypeError(f"a {type(statement).__name__} has no answer")

    def _shown(
        self,
        statement: s.Show,
        text: str,
        metastore: Metastore,
        properties: Mapping[str, str],
        variables: Mapping[str, str],
    ) -> dict[str, Any]:
        match statement:
            case s.Show(what="STREAMS" | "TABLES", extended=True):
                return self._descriptions(text, metastore, statement.what[:-1], extended=True)
            case s.Show(what="STREAMS" | "TABLES"):
                rows = [
                    answers.source_row(each) for each in metastore.sources.values() if f"{each.kind}S" == statement.what
                ]
                return answers.entity(statement.what.lower(), text, **{statement.what.lower(): rows})
            case s.Show(what="TOPICS"):
                return self._topics(text, everything=statement.everything, extended=statement.extended)
            case s.Show(what="QUERIES"):
                return self._show_queries(text, metastore, extended=statement.extended)
            case s.Show(what="PROPERTIES"):
                rows = property_rows(properties, self._fixed)
                return answers.entity(
                    "properties", text, properties=rows, overwrittenProperties=sorted(properties), defaultProperties=[]
                )
            case s.Show(what="VARIABLES"):
                rows = [{"name": name, "value": value} for name, value in sorted(variables.items())]
                return answers.entity("variables", text, variables=rows)
            case s.Show(what="TYPES"):
                types = {name: schema(kind) for name, kind in metastore.types.items()}
                return answers.entity("type_list", text, types=types)
            case s.Show(what="FUNCTIONS"):
                return answers.entity("function_names", text, functions=functions.names())
            case _:
                raise TypeError(f"SHOW {statement.what} has no answer")

    def _source(self, statement: s.Describe, metastore: Metastore) -> Source:
        source = metastore.source(statement.name)
        if source is None:
            hint = meant(statement.name, metastore.sources)
            raise AnalysisError(f"Could not find STREAM/TABLE '{statement.name}' in the Metastore{hint}")
        return source

    def _explained(self, statement: s.Explain, metastore: Metastore) -> tuple[str, str, QueryPlan]:
        if statement.statement is not None:
            made = plan(statement.statement, metastore)
            assert isinstance(made, QueryPlan)
            return "", statement.statement.text, made
        query = metastore.queries.get(statement.query_id or "")
        if query is None:
            hint = meant(statement.query_id or "", metastore.queries)
            raise AnalysisError(
                f"Query with id:{statement.query_id} does not exist, use SHOW QUERIES to view the full set{hint}"
            )
        return query.id, query.statement, query.plan

    def _states(self, metastore: Metastore) -> dict[str, str]:
        return {name: self._state(query) for name, query in metastore.queries.items()}

    def _state(self, query: Query) -> str:
        running = self._running.running.get(query.id)
        return "ERROR" if running is None else self._queries.state(running)

    def _description(self, source: Source, metastore: Metastore, *, extended: bool) -> dict[str, Any]:
        replicas = self._cluster.replicas().get(source.topic, [])
        return answers.source_description(
            source,
            metastore,
            self._states(metastore),
            partitions=len(replicas),
            replication=max(replicas, default=0),
            more=self._extended(source, metastore) if extended else None,
        )

    def _extended(self, source: Source, metastore: Metastore) -> dict[str, Any]:
        """What was read, written and refused since the server started, and where the queries that write it stand."""
        readers, writers = metastore.readers(source.name), metastore.writers(source.name)
        counts, nothing = self._queries.counts, Counts()
        read = [counts.get(each.id + STAGE) or counts.get(each.id, nothing) for each in readers]
        counted = {
            "total-messages": sum(counts.get(each.id, nothing).rows for each in writers),
            "consumer-total-messages": sum(each.records for each in read),
        }
        failed = {"consumer-failed-messages": sum(each.errors for each in read)}
        return {
            "statistics": answers.statistics_text(counted),
            "errorStats": answers.statistics_text(failed),
            "queryOffsetSummaries": [each for query in writers if (each := self._offsets(query)) is not None],
            "clusterStatistics": answers.statistics(source.name, counted),
            "clusterErrorStats": answers.statistics(source.name, failed),
        }

    def _offsets(self, query: Query) -> dict[str, Any] | None:
        task = next((each for each in self._queries.tasks() if each.topic == query.plan.source.topic), None)
        if task is None:
            return None
        return answers.offset_summary(task.group, task.topic, self._cluster.ranges(task.topic), dict(task.positions))

    def _descriptions(self, text: str, metastore: Metastore, kind: str, *, extended: bool) -> dict[str, Any]:
        chosen = [each for each in metastore.sources.values() if each.kind == kind]
        found = [self._description(each, metastore, extended=extended) for each in chosen]
        return answers.entity("source_descriptions", text, sourceDescriptions=found)

    def _topics(self, text: str, *, everything: bool, extended: bool) -> dict[str, Any]:
        rows: list[dict[str, Any]] = [
            {"name": name, "replicaInfo": replicas}
            for name, replicas in sorted(self._cluster.replicas().items())
            if everything or not name.startswith(INTERNAL)
        ]
        if extended:
            rows = [{**row, **self._readers(row["name"])} for row in rows]
        return answers.entity("kafka_topics_extended" if extended else "kafka_topics", text, topics=rows)

    def _readers(self, topic: str) -> dict[str, int]:
        """The consumers that this server knows of: its own."""
        groups = sum(task.topic == topic for task in self._queries.tasks())
        return {"consumerCount": groups, "consumerGroupCount": groups}

    def _show_queries(self, text: str, metastore: Metastore, *, extended: bool) -> dict[str, Any]:
        if extended:
            found = [self._query_description(each.id, each.statement, each.plan) for each in metastore.queries.values()]
            return answers.entity("query_descriptions", text, queryDescriptions=found)
        rows = [answers.query_row(query, self._state(query)) for query in metastore.queries.values()]
        rows += [answers.push_row(query_id, shown) for query_id, shown in self._pushes.texts().items()]
        return answers.entity("queries", text, queries=rows)

    def _query_description(self, query_id: str, shown: str, made: QueryPlan) -> dict[str, Any]:
        running = self._running.running.get(query_id)
        return answers.query_description(
            query_id,
            shown,
            made,
            made.fields(),
            state=self._queries.state(running) if running else None,
            group=self._queries.group(running) if running else None,
            error=self._queries.error(running) if running else "",
        )
