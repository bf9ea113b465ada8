"""What a ksql server answered, as rows to print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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
