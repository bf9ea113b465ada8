from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectError, ConnectorInvalid, ConnectorNotFound, ConnectUnavailable
from tests.connect.conftest import Answer, Script, error

STARTING = Answer(404, "<html><body>HTTP ERROR 404 Not Found</body></html>")
REBALANCE = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
CONFIG = {"connector.class": "Sink", "topics": "t"}
RUNNING = {"name": "c", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": [], "type": "sink"}


def test_a_404_without_error_code_means_that_the_worker_still_starts(script: Script) -> None:
    script.answers = [STARTING, Answer(404, {"status": 404, "message": "Not Found"}), Answer(body={})]
    assert script.client().connectors() == {}
    assert len(script.asked) == 3


def test_another_server_that_answers_404_is_given_up_soon(script: Script) -> None:
    script.rest = Answer(404, "Not Found")
    with pytest.raises(ConnectUnavailable, match="no Kafka Connect answers at"):
        script.client(patience=0.05, deadline=30.0).connectors()


@pytest.mark.parametrize("body", [[{"id": 7}], {"c": 7}, "text", 7, None], ids=str)
@pytest.mark.parametrize(
    "asks",
    [
        lambda client: client.connectors(),
        lambda client: client.all_connectors(),
        lambda client: client.status("c"),
        lambda client: client.task_configs("c"),
        lambda client: client.active_topics("c"),
        lambda client: client.plugins(),
        lambda client: client.plugin_config("x"),
        lambda client: client.validate("x", CONFIG),
        lambda client: client.offsets("c"),
        lambda client: client.loggers(),
    ],
)
def test_what_answers_otherwise_than_a_worker_is_an_error_and_no_bug(
    script: Script, asks: Callable[[ConnectClient], object], body: object
) -> None:
    """A gateway, say, or something else at that address; some shapes are taken for nothing at all."""
    script.rest = Answer(200, body)
    with suppress(ConnectError):
        asks(script.client(deadline=0))


def test_a_404_that_found_no_status_means_just_created(script: Script) -> None:
    script.answers = [error(404, "No status found for connector c"), Answer(body=CONFIG), Answer(body=RUNNING)]
    assert script.client().status("c").state == "RUNNING"
    assert script.calls == ["GET /connectors/c/status", "GET /connectors/c/config", "GET /connectors/c/status"]


def test_any_other_404_means_that_there_is_no_such_connector(script: Script) -> None:
    script.answers = [error(404, "Connector c not found")]
    with pytest.raises(ConnectorNotFound, match="Connector c not found"):
        script.client().config("c")
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    "again",
    [
        error(409, REBALANCE),
        error(409, "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"),
        error(500, "Request cannot be completed because a rebalance is expected"),
        error(500, "IO Error trying to forward REST request: java.net.ConnectException: Connection refused"),
        error(503, "overloaded"),
        error(429, "slow down"),
    ],
    ids=lambda answer: f"{answer.status} {answer.body['message'][:30]}",
)
def test_a_rebalance_is_waited_for_whichever_status_it_comes_with(script: Script, again: Answer) -> None:
    script.answers = [again, again, Answer(201, {"name": "c"})]
    script.client().put_config("c", CONFIG)
    assert script.calls == ["PUT /connectors/c/config"] * 3


def test_a_500_for_another_reason_is_final(script: Script) -> None:
    script.answers = [error(500, "Cannot deserialize value of type String from Object value")]
    with pytest.raises(ConnectError, match="500 Cannot deserialize"):
        script.client().put_config("c", CONFIG)
    assert len(script.asked) == 1


def test_a_409_for_a_connector_that_already_exists_is_final(script: Script) -> None:
    script.answers = [error(409, "Connector c already exists")]
    with pytest.raises(ConnectError, match="already exists"):
        script.client().pause("c")


def test_a_write_that_timed_out_and_was_done_is_not_repeated(script: Script) -> None:
    script.answers = [Answer(hold=5.0), Answer(body={**CONFIG, "name": "c"})]
    script.client(read_timeout=0.1).put_config("c", CONFIG)
    assert script.calls == ["PUT /connectors/c/config", "GET /connectors/c/config"]


def test_a_write_that_timed_out_and_was_not_done_is_repeated_after_a_look(script: Script) -> None:
    script.answers = [
        error(500, "Request timed out. The worker is currently polling the group coordinator."),
        Answer(body={"topics": "old"}),
        Answer(200, {}),
    ]
    script.client().put_config("c", CONFIG)
    assert script.calls == ["PUT /connectors/c/config", "GET /connectors/c/config", "PUT /connectors/c/config"]


def test_a_connection_that_broke_during_a_patch_is_read_back(script: Script) -> None:
    script.answers = [Answer(drop=True), Answer(body={"topics": "t"})]
    script.client().patch_config("c", {"topics": "t", "gone": None})
    assert script.calls == ["PATCH /connectors/c/config", "GET /connectors/c/config"]


def test_a_delete_whose_answer_was_lost_is_done_when_the_connector_is_gone(script: Script) -> None:
    script.answers = [Answer(drop=True), error(404, "Connector c not found")]
    script.client().delete("c")
    assert script.calls == ["DELETE /connectors/c", "GET /connectors/c/config"]


def test_repeating_ends_at_the_deadline_with_the_last_reason(script: Script) -> None:
    script.rest = error(409, REBALANCE)
    began = time.monotonic()
    with pytest.raises(ConnectUnavailable, match=r"did not do GET /connectors/c/status within 0\.3 s.*rebalance"):
        ConnectClient(script.url, deadline=0.3).status("c")
    assert time.monotonic() - began < 5


def test_a_closed_port_is_one_sentence_with_the_address_and_what_next() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(ConnectUnavailable, match=f"no Kafka Connect answers at {url} .*streamguard up.*--url"):
            ConnectClient(url, patience=0.2).connectors()


def test_the_password_of_the_address_is_not_in_the_error() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        client = ConnectClient(f"http://user:hunter2@127.0.0.1:{held.getsockname()[1]}", patience=0.1)
        with pytest.raises(ConnectUnavailable) as caught:
            client.connectors()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "ftp://x", "127.0.0.1:8083", "http://", "http://host:99999"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConnectError, match="is no address of Kafka Connect"):
        ConnectClient(url)


def test_a_web_server_that_is_no_worker_is_named_as_such(script: Script) -> None:
    script.answers = [Answer(200, "<html>hello</html>")]
    with pytest.raises(ConnectError, match="that is no Kafka Connect"):
        script.client().connectors()


def test_redirects_are_not_followed(script: Script) -> None:
    script.answers = [Answer(302, {"message": "elsewhere"})]
    with pytest.raises(ConnectError, match="302"):
        script.client().connectors()


@pytest.mark.parametrize("name", ["a/b", "a%b", "a\\b", "a;b", "a{b", "a}b", "", ".", ".."])
def test_names_that_rest_can_not_reach_are_refused_before_they_are_sent(script: Script, name: str) -> None:
    with pytest.raises(ConnectError, match="can not reach a connector named"):
        script.client().put_config(name, CONFIG)
    assert script.asked == []


@pytest.mark.parametrize(("name", "path"), [("a b", "a%20b"), ("a?b#c", "a%3Fb%23c"), ("ü", "%C3%BC")])
def test_other_names_are_sent_percent_encoded(script: Script, name: str, path: str) -> None:
    script.answers = [Answer(200, {})]
    script.client().put_config(name, CONFIG)
    assert script.calls == [f"PUT /connectors/{path}/config"]


def test_a_refused_config_carries_no_secret_that_the_worker_resolved(script: Script) -> None:
    text = "Invalid value mongodb://u:pw@h/ for configuration connection.uri: mongodb://u:pw@h/ is malformed"
    script.answers = [error(400, f"Connector configuration is invalid: {text}")]
    with pytest.raises(ConnectorInvalid) as caught:
        script.client().put_config("c", {**CONFIG, "connection.uri": "${env:URI}"})
    assert "pw" not in str(caught.value)
    assert "connection.uri" in str(caught.value)


def test_validation_drops_the_echo_of_values_and_knows_undefined_keys(script: Script) -> None:
    told = ["Invalid value s3cret for configuration tasks.max: no"]
    value = {"name": "tasks.max", "value": "s3cret", "errors": told}
    entries = [
        {"definition": {"name": "tasks.max", "documentation": "How many."}, "value": value},
        {"definition": None, "value": {"name": "consumer.override.x", "value": "1", "errors": []}},
    ]
    script.answers = [Answer(body={"configs": entries, "error_count": 1})]
    answer = script.client().validate("Sink", {"tasks.max": "${env:X}"})
    assert "s3cret" not in repr(answer)
    assert answer.errors[0].documentation == "How many."
    assert answer.known == frozenset({"tasks.max"})
    assert answer.undefined == frozenset({"consumer.override.x"})


def test_a_connector_without_info_is_left_out_and_one_without_status_is_not_assigned(script: Script) -> None:
    script.answers = [Answer(body={"a": {"status": RUNNING}, "b": {"info": {"config": {"tasks.max": 2}}}})]
    listed = script.client().connectors()
    assert list(listed) == ["b"]
    assert listed["b"].status is None
    assert listed["b"].config == {"tasks.max": "2"}


def test_a_restart_tells_which_parts_it_was_asked_for(script: Script) -> None:
    tasks = [{"id": 1, "state": "RESTARTING"}, {"id": 0, "state": "RUNNING"}]
    script.answers = [Answer(202, {"name": "c", "connector": {"state": "RUNNING"}, "tasks": tasks}), Answer(204)]
    client = script.client()
    assert client.restart("c", only_failed=True).parts == ("task 1",)
    assert client.restart("c").parts == ()
    assert script.calls[0] == "POST /connectors/c/restart?includeTasks=true&onlyFailed=true"


@pytest.mark.parametrize(
    ("version", "number"),
    [("4.3.1", (4, 3)), ("7.9.0-ccs", (7, 9)), ("4.4.0-SNAPSHOT", (4, 4)), ("", (0, 0)), ("unknown", (0, 0))],
)
def test_versions_are_read_in_every_form(script: Script, version: str, number: tuple[int, int]) -> None:
    script.answers = [Answer(body={"version": version})]
    assert script.client().worker().number == number


# Right after a creation, and during a rebalance


@pytest.mark.parametrize("read", ["config", "task_configs"])
def test_right_after_201_a_config_is_500_for_a_while_and_is_waited_for(script: Script, read: str) -> None:
    rebalance = error(500, "Request cannot be completed because a rebalance is expected")
    script.answers = [rebalance, rebalance, Answer(body=CONFIG if read == "config" else [])]
    getattr(script.client(), read)("c")
    assert len(script.asked) == 3


def test_a_status_that_is_not_there_because_the_connector_is_absent_is_not_waited_for(script: Script) -> None:
    script.answers = [error(404, "No status found for connector c"), error(404, "Connector c not found")]
    with pytest.raises(ConnectorNotFound, match="Connector c not found"):
        script.client().status("c")


def test_what_this_client_made_exists_though_the_worker_that_forwarded_it_has_not_read_it_yet(script: Script) -> None:
    absent = error(404, "Connector c not found")
    script.answers = [Answer(201, {}), absent, Answer(body=CONFIG), error(404, "Unknown connector c"), Answer(202)]
    client = script.client()
    client.create("c", CONFIG)
    assert client.config("c") == CONFIG
    client.pause("c")
    assert len(script.asked) == 5


def test_what_this_client_made_is_listed_though_the_worker_has_not_even_its_name_yet(script: Script) -> None:
    script.answers = [Answer(201, {}), Answer(body={}), Answer(body=[]), Answer(body=CONFIG)]
    client = script.client()
    client.create("c", CONFIG)
    assert list(client.all_connectors()) == ["c"]


def test_what_is_gone_after_all_is_told_so_soon(script: Script) -> None:
    """Somebody else deleted it right after it was made."""
    seconds = iter(range(1000))
    script.answers = [Answer(201, {})]
    script.rest = error(404, "Connector c not found")
    client = script.client(clock=lambda: float(next(seconds)))
    client.create("c", CONFIG)
    with pytest.raises(ConnectorNotFound):
        client.config("c")


def test_what_this_client_deleted_is_absent_at_once(script: Script) -> None:
    script.answers = [Answer(201, {}), Answer(204), error(404, "Connector c not found")]
    client = script.client()
    client.create("c", CONFIG)
    client.delete("c")
    with pytest.raises(ConnectorNotFound):
        client.config("c")
    assert len(script.asked) == 3


def test_what_is_created_but_left_out_of_the_expanded_list_is_found_by_its_name(script: Script) -> None:
    known = {"info": {"config": CONFIG}, "status": RUNNING}
    script.answers = [
        Answer(body={"old": known}),
        Answer(body=["old", "new", "gone", "a/b"]),
        Answer(body=CONFIG),
        error(404, "Connector gone not found"),
    ]
    found = script.client().all_connectors()
    assert sorted(found) == ["a/b", "new", "old"]
    assert found["new"].config == CONFIG
    assert found["new"].status is None


def test_only_for_a_name_that_is_left_out_of_the_expanded_list_more_is_asked(script: Script) -> None:
    listed = Answer(body={"old": {"info": {"config": CONFIG}, "status": RUNNING}})
    script.answers = [listed, listed, listed, Answer(body=["old", "new"]), Answer(body=CONFIG)]
    client = script.client()
    assert list(client.connectors_for(["o*"])) == ["old"]
    assert len(script.asked) == 1
    assert list(client.connectors_for(["o*", "new"])) == ["old", "new"]


def test_a_list_is_two_requests_however_many_connectors_there_are(script: Script) -> None:
    known = {"info": {"config": CONFIG}, "status": RUNNING}
    script.answers = [Answer(body={f"c{n}": known for n in range(500)}), Answer(body=[f"c{n}" for n in range(500)])]
    assert len(script.client().all_connectors()) == 500
    assert script.calls == ["GET /connectors?expand=info&expand=status", "GET /connectors"]


# What is sent


def test_a_state_other_than_running_is_sent_beside_the_config(script: Script) -> None:
    script.rest = Answer(201, {})
    client = script.client()
    client.create("a", CONFIG)
    client.create("b", CONFIG, "stopped")
    assert [asked.body for asked in script.asked] == [
        {"name": "a", "config": CONFIG},
        {"name": "b", "config": CONFIG, "initial_state": "STOPPED"},
    ]


@pytest.mark.parametrize("value", [None, ["a"], {"a": "b"}])
def test_a_value_that_is_neither_text_nor_number_is_refused_before_it_is_sent(script: Script, value: Any) -> None:
    for call in (script.client().put_config, script.client().create):
        with pytest.raises(ConnectError, match=r"bad is .*: a connector's config holds texts and numbers only"):
            call("c", {**CONFIG, "bad": value})
    assert script.asked == []


def test_numbers_and_truths_are_sent_as_text(script: Script) -> None:
    script.answers = [Answer(200, {})]
    script.client().put_config("c", {"a": 1, "b": 2.5, "c": True})  # type: ignore[dict-item]
    assert script.asked[0].body == {"a": "1", "b": "2.5", "c": "true"}


def test_a_patch_sends_null_for_what_is_to_go(script: Script) -> None:
    script.answers = [Answer(200, {})]
    script.client().patch_config("c", {"a": "1", "b": None})
    assert script.asked[0].body == {"a": "1", "b": None}


def test_a_validation_has_a_name_and_the_class_whatever_the_config_says(script: Script) -> None:
    script.rest = Answer(body={"configs": []})
    script.client().validate("Sink", {})
    script.client().validate("Sink", {"name": "c", "connector.class": "org.example.Sink"})
    assert [asked.body for asked in script.asked] == [
        {"name": "unnamed", "connector.class": "Sink"},
        {"name": "c", "connector.class": "org.example.Sink"},
    ]


# Answers that are final


@pytest.mark.parametrize("answer", [error(404, "HTTP 404 Not Found"), error(405, "HTTP 405 Method Not Allowed")])
def test_a_worker_that_is_too_old_for_a_request_is_told_so(script: Script, answer: Answer) -> None:
    script.answers = [answer]
    with pytest.raises(ConnectError, match="is too old for PUT /connectors/c/stop") as caught:
        script.client().stop("c")
    assert not isinstance(caught.value, ConnectorNotFound)


def test_topic_tracking_that_is_off_is_told_and_not_taken_for_missing_rights(script: Script) -> None:
    script.answers = [error(403, "Topic tracking is disabled.")]
    with pytest.raises(ConnectError, match="403 Topic tracking is disabled"):
        script.client().active_topics("c")


def test_the_offsets_of_a_source_are_refused_as_such(script: Script) -> None:
    script.answers = [Answer(body={"offsets": [{"partition": {"file": "a"}, "offset": {"line": 3}}]})]
    with pytest.raises(ConnectError, match="c is no sink"):
        script.client().offsets("c")


def test_a_config_is_invalid_but_offsets_that_can_not_be_altered_now_are_no_invalid_config(script: Script) -> None:
    script.answers = [error(400, "Connectors must be in the STOPPED state")]
    with pytest.raises(ConnectError, match="STOPPED") as caught:
        script.client().delete_offsets("c")
    assert not isinstance(caught.value, ConnectorInvalid)


def test_a_plugin_that_hangs_in_its_validation_ends_at_the_deadline_in_one_sentence(script: Script) -> None:
    """A worker gives up after 90 seconds; here the client does so sooner."""
    script.rest = Answer(hold=30.0)
    began = time.monotonic()
    with pytest.raises(
        ConnectUnavailable, match=r"PUT /connector-plugins/Sink/config/validate within 0\.4 s: no answer"
    ):
        script.client(deadline=0.4).validate("Sink", CONFIG)
    assert time.monotonic() - began < 5


def test_a_host_that_nobody_knows_is_told_so() -> None:
    with pytest.raises(ConnectUnavailable, match=r"nobody knows this host"):
        ConnectClient("http://no-such-host.invalid:8083", patience=0.0).worker()


@pytest.mark.parametrize(("level", "scope"), [("LOUD", "worker"), ("WARN", "everywhere")])
def test_a_level_or_scope_that_workers_would_misunderstand_is_refused(script: Script, level: str, scope: Any) -> None:
    with pytest.raises(ConnectError, match=r"is no (level|scope)"):
        script.client().set_logger("root", level, scope)
    assert script.asked == []
