"""The entities that a ksql server answers with, made from what the engine knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.engine.analysis.metastore import Metastore, Query, Source

PERSISTENT = "PERSISTENT"


def current_status(text: str, command_id: str, message: str, *, number: int, query_id: str | None) -> dict[str, Any]:
    """Of a statement that changed something."""
    return {
        "@type": "currentStatus",
        "statementText": text,
        "commandId": command_id,
        "commandStatus": {"status": "SUCCESS", "message": message, "queryId": query_id},
        "commandSequenceNumber": number,
        "warnings": [],
    }


def entity(kind: str, text: str, **fields: Any) -> dict[str, Any]:
    """Any other answer."""
    return {"@type": kind, "statementText": text, **fields, "warnings": []}


def source_row(source: Source) -> dict[str, Any]:
    """A line of SHOW STREAMS or SHOW TABLES."""
    return {
        "type": source.kind,
        "name": source.name,
        "topic": source.topic,
        "keyFormat": source.key_format,
        "valueFormat": source.value_format,
        "isWindowed": source.window is not None,
    }


def query_row(query: Query, state: str) -> dict[str, Any]:
    """A line of SHOW QUERIES."""
    sink = query.plan.sink
    return {
        "queryString": query.statement,
        "sinks": [query.sink] if sink else [],
        "sinkKafkaTopics": [sink.topic] if sink else [],
        "id": query.id,
        "statusCount": {state: 1},
        "queryType": PERSISTENT,
        "state": state,
    }


def push_row(query_id: str, text: str) -> dict[str, Any]:
    """A line of SHOW QUERIES for a push query."""
    return {
        "queryString": text,
        "sinks": [],
        "sinkKafkaTopics": [],
        "id": query_id,
        "statusCount": {"RUNNING": 1},
        "queryType": "PUSH",
        "state": "RUNNING",
    }


def source_description(
    source: Source,
    metastore: Metastore,
    states: Mapping[str, str],
    *,
    partitions: int,
    replication: int,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """DESCRIBE; `states` are those of the queries by id, `more` is what EXTENDED adds."""
    return {
        "name": source.name,
        "windowType": None if source.window is None else source.window.type,
        "readQueries": [query_row(query, states[query.id]) for query in metastore.readers(source.name)],
        "writeQueries": [query_row(query, states[query.id]) for query in metastore.writers(source.name)],
        "fields": source.fields(),
        "type": source.kind,
        "timestamp": "" if source.timestamp is None else source.timestamp.column,
        "statistics": "",
        "errorStats": "",
        "extended": more is not None,
        "keyFormat": source.key_format,
        "valueFormat": source.value_format,
        "topic": source.topic,
        "partitions": partitions,
        "replication": replication,
        "statement": source.statement,
        "queryOffsetSummaries": [],
        "sourceConstraints": [query.sink for query in metastore.readers(source.name) if not query.plan.insert],
        "clusterStatistics": [],
        "clusterErrorStats": [],
        **(more or {}),
    }


def statistics(name: str, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """``clusterStatistics`` and ``clusterErrorStats``: what was counted of a stream or table."""
    return [{"name": each, "value": float(value), "sourceName": name} for each, value in counts.items()]


def statistics_text(counts: Mapping[str, int]) -> str:
    """The same as one line of text."""
    return " ".join(f"{name + ':':>24}{value:>10}" for name, value in counts.items())


def offset_summary(
    group: str | None, topic: str, ranges: Mapping[int, tuple[int, int]], positions: Mapping[int, int]
) -> dict[str, Any]:
    """Where a query stands in its topic: `ranges` are the first and the next offset of each partition."""
    offsets = [
        {
            "partition": number,
            "logStartOffset": first,
            "logEndOffset": end,
            "consumerOffset": positions.get(number, first),
        }
        for number, (first, end) in sorted(ranges.items())
    ]
    return {"groupId": group, "topicSummaries": [{"kafkaTopic": topic, "offsets": offsets}]}


def query_description(
    query_id: str, text: str, plan: Any, fields: Sequence[Any], *, state: str | None, group: str | None, error: str
) -> dict[str, Any]:
    """EXPLAIN; `plan` prints as the execution plan."""
    window = None if plan.grouping is None else plan.grouping.window
    return {
        "id": query_id,
        "statementText": text,
        "windowType": None if window is None else window.kind,
        "fields": list(fields),
        "sources": [plan.source.name],
        "sinks": [plan.sink.name] if plan.sink else [],
        "topology": "",
        "executionPlan": str(plan),
        "overriddenProperties": {},
        "ksqlHostQueryStatus": {},
        "queryType": PERSISTENT if state else "PUSH",
        "queryErrors": [{"errorMessage": error, "type": "SYSTEM"}] if error else [],
        "tasksMetadata": [],
        "state": state,
        "consumerGroupId": group,
    }
