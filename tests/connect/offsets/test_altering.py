from __future__ import annotations

from collections.abc import Mapping

import pytest

from streamguard.connect.offsets import altering, resetting
from streamguard.connect.offsets.altering import alter, forget, standing, stopped
from streamguard.connect.offsets.moves import control_moves, reset_to
from streamguard.connect.offsets.reading import ICEBERG
from streamguard.errors import ConnectError, KafkaError, WaitTimedOut
from streamguard.kafka import group_offsets
from streamguard.kafka.group_offsets import Bounds, GroupReaders
from streamguard.settings import Settings
from tests.connect.conftest import Answer, Script, error

CONFIG = {"topics": "t", "connector.class": ICEBERG, "iceberg.control.topic": "control"}
SETTINGS = Settings()


def state(name: str, *tasks: str) -> Answer:
    parts = [{"id": number, "state": task} for number, task in enumerate(tasks)]
    return Answer(body={"name": "c", "type": "sink", "connector": {"state": name}, "tasks": parts})


def quiet(_text: str) -> None:
    """Nobody listens."""


@pytest.fixture(autouse=True)
def committed(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[tuple[str, int], int]]:
    """A Kafka with the topics t (2 partitions) and control; what is committed to a group is kept."""
    kept: dict[str, dict[tuple[str, int], int]] = {}
    for module in (altering, resetting):
        monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(group_offsets, "partitions", lambda _settings: {"t": [0, 1], "control": [0]})
    monkeypatch.setattr(
        group_offsets, "bounds", lambda _settings, places: {place: Bounds(0, 10 + place[1]) for place in places}
    )
    monkeypatch.setattr(GroupReaders, "committed", lambda _self, _group, places: dict.fromkeys(places, 4))

    def commit(_settings: Settings, group: str, offsets: Mapping[tuple[str, int], int], *, timeout: float) -> None:
        assert timeout > 0
        kept[group] = dict(offsets)

    monkeypatch.setattr(group_offsets, "commit", commit)
    return kept


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("RUNNING", "PUT /connectors/c/resume"),
        ("PAUSED", "PUT /connectors/c/pause"),
        ("FAILED", "PUT /connectors/c/resume"),
    ],
)
def test_the_state_of_before_is_restored(script: Script, before: str, after: str) -> None:
    script.answers = [state(before, before), Answer(204), state(before, "UNASSIGNED"), state("STOPPED"), Answer(202)]
    script.answers += [state("STOPPED"), state(before)]
    with stopped(script.client(), "c", timeout=10, tell=quiet):
        assert len(script.asked) == 4, "a worker shows the old state for a while after a stop"
    assert script.calls[4] == after
    assert len(script.asked) == 7, "and for a while after a start: who looks then takes it for stopped"


def test_what_was_stopped_stays_so(script: Script) -> None:
    script.answers = [state("STOPPED")]
    with stopped(script.client(), "c", timeout=10, tell=quiet):
        pass
    assert script.calls == ["GET /connectors/c/status"]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), ConnectError("no"), KafkaError("no")])
def test_the_state_is_restored_too_if_something_goes_wrong_in_between(script: Script, trouble: BaseException) -> None:
    script.answers = [state("RUNNING"), Answer(204), state("STOPPED"), Answer(202), state("RUNNING")]
    with pytest.raises(type(trouble)), stopped(script.client(), "c", timeout=10, tell=quiet):
        raise trouble
    assert script.calls[-2] == "PUT /connectors/c/resume"


def test_one_that_does_not_stop_is_left_running(script: Script) -> None:
    script.answers = [state("RUNNING", "RUNNING"), Answer(204)]
    script.rest = state("RUNNING", "RUNNING")
    with pytest.raises(WaitTimedOut, match="c is not STOPPED"), stopped(script.client(), "c", timeout=0.05, tell=quiet):
        pytest.fail("it was not stopped")
    assert script.calls[-2] == "PUT /connectors/c/resume"


def test_both_groups_of_an_iceberg_sink_are_moved_the_second_one_first(
    script: Script, committed: dict[str, dict[tuple[str, int], int]]
) -> None:
    entry = {"partition": {"kafka_topic": "t", "kafka_partition": 0}, "offset": {"kafka_offset": 7}}
    script.answers = [Answer(body={"offsets": [entry]}), Answer(body={"message": "done"})]
    client = script.client()
    now = standing(client, SETTINGS, "c", CONFIG)
    assert [(one.place, one.committed, one.end) for one in now.partitions] == [(("t", 0), 7, 10), (("t", 1), None, 11)]
    alter(client, SETTINGS, now, [*reset_to(now, "earliest"), *control_moves(now, "end")], timeout=10)
    assert committed == {"connect-c-coord": {("control", 0): 10}}
    body = script.asked[-1].body["offsets"]
    assert [(one["partition"]["kafka_partition"], one["offset"]["kafka_offset"]) for one in body] == [(0, 0), (1, 0)]


def test_if_the_second_group_can_not_be_moved_nothing_is(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise KafkaError("Unknown member")

    monkeypatch.setattr(group_offsets, "commit", refuse)
    script.answers = [Answer(body={"offsets": []})]
    client = script.client()
    now = standing(client, SETTINGS, "c", CONFIG)
    with pytest.raises(KafkaError):
        alter(client, SETTINGS, now, [*reset_to(now, "earliest"), *control_moves(now, "end")], timeout=10)
    assert [call.split()[0] for call in script.calls] == ["GET"]


def test_to_forget_stops_first_and_puts_the_second_group_to_the_end(
    script: Script, committed: dict[str, dict[tuple[str, int], int]]
) -> None:
    script.answers = [Answer(204), state("RUNNING", "RUNNING"), state("STOPPED"), Answer(body={"message": "done"})]
    forget(script.client(), SETTINGS, "c", CONFIG, timeout=10)
    assert committed == {"connect-c-coord": {("control", 0): 10}}
    assert [call for call in script.calls if "status" not in call] == [
        "PUT /connectors/c/stop",
        "DELETE /connectors/c/offsets",
    ]


def test_to_forget_is_tried_again_while_the_group_has_members(script: Script) -> None:
    busy = error(400, "the consumer group connect-c is not empty")
    script.answers = [Answer(204), state("STOPPED"), busy, state("STOPPED"), Answer(body={"message": "done"})]
    forget(script.client(), SETTINGS, "c", CONFIG, timeout=10)
    assert script.calls.count("DELETE /connectors/c/offsets") == 2


def test_to_forget_what_does_not_stop_ends_in_time_and_names_it(script: Script) -> None:
    script.answers = [Answer(204), state("RUNNING", "RUNNING")]
    with pytest.raises(WaitTimedOut, match="c: its offsets could not be deleted within 0 s: it is RUNNING"):
        forget(script.client(), SETTINGS, "c", CONFIG, timeout=0)


def test_a_topic_that_is_gone_is_shown_as_unknown(script: Script) -> None:
    entry = {"partition": {"kafka_topic": "gone", "kafka_partition": 0}, "offset": {"kafka_offset": 7}}
    script.answers = [Answer(body={"offsets": [entry]})]
    now = standing(script.client(), SETTINGS, "c", {"topics": "t"})
    left = next(one for one in now.partitions if one.topic == "gone")
    assert (left.known, left.is_read, left.lag) == (False, False, None)


def test_a_source_has_no_offsets_of_topics(script: Script) -> None:
    script.answers = [Answer(body={"offsets": [{"partition": {"file": "a"}, "offset": {"at": 1}}]})]
    with pytest.raises(ConnectError, match="no sink"):
        standing(script.client(), SETTINGS, "c", {})
    script.answers = [Answer(body={"offsets": []})]
    with pytest.raises(ConnectError, match="reads no topics"):
        standing(script.client(), SETTINGS, "c", {})


def test_a_worker_that_refuses_to_alter_is_told_in_its_own_words(script: Script) -> None:
    script.answers = [
        Answer(body={"offsets": []}),
        error(500, "Failed to alter consumer group offsets for connector c"),
    ]
    client = script.client(deadline=0)
    now = standing(client, SETTINGS, "c", {"topics": "t"})
    with pytest.raises(ConnectError, match="Failed to alter consumer group offsets"):
        alter(client, SETTINGS, now, reset_to(now, "earliest"), timeout=10)
