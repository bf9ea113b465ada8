"""What the answers of a worker mean: each with the text of Apache Kafka 4.3.1, where it has one."""

from __future__ import annotations

from typing import Any

import pytest

from streamguard.connect.rest import answers
from streamguard.connect.rest.answers import KeyDefinition, Meaning, Offset

JETTY = {"url": "/connectors", "status": "404", "message": "Not Found"}
MOMENTARILY = "Cannot complete request momentarily"
FORWARD = "IO Error trying to forward REST request: "


def error(status: int, message: str) -> dict[str, Any]:
    return {"error_code": status, "message": message}


MEANINGS: list[tuple[str, int, Meaning, str | dict[str, str] | None]] = [
    ("a worker that starts: Jetty's own 404 in JSON", 404, "away", JETTY),
    ("a worker that starts: Jetty's own 404 in HTML", 404, "away", None),
    ("just created, or absent", 404, "unassigned", "No status found for connector c"),
    ("absent", 404, "absent", "Connector c not found"),
    ("absent, asked to pause", 404, "absent", "Unknown connector c"),
    ("a path that this version does not have", 404, "unsupported", "HTTP 404 Not Found"),
    ("PATCH before 3.8", 405, "unsupported", "HTTP 405 Method Not Allowed"),
    ("POST of a name that is taken", 409, "exists", "Connector c already exists"),
    (
        "a worker without a leader",
        409,
        "again",
        f"{MOMENTARILY} due to no known leader URL, likely because a rebalance",
    ),
    ("stale knowledge", 409, "again", f"{MOMENTARILY} due to stale configuration (typically caused by a change)"),
    ("forwarded twice", 409, "again", "Cannot complete request because of a conflicting operation (e.g. rebalance)"),
    ("a GET during a rebalance", 500, "again", "Request cannot be completed because a rebalance is expected"),
    ("a dead leader", 500, "again", f"{FORWARD}java.net.ConnectException: Connection refused"),
    ("a leader that died while it wrote", 500, "ambiguous", f"{FORWARD}java.io.EOFException"),
    ("a leader that is frozen", 500, "ambiguous", f"{FORWARD}Total timeout 90000 ms elapsed"),
    ("workers that distrust each other", 500, "final", f"{FORWARD}javax.net.ssl.SSLHandshakeException: no"),
    ("a write that takes more than 90 s", 500, "ambiguous", "Request timed out. The worker is currently polling."),
    ("a broker that did not take the write", 500, "ambiguous", "Error writing connector configuration to Kafka"),
    ("tasks that still stop while offsets are altered", 500, "again", "… this operation can be safely retried."),
    ("offsets of an unknown topic", 500, "final", "Failed to alter consumer group offsets for connector c"),
    ("a nested value", 500, "final", "Cannot deserialize value of type `java.lang.String` from Object value"),
    ("an initial state that does not exist", 500, "final", "Cannot deserialize value of type `InitialState`"),
    ("a plugin's own time-out", 500, "final", "Timed out after 30000 ms while waiting for a server"),
    ("a class that is not installed", 500, "invalid", "BadRequestException: Failed to find any class that implements"),
    ("a config that the plugin refuses", 400, "invalid", "Connector configuration is invalid"),
    ("an ambiguous URI", 400, "invalid", None),
    ("a proxy that lost the worker", 502, "ambiguous", None),
    ("a proxy that waited too long", 504, "ambiguous", None),
    ("a proxy without workers", 503, "away", None),
    ("a proxy that slows down", 429, "away", None),
    ("somebody unknown", 401, "denied", None),
    ("somebody without rights", 403, "denied", None),
    ("topic tracking that is off", 403, "final", "Topic tracking is disabled."),
    ("a redirect", 302, "final", None),
    ("a restart", 202, "done", {}),
]


@pytest.mark.parametrize(("status", "meaning", "said"), [case[1:] for case in MEANINGS], ids=[c[0] for c in MEANINGS])
def test_an_answer_means(status: int, meaning: Meaning, said: str | dict[str, str] | None) -> None:
    body = error(status, said) if isinstance(said, str) else said
    assert answers.meaning(status, body, "" if body else "<html>HTTP ERROR</html>") == meaning


def test_the_list_of_every_installed_plugin_is_no_part_of_an_error() -> None:
    told = error(500, "no class X, available connectors are: PluginDesc{a}\nPluginDesc{b}")
    assert answers.message_of(told, "") == "no class X"


def test_html_in_place_of_json_is_told_as_text() -> None:
    assert answers.message_of(None, "<html><h2>HTTP ERROR 404\n Not Found</h2>") == "HTTP ERROR 404 Not Found"


@pytest.mark.parametrize("mask", ["***", "********", "•••", "[hidden]"])
def test_what_a_server_shows_in_place_of_a_secret_is_a_mask(mask: str) -> None:
    assert answers.is_mask(mask)


@pytest.mark.parametrize("value", ["", "**", "a***", "${env:X}", "[hidden] "])
def test_anything_else_is_none(value: str) -> None:
    assert not answers.is_mask(value)


def test_a_definition_keeps_what_a_person_needs_to_fill_in_the_key() -> None:
    document = {
        "name": "tasks.max", "type": "INT", "required": False, "default_value": "1", "importance": "HIGH",
        "documentation": "How many.", "group": "Common", "order_in_group": 4, "width": "SHORT", "dependents": [],
    }  # fmt: skip
    known = KeyDefinition("tasks.max", "INT", "How many.", "1", False, "HIGH", "Common", 4)
    assert answers.key_definition(document) == known
    assert answers.key_definition({"name": "x"}) == KeyDefinition("x")


def test_a_validation_gives_the_recommended_values_with_the_definitions_but_no_value() -> None:
    value = {"name": "version", "value": "s3cret", "recommended_values": ["1.0", "2.0"], "errors": []}
    found = answers.validation({"configs": [{"definition": {"name": "version"}, "value": value}]})
    assert found.definitions == (KeyDefinition("version", recommended=("1.0", "2.0")),)
    assert "s3cret" not in repr(found)


def test_offsets_are_read_and_written_in_the_form_of_sinks() -> None:
    wanted = [Offset("a", 0, 7), Offset("a", 10, None), Offset("b", 2, 0)]
    document = answers.offsets_document(wanted)
    assert document["offsets"][1] == {"partition": {"kafka_topic": "a", "kafka_partition": 10}, "offset": None}
    assert answers.offsets({"offsets": list(reversed(document["offsets"]))}) == wanted


def test_loggers_are_read_by_name() -> None:
    document: dict[str, dict[str, Any]] = {
        "root": {"level": "WARN", "last_modified": None},
        "a.b": {"level": "DEBUG", "last_modified": 5},
    }
    assert [(one.name, one.level, one.modified) for one in answers.loggers(document)] == [
        ("a.b", "DEBUG", 5),
        ("root", "WARN", None),
    ]


def test_a_connector_that_is_being_deleted_is_listed_with_null_and_left_out() -> None:
    whole: dict[str, Any] = {"info": {"config": {"name": "a"}}, "status": {"name": "a"}}
    found = answers.deployed({"a": whole, "gone": {"info": None, "status": None}, "new": {"info": {"config": None}}})
    assert {name: (dict(one.config), one.status is None) for name, one in found.items()} == {
        "a": ({"name": "a"}, False),
        "new": ({}, True),
    }
