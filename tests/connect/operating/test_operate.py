from __future__ import annotations

import threading
from itertools import count
from typing import Any

import pytest

from streamguard.connect.operating.operate import (
    SETTLE_SECONDS,
    Outcome,
    each,
    needing_restart,
    raise_for,
    reached,
    restart,
    settle,
    settle_restarts,
)
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, State, TaskStatus
from streamguard.errors import ConnectError, ConnectorFailed, PartlyDone, StreamguardError, WaitTimedOut
from tests.connect.conftest import Answer, Script


def untold(_outcome: Outcome) -> None:
    """Nobody listens."""


def status(state: str, *tasks: str) -> ConnectorStatus:
    return ConnectorStatus("c", state, "w", "sink", "", tuple(TaskStatus(n, t, "w") for n, t in enumerate(tasks)))


def listing(state: str, *tasks: str) -> Answer:
    parts = [{"id": number, "state": task, "trace": "x\nCaused by: a.B: bad"} for number, task in enumerate(tasks)]
    shown = {"name": "c", "type": "sink", "connector": {"state": state}, "tasks": parts}
    return Answer(body={"c": {"info": {"config": {}}, "status": shown}})


def settled(script: Script, state: State, timeout: float = 100.0) -> Outcome:
    seconds = count()
    client = script.client()
    done = [Outcome("c", "asked")]
    (outcome,) = settle(
        client,
        done,
        {"c": Deployed("c", {}, None)},
        state,
        timeout=timeout,
        clock=lambda: float(next(seconds)),
        sleep=lambda _seconds: None,
    )
    return outcome


def test_one_that_fails_does_not_stop_the_others_and_the_order_stays() -> None:
    def act(name: str) -> str:
        if name == "b":
            raise ConnectError("b is bad")
        return "done"

    outcomes = each(["a", "b", "c"], act, 2, untold)
    assert [(outcome.name, outcome.action) for outcome in outcomes] == [("a", "done"), ("b", "failed"), ("c", "done")]
    with pytest.raises(PartlyDone, match="1 of 3 connectors: b is bad"):
        raise_for(outcomes)


def test_no_more_are_worked_on_at_a_time_than_jobs() -> None:
    at_work, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def act(_name: str) -> str:
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        both.wait(10)
        with lock:
            at_work -= 1
        return ""

    each([str(number) for number in range(8)], act, 2, untold)
    assert most == 2


def test_after_ctrl_c_what_has_begun_is_ended_and_nothing_more_is_begun() -> None:
    begun: list[str] = []
    ended: list[str] = []
    interrupted, never, both = threading.Event(), threading.Event(), threading.Barrier(2)

    def act(name: str) -> str:
        begun.append(name)
        if name in ("0", "1"):
            both.wait(10)
        if name != "0":
            assert interrupted.wait(10)
            never.wait(0.05)
        ended.append(name)
        return "done"

    def report(_outcome: Outcome) -> None:
        interrupted.set()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each([str(number) for number in range(100)], act, 2, report)
    assert sorted(begun) == sorted(ended)
    assert {"0", "1"} <= set(ended)
    assert len(begun) < 10


@pytest.mark.parametrize(
    ("seen", "state", "there"),
    [
        (status("STOPPED"), "stopped", True),
        (status("STOPPED", "RUNNING"), "stopped", False),
        (status("RUNNING", "UNASSIGNED"), "stopped", False),
        (status("PAUSED", "PAUSED", "FAILED"), "paused", True),
        (status("PAUSED"), "paused", False),
        (status("PAUSED", "RUNNING"), "paused", False),
        (status("RUNNING", "RUNNING"), "running", True),
        (status("RUNNING"), "running", False),
        (None, "running", False),
    ],
)
def test_a_connector_is_there_once_its_tasks_are(seen: ConnectorStatus | None, state: State, there: bool) -> None:
    assert reached(seen, state) is there


def test_a_stale_state_after_a_stop_is_waited_out(script: Script) -> None:
    script.answers = [listing("RUNNING", "RUNNING"), listing("RUNNING", "UNASSIGNED"), listing("STOPPED")]
    outcome = settled(script, "stopped")
    assert (outcome.state, outcome.error, len(script.asked)) == ("STOPPED", None, 3)


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_what_has_failed_can_be_paused_and_stopped(script: Script, state: State) -> None:
    end = listing("PAUSED", "FAILED") if state == "paused" else listing("STOPPED")
    script.answers = [listing("RUNNING", "FAILED")] * 5 + [end]
    outcome = settled(script, state)
    assert (outcome.state, outcome.error) == (state.upper(), None)


def restarted(script: Script, before: ConnectorStatus, action: str = "restarting task 0") -> Outcome:
    """What came of it; a look takes a second."""
    seconds = count()
    (outcome,) = settle_restarts(
        script.client(),
        [Outcome("c", action)],
        {"c": Deployed("c", {}, before)},
        timeout=100.0,
        clock=lambda: float(next(seconds)) / 2,
        sleep=lambda _seconds: None,
    )
    return outcome


def test_a_restart_is_over_once_the_tasks_run_whatever_they_had_shown_before(script: Script) -> None:
    failed, again, runs = listing("RUNNING", "FAILED"), listing("RUNNING", "RESTARTING"), listing("RUNNING", "RUNNING")
    script.answers, script.rest = [failed, failed, again], runs
    outcome = restarted(script, status("RUNNING", "FAILED"))
    assert (outcome.state, outcome.error) == ("RUNNING", None)


@pytest.mark.parametrize("shown", [[], [("RUNNING", "RESTARTING"), ("RUNNING", "RUNNING")]], ids=["at once", "later"])
def test_a_restart_that_mends_nothing_is_a_failure(script: Script, shown: list[tuple[str, ...]]) -> None:
    script.answers, script.rest = [listing(*states) for states in shown], listing("RUNNING", "FAILED")
    outcome = restarted(script, status("RUNNING", "FAILED"))
    assert (outcome.state, type(outcome.error)) == ("FAILED", ConnectorFailed)


def test_a_restart_of_what_is_paused_ends_with_pause_and_what_was_left_alone_is_not_waited_for(script: Script) -> None:
    script.rest = listing("PAUSED", "PAUSED")
    assert restarted(script, status("PAUSED", "PAUSED"), "restarting connector").state == "PAUSED"
    asked = len(script.asked)
    assert restarted(script, status("STOPPED"), "left alone: it is STOPPED, `resume` starts it").error is None
    assert len(script.asked) == asked


def test_a_task_that_fails_a_moment_after_it_ran_is_a_failure(script: Script) -> None:
    assert SETTLE_SECONDS > 1
    script.answers = [listing("RUNNING", "RUNNING")]
    script.rest = listing("RUNNING", "FAILED")
    outcome = settled(script, "running")
    assert isinstance(outcome.error, ConnectorFailed)
    assert "task 0 is FAILED: B: bad" in str(outcome.error)


def test_what_does_not_come_is_told_with_the_state_that_it_has_instead(script: Script) -> None:
    script.rest = listing("RUNNING", "RUNNING")
    outcome = settled(script, "paused", timeout=3.0)
    assert isinstance(outcome.error, WaitTimedOut)
    assert str(outcome.error) == "c was not paused within 3 s: connector RUNNING, task 0 RUNNING"
    assert outcome.state == "RUNNING"


def test_a_stopped_connector_is_not_restarted_though_a_worker_answers_that_it_does(script: Script) -> None:
    script.rest = Answer(202, {"name": "c", "connector": {"state": "RESTARTING"}, "tasks": []})
    assert "it is STOPPED" in restart(script.client(), "c", status("STOPPED"), only_failed=False)
    assert script.asked == []
    assert restart(script.client(), "c", status("RUNNING", "RUNNING"), only_failed=False) == "restarting connector"


def test_the_tasks_are_restarted_too_which_a_bare_restart_leaves_alone(script: Script) -> None:
    script.rest = Answer(
        202, {"name": "c", "connector": {"state": "RUNNING"}, "tasks": [{"id": 1, "state": "RESTARTING"}]}
    )
    assert restart(script.client(), "c", status("RUNNING", "FAILED"), only_failed=True) == "restarting task 1"
    assert script.calls == ["POST /connectors/c/restart?includeTasks=true&onlyFailed=true"]


def test_only_what_failed_needs_a_restart() -> None:
    listed: dict[str, Any] = {
        "a": status("RUNNING", "RUNNING"),
        "b": status("RUNNING", "FAILED"),
        "c": status("FAILED"),
        "d": None,
        "e": status("FAILED"),
    }
    known = {name: Deployed(name, {}, one) for name, one in listed.items()}
    assert needing_restart(known, ["a", "b", "c", "d"]) == ["b", "c"]


def test_errors_that_are_all_of_one_kind_keep_its_exit_code() -> None:
    late = [Outcome(name, "pause", error=WaitTimedOut(f"{name} is late")) for name in "abcdefg"]
    with pytest.raises(WaitTimedOut, match=r"7 of 7 connectors: a is late.*; and 2 more"):
        raise_for(late)
    with pytest.raises(StreamguardError, match="2 of 2") as caught:
        raise_for([*late[:1], Outcome("x", "failed", error=ConnectError("bad"))])
    assert caught.value.exit_code == 1
    raise_for([Outcome("a", "pause")])
