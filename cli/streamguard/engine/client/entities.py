"""What a ksql server answered, as rows to print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    "connector_plugins_list": ("connectorsPlugins", ("className", "type", "version")),
}


def _of_source(described: Mapping[str, Any]) -> str:
    """All that a server tells of a stream or table, as text."""
    formats = f"key {described.get('keyFormat')}, value {described.get('valueFormat')}"
    size = f"{_several(described.get('partitions'), 'partition')}, {_several(described.get('replication'), 'replica')}"
    pairs = [
        (str(described.get("type", "")).lower(), str(described["name"])),
        ("topic", f"{described.get('topic')} ({size})"),
        ("formats", formats),
        ("windows", str(described.get("windowType") or "")),
        ("time", str(described.get("timestamp") or "")),
    ]
    key = "PRIMARY KEY" if described.get("type") == "TABLE" else "KEY"
    columns = (_as_declared(each, key) for each in described.get("fields") or ())
    pairs += [("" if n else "columns", column) for n, column in enumerate(columns)]
    for label, key in (("read by", "readQueries"), ("made by", "writeQueries")):
        queries = ", ".join(f"{each['id']} ({each.get('state', '?')})" for each in described.get(key) or ())
        pairs.append((label, queries))
    for label, key in (("counted", "statistics"), ("refused", "errorStats")):
        pairs.append((label, " ".join(str(described.get(key) or "").split())))
    summaries = described.get("queryOffsetSummaries") or ()
    pairs += [("", line) if n else ("position", line) for n, line in enumerate(_positions(summaries))]
    shown = [f"{label:<12}{text}" for label, text in pairs if text]
    return "\n".join([*shown, *filter(None, [str(described.get("statement") or "")])])


def _positions(summaries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Where queries stand: ``orders: 3 records behind (partition 0: 7 of 10)``, a line a topic."""
    for summary in summaries:
        for topic in summary.get("topicSummaries") or ():
            offsets = topic.get("offsets") or ()
            behind = sum(each["logEndOffset"] - each["consumerOffset"] for each in offsets)
            parts = (f"{each['partition']}: {each['consumerOffset']} of {each['logEndOffset']}" for each in offsets)
            yield f"{topic['kafkaTopic']}: {behind:,} records behind (partition {', '.join(parts)})"


def _of_query(described: Mapping[str, Any]) -> str:
    """A plan; of a query that runs, its id and what went wrong in front of it."""
    plan = str(described.get("executionPlan") or described.get("topology") or "")
    head = f"{described['id']} ({described.get('state')})\n" if described.get("id") and described.get("state") else ""
    errors = "".join(f"Error: {each.get('errorMessage')}\n" for each in described.get("queryErrors") or ())
    return f"{head}{errors}{plan}"


DESCRIPTIONS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "sourceDescription": ("sourceDescription", _of_source),
    "source_descriptions": ("sourceDescriptions", _of_source),
    "queryDescription": ("queryDescription", _of_query),
    "query_descriptions": ("queryDescriptions", _of_query),
}


def listing(answer: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows and columns to print of an entity; without columns each row is a `message`."""
    kind = str(answer.get("@type"))
    if kind in LISTINGS:
        name, columns = LISTINGS[kind]
        return [_flat(row) for row in answer.get(name) or []], list(columns)
    if kind == "sourceDescription" and not answer["sourceDescription"].get("extended"):
        return _columns(answer["sourceDescription"]["fields"]), ["column", "type", "key"]
    if kind in DESCRIPTIONS:
        found = answer.get(DESCRIPTIONS[kind][0]) or ()
        describe = DESCRIPTIONS[kind][1]
        texts = [describe(each) for each in ([found] if isinstance(found, Mapping) else found)]
        return [{"message": text if n == len(texts) else f"{text}\n"} for n, text in enumerate(texts, start=1)], []
    if kind == "type_list":
        types = answer.get("types") or {}
        return [{"name": name, "type": type_text(schema)} for name, schema in types.items()], ["name", "type"]
    if kind == "describe_function":
        return [{"message": text} for text in (answer.get("description"), *_variants(answer)) if text], []
    status = answer.get("commandStatus") or {}
    return [{"message": status.get("message") or answer.get("message") or _in_words(kind, answer)}], []


def _in_words(kind: str, answer: Mapping[str, Any]) -> str:
    """An answer that is neither a list nor a message, as a sentence; of one that is not known, what it is called."""
    there = "exists" if answer.get("exists") else "does not exist"
    match kind:
        case "terminate_query":
            done = "was terminated" if answer.get("wasTerminated") else "is not running any more"
            return f"Query {answer.get('queryId')} {done}."
        case "assert_topic":
            return f"Topic {answer.get('topicName')} {there}."
        case "assert_schema":
            parts = [f"{word} {answer[key]}" for word, key in (("subject", "subject"), ("id", "id")) if answer.get(key)]
            return f"Schema with {' and '.join(parts)} {there}."
        case "drop_connector":
            return f"Connector {answer.get('connectorName')} was dropped."
        case "connector_info":
            return f"Connector {(answer.get('info') or {}).get('name')} was created."
        case "connector_description":
            return _of_connector(answer)
        case _:
            return kind


def _of_connector(described: Mapping[str, Any]) -> str:
    status = described.get("status") or {}
    state = (status.get("connector") or {}).get("state", "")
    tasks = ", ".join(str(task.get("state")) for task in status.get("tasks") or ())
    pairs = (
        ("connector", status.get("name")),
        ("class", described.get("connectorClass")),
        ("state", f"{state} (tasks: {tasks})" if tasks else state),
        ("topics", ", ".join(map(str, described.get("topics") or ()))),
    )
    return "\n".join(f"{label:<10}{text}" for label, text in pairs if text)


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


def _several(count: object, word: str) -> str:
    """``1 partition``, ``4 partitions``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _as_declared(described: Mapping[str, Any], key: str) -> str:
    """``ID INTEGER KEY``; `key` is what a column of the key is called."""
    kind = described.get("type") or ""
    return f"{described['name']} {type_text(described['schema'])} {key if kind == 'KEY' else kind}".rstrip()


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
