from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.apply import Progress, Result, deploy, raise_for
from streamguard.connect.render import Connector
from streamguard.errors import ConnectorInvalid, PartlyDone, Refused, WaitTimedOut
from tests.connect.conftest import Answer, Script

CONFIG = {"connector.class": "Sink", "topics": "t"}
VERSION = Answer(body={"version": "4.3.1"})
PLUGINS = Answer(body=[{"class": "Sink", "type": "sink", "version": "1"}])
VALID = Answer(
    body={
        "configs": [{"definition": {"name": k}, "value": {"name": k, "errors": []}} for k in CONFIG],
        "error_count": 0,
    }
)


def connector(name: str = "c", **config: str) -> Connector:
    return Connector(name, {**CONFIG, **config}, Path(f"{name}.json.j2"))


def listing(config: dict[str, str] | None, state: str = "RUNNING") -> Answer:
    status = {"name": "c", "type": "sink", "connector": {"state": state}, "tasks": [{"id": 0, "state": state}]}
    return Answer(body={} if config is None else {"c": {"info": {"config": config}, "status": status}})


def run(script: Script, *connectors: Connector, **options: Any) -> tuple[list[Result], list[Progress]]:
    told: list[Progress] = []
    chosen = {"topics": {"t": 1}, "settle": 0.0, "timeout": 5.0, **options}
    return deploy(script.client(), connectors, report=told.append, **chosen), told


def test_what_does_not_differ_is_neither_validated_nor_written(script: Script) -> None:
    script.answers = [listing({**CONFIG, "name": "c"}), VERSION]
    script.rest = listing({**CONFIG, "name": "c"})
    results, told = run(script, connector())
    assert [result.row() for result in results] == [
        {"name": "c", "action": "unchanged", "state": "RUNNING", "tasks": 1, "error": None}
    ]
    assert {call.split()[0] for call in script.calls} == {"GET"}
    assert [progress.step for progress in told] == ["planned", "running"]


def test_a_new_connector_is_validated_created_and_waited_for(script: Script) -> None:
    script.answers = [listing(None), PLUGINS, VALID, VERSION, Answer(201, {})]
    script.rest = listing(CONFIG)
    results, told = run(script, connector())
    assert results[0].error is None
    assert [call for call in script.calls if not call.startswith("GET")] == [
        "PUT /connector-plugins/Sink/config/validate",
        "PUT /connectors/c/config",
    ]
    assert [progress.step for progress in told] == ["planned", "checked", "written", "running"]


def test_an_update_sends_only_what_differs_where_the_worker_has_patch(script: Script) -> None:
    script.answers = [listing({**CONFIG, "topics": "old", "gone": "1"}), PLUGINS, VALID, VERSION, Answer(200, {})]
    script.answers += [listing(CONFIG), Answer(body=[{"id": {"task": 0}, "config": CONFIG}])]
    script.rest = listing(CONFIG)
    results, _ = run(script, connector())
    assert results[0].error is None
    (patch,) = [asked for asked in script.asked if asked.method == "PATCH"]
    assert patch.body == {"gone": None, "topics": "t"}


def test_an_update_replaces_the_config_where_the_worker_has_no_patch(script: Script) -> None:
    script.answers = [listing({**CONFIG, "topics": "old"}), PLUGINS, VALID, Answer(body={"version": "3.7.1"})]
    script.answers += [Answer(200, {}), listing(CONFIG), Answer(body=[{"id": {"task": 0}, "config": CONFIG}])]
    script.rest = listing(CONFIG)
    run(script, connector())
    assert [asked.body for asked in script.asked if asked.path.endswith("/c/config")] == [CONFIG]


def test_one_bad_connector_does_not_stop_the_others(script: Script) -> None:
    script.answers = [listing(None), PLUGINS, VALID, VERSION, Answer(201, {})]
    script.rest = listing(CONFIG)
    results, _ = run(script, connector("bad", topics="missing"), connector("c"))
    by_name = {result.name: result for result in results}
    assert isinstance(by_name["bad"].error, ConnectorInvalid)
    assert by_name["c"].error is None
    with pytest.raises(
        PartlyDone, match=r"1 of 2 connectors run as wanted.*\n.*bad: topics: there is no topic missing"
    ):
        raise_for(results)


def test_a_config_against_policy_is_refused_before_it_is_sent(script: Script) -> None:
    script.answers = [listing(None), PLUGINS, VERSION]
    results, _ = run(script, connector(password="hunter2"))
    with pytest.raises(Refused) as caught:
        raise_for(results)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(script.asked)


def test_a_wait_that_took_too_long_ends_with_its_own_error(script: Script) -> None:
    script.answers = [listing(None), PLUGINS, VALID, VERSION, Answer(201, {})]
    script.rest = listing(CONFIG, state="UNASSIGNED")
    results, _ = run(script, connector(), timeout=0.0)
    with pytest.raises(WaitTimedOut, match="c did not run within 0 s: connector UNASSIGNED, task 0 UNASSIGNED"):
        raise_for(results)
