"""Every kind of answer of the REST API is printed as what it says."""

# ruff: noqa: E501  answers are read a line each

from __future__ import annotations

from typing import Any

import pytest

from streamguard.engine.client.entities import listing

INTEGER = {"type": "INTEGER", "fields": None, "memberSchema": None}
ORDERS: dict[str, Any] = {
    "name": "ORDERS",
    "type": "STREAM",
    "topic": "orders",
    "partitions": 2,
    "replication": 1,
    "keyFormat": "KAFKA",
    "valueFormat": "JSON",
    "fields": [{"name": "ID", "schema": INTEGER, "type": "KEY"}, {"name": "N", "schema": INTEGER}],
    "readQueries": [{"id": "CSAS_B_1", "state": "RUNNING"}],
    "writeQueries": [],
    "statement": "CREATE STREAM ORDERS …;",
    "statistics": "  messages-per-sec:      3   total-messages:   9",
    "queryOffsetSummaries": [
        {
            "groupId": "g",
            "topicSummaries": [
                {
                    "kafkaTopic": "orders",
                    "offsets": [
                        {"partition": 0, "logStartOffset": 0, "logEndOffset": 10, "consumerOffset": 7},
                        {"partition": 1, "logStartOffset": 0, "logEndOffset": 2, "consumerOffset": 2},
                    ],
                }
            ],
        }
    ],
    "extended": True,
}


def told(answer: dict[str, Any]) -> str:
    rows, columns = listing(answer)
    assert columns == []
    return "\n".join(row["message"] for row in rows)


def test_a_source_is_described_with_everything_that_a_server_knows_of_it() -> None:
    assert told({"@type": "sourceDescription", "sourceDescription": ORDERS}).splitlines() == [
        "stream      ORDERS",
        "topic       orders (2 partitions, 1 replica)",
        "formats     key KAFKA, value JSON",
        "columns     ID INTEGER KEY",
        "            N INTEGER",
        "read by     CSAS_B_1 (RUNNING)",
        "counted     messages-per-sec: 3 total-messages: 9",
        "position    orders: 3 records behind (partition 0: 7 of 10, 1: 2 of 2)",
        "CREATE STREAM ORDERS …;",
    ]


def test_the_key_of_a_table_is_its_primary_key() -> None:
    table = {**ORDERS, "type": "TABLE", "partitions": 1}
    lines = told({"@type": "sourceDescription", "sourceDescription": table}).splitlines()
    assert lines[1] == "topic       orders (1 partition, 1 replica)"
    assert lines[3] == "columns     ID INTEGER PRIMARY KEY"


def test_several_sources_have_a_line_between_them_and_a_short_description_is_a_table() -> None:
    several = {"@type": "source_descriptions", "sourceDescriptions": [ORDERS, ORDERS]}
    assert told(several).count("\n\nstream      ORDERS") == 1
    short = {"@type": "sourceDescription", "sourceDescription": {**ORDERS, "extended": False}}
    assert listing(short)[1] == ["column", "type", "key"]


QUERY = {"id": "CSAS_B_1", "state": "ERROR", "executionPlan": "1. Read", "queryErrors": [{"errorMessage": "no topic"}]}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"@type": "currentStatus", "commandStatus": {"message": "Stream created"}}, "Stream created"),
        ({"@type": "warning_entity", "message": "it exists"}, "it exists"),
        (
            {"@type": "queryDescription", "queryDescription": QUERY},
            "CSAS_B_1 (ERROR)\nError: no topic\n1. Read",
        ),
        ({"@type": "queryDescription", "queryDescription": {"id": "", "topology": "T"}}, "T"),
        ({"@type": "query_descriptions", "queryDescriptions": []}, ""),
        ({"@type": "terminate_query", "queryId": "q", "wasTerminated": True}, "Query q was terminated."),
        ({"@type": "terminate_query", "queryId": "q", "wasTerminated": False}, "Query q is not running any more."),
        ({"@type": "assert_topic", "topicName": "t", "exists": True}, "Topic t exists."),
        ({"@type": "assert_schema", "subject": "s", "id": 3, "exists": False}, "Schema with subject s and id 3 does not exist."),
        ({"@type": "drop_connector", "connectorName": "c"}, "Connector c was dropped."),
        ({"@type": "connector_info", "info": {"name": "c"}}, "Connector c was created."),
        (
            {
                "@type": "connector_description",
                "connectorClass": "Sink",
                "status": {"name": "c", "connector": {"state": "RUNNING"}, "tasks": [{"state": "FAILED"}]},
                "topics": ["t"],
            },
            "connector c\nclass     Sink\nstate     RUNNING (tasks: FAILED)\ntopics    t",
        ),
        ({"@type": "something_new"}, "something_new"),
    ],
)  # fmt: skip
def test_other_answers_are_sentences(answer: dict[str, Any], text: str) -> None:
    assert told(answer) == text


@pytest.mark.parametrize(
    ("answer", "columns"),
    [
        ({"@type": "connector_plugins_list", "connectorsPlugins": [{"className": "S"}]}, ["className", "type", "version"]),
        ({"@type": "kafka_topics", "topics": [{"name": "t", "replicaInfo": [1, 1]}]}, ["name", "partitions", "replicas"]),
        ({"@type": "variables", "variables": []}, ["name", "value"]),
        ({"@type": "type_list", "types": {"T": INTEGER}}, ["name", "type"]),
    ],
)  # fmt: skip
def test_lists_are_tables(answer: dict[str, Any], columns: list[str]) -> None:
    assert listing(answer)[1] == columns
