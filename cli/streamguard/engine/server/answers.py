"""The entities that a ksql server answers with, made from what the engine knows; and the rows to print of any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    extended: bool,
) -> dict[str, Any]:
    """DESCRIBE; `states` are those of the queries by id."""
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
        "extended": extended,
        "keyFormat": source.key_format,
        "valueFormat": source.value_format,
        "topic": source.topic,
        "partitions": partitions,
        "replication": replication,
        "statement": source.statement,
        "queryOffsetSummaries": [],
        "sourceConstraints": [],
        "clusterStatistics": [],
        "clusterErrorStats": [],
    }


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


LISTINGS = {
    "streams": ("streams", ("name", "topic", "keyFormat", "valueFormat")),
    "tables": ("tables", ("name", "topic", "keyFormat", "valueFormat", "isWindowed")),
    "queries": ("queries", ("id", "queryType", "state", "sinks", "sinkKafkaTopics")),
    "kafka_topics": ("topics", ("name", "partitions", "replicas")),
    "kafka_topics_extended": ("topics", ("name", "partitions", "replicas", "consumerCount", "consumerGroupCount")),
    "properties": ("properties", ("name", "value", "editable")),
    "variables": ("variables", ("name", "value")),
    "function_names": ("functions", ("name", "type", "category")),
    "connector_list": ("connectors", ("name", "type", "className", "state")),
}


def listing(answer: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows and columns to print of an entity; without columns each row is a `message`."""
    kind = str(answer.get("@type"))
    if kind in LISTINGS:
        name, columns = LISTINGS[kind]
        return [_flat(row) for row in answer.get(name) or []], list(columns)
    if kind == "sourceDescription":
        return _columns(answer["sourceDescription"]["fields"]), ["column", "type", "key"]
    if kind == "queryDescription":
        description = answer["queryDescription"]
        return [{"message": description.get("executionPlan") or description.get("topology") or ""}], []
    if kind == "type_list":
        types = answer.get("types") or {}
        return [{"name": name, "type": type_text(schema)} for name, schema in types.items()], ["name", "type"]
    if kind == "describe_function":
        return [{"message": text} for text in (answer.get("description"), *_variants(answer)) if text], []
    status = answer.get("commandStatus") or {}
    return [{"message": status.get("message") or answer.get("message") or kind}], []


def _variants(answer: Mapping[str, Any]) -> list[str]:
    """``LEN(input STRING) -> INTEGER`` for each way to call the function."""
    made = []
    for variant in answer.get("functions") or []:
        arguments = [
            f"{each.get('name') or ''} {each['type']}{' ...' if each.get('isVariadic') else ''}".strip()
            for each in variant["arguments"]
        ]
        made.append(f"{answer['name']}({', '.join(arguments)}) -> {variant['returnType']}")
    return made


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    replicas = row.get("replicaInfo")
    if replicas is None:
        return dict(row)
    return {**row, "partitions": len(replicas), "replicas": max(replicas, default=0)}


def _columns(fields: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"column": field["name"], "type": type_text(field["schema"]), "key": field.get("type") or ""}
        for field in fields
    ]


def type_text(schema: Mapping[str, Any]) -> str:
    """A schema of the REST API as SQL writes the type."""
    kind = str(schema["type"])
    if kind == "STRUCT":
        return "STRUCT<" + ", ".join(f"{f['name']} {type_text(f['schema'])}" for f in schema["fields"] or []) + ">"
    if kind == "ARRAY":
        return f"ARRAY<{type_text(schema['memberSchema'])}>"
    if kind == "MAP":
        return f"MAP<STRING, {type_text(schema['memberSchema'])}>"
    if kind == "DECIMAL":
        parameters = schema.get("parameters") or {}
        return f"DECIMAL({parameters.get('precision')}, {parameters.get('scale')})"
    return kind
