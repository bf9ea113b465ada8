from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamguard.connect.deploying.apply import Deployment, How, Progress, deploy, plan
from streamguard.connect.deploying.plan import Action, has_changes
from streamguard.connect.deploying.results import Outcome as ResultOutcome
from streamguard.connect.deploying.results import Report, Result, raise_for, schema
from streamguard.connect.deploying.writing import apply
from streamguard.connect.offsets import resetting
from streamguard.connect.rest.answers import State, is_mask
from streamguard.connect.secrecy.sensitive import is_sensitive
from streamguard.connect.templates.own import OWNER, Owner, Prune, stamped
from streamguard.connect.templates.render import Connector
from streamguard.errors import (
    ConnectError,
    ConnectorFailed,
    ConnectorInvalid,
    ConnectUnavailable,
    PartlyDone,
    Refused,
    StreamguardError,
    TemplateError,
    WaitTimedOut,
)
from tests.connect.cluster import Cluster

US = Owner("us", "bank")
FAST = How(settle=0.0, timeout=5.0)


def connector(name: str = "c", state: State = "running", **config: str) -> Connector:
    text = {key.replace("__", "."): value for key, value in config.items()}
    whole = {"connector.class": "Sink", "topics": "t", **text}
    return stamped(Connector(name, whole, Path(f"{name}.json.j2"), state, "bank"), US)


def run(cluster: Cluster, *connectors: Connector, **options: Any) -> tuple[list[Result], list[Progress]]:
    told: list[Progress] = []
    chosen = {"topics": {"t": 1}, "how": FAST, **options}
    deployment = Deployment(cluster.client(), connectors, tell=told.append, **chosen)
    return deployment.run(), told


def outcomes(results: list[Result]) -> dict[str, str]:
    return {result.name: result.outcome for result in results}


def error_of(results: list[Result]) -> StreamguardError:
    with pytest.raises(StreamguardError) as caught:
        raise_for(results)
    return caught.value


def test_quirk_7_what_does_not_differ_is_neither_validated_nor_written() -> None:
    cluster = Cluster()
    run(cluster, connector())
    cluster.asked.clear()
    results, told = run(cluster, connector())
    assert (results[0].action, results[0].state, results[0].tasks, results[0].error) == (
        "unchanged",
        "RUNNING",
        1,
        None,
    )
    assert {method for method, _, _ in cluster.asked} == {"GET"}
    assert [progress.step for progress in told if progress.step != "warning"] == ["planned", "running"]


def test_a_new_connector_is_validated_created_and_waited_for() -> None:
    cluster = Cluster()
    results, told = run(cluster, connector())
    raise_for(results)
    assert [path for method, path, _ in cluster.asked if method != "GET"] == [
        "/connector-plugins/Sink/config/validate",
        "/connectors",
    ]
    assert [progress.step for progress in told if progress.step != "warning"] == [
        "planned",
        "checked",
        "written",
        "running",
    ]


def test_an_update_sends_only_what_differs_where_the_worker_has_patch() -> None:
    cluster = Cluster()
    cluster.add("c", **{**connector().config, "topics": "old", "gone": "1"})
    results, _ = run(cluster, connector())
    raise_for(results)
    assert [body for method, _, body in cluster.asked if method == "PATCH"] == [{"gone": None, "topics": "t"}]


def test_an_update_replaces_the_config_where_the_worker_has_no_patch() -> None:
    cluster = Cluster(version="3.7.1")
    cluster.add("c", **{**connector().config, "topics": "old"})
    results, _ = run(cluster, connector())
    raise_for(results)
    assert cluster.writes == ["PUT /connectors/c/config"]
    assert cluster.asked[-1][0] == "GET"


@pytest.mark.parametrize("jobs", [1, 8])
def test_a_plan_lists_exactly_the_writes_that_a_deployment_sends(jobs: int) -> None:
    wanted = [
        connector("a"),
        connector("b", "stopped"),
        connector("c", "paused", x="1"),
        connector("d"),
        connector("e"),
    ]
    first, second = Cluster(), Cluster()
    for cluster in (first, second):
        cluster.add("c", **connector("c").config)
        cluster.add("d", "STOPPED", **connector("d").config)
        cluster.add("e", **connector("e").config)
        cluster.add("f", **connector("f").config)
    prune = Prune("us", frozenset({"bank"}), frozenset("abcde"), reset_offsets=True)
    listed = [write.row() for change in plan(first.client(), wanted, prune=prune).changes for write in change.writes]
    assert first.writes == []
    results, _ = run(second, *wanted, prune=prune, how=How(jobs=jobs, settle=0.0))
    raise_for(results)
    assert sorted(second.writes) == sorted(f"{write['method']} {write['path']}" for write in listed)
    if jobs == 1:
        assert second.writes[2:] == [
            *("PUT /connectors/c/pause", "PATCH /connectors/c/config", "PUT /connectors/d/resume"),
            *("PUT /connectors/f/stop", "DELETE /connectors/f/offsets", "DELETE /connectors/f"),
        ]
    assert not has_changes(plan(second.client(), wanted, prune=prune).changes)


@pytest.mark.parametrize("state", ["stopped", "paused"])
def test_what_is_created_as_stopped_or_paused_is_never_started(state: State) -> None:
    cluster = Cluster()
    results, _ = run(cluster, connector(state=state))
    raise_for(results)
    assert (results[0].state, cluster.started) == (state.upper(), set())
    assert cluster.writes == ["POST /connectors"]


def test_one_bad_connector_does_not_stop_the_others() -> None:
    cluster = Cluster(invalid={"bad": "Invalid value x"}, failing={"dies": 2}, errors={"POST /connectors": []})
    unlinted = connector("refused", password="hunter2")
    wanted = [connector("bad"), connector("c"), connector("dies"), unlinted, connector("lost", topics="missing")]
    broken = {"unrendered": TemplateError("unrendered.json.j2, line 3: no")}
    results, told = run(cluster, *wanted, unrendered=broken, how=How(settle=0.5, timeout=5.0))
    assert outcomes(results) == {
        "bad": "invalid",
        "c": "done",
        "dies": "failed",
        "refused": "refused",
        "lost": "refused",
        "unrendered": "refused",
    }
    error = error_of(results)
    assert isinstance(error, PartlyDone)
    assert str(error).startswith("1 of 6 connectors are as wanted, not so:\n  bad: topics: Invalid value x")
    assert "dies, task 0 is FAILED: C: the task died" in str(error)
    assert sorted(cluster.connectors) == ["c", "dies"]
    assert "hunter2" not in repr([*told, error, *cluster.asked])


def test_fail_fast_writes_nothing_at_all_when_lint_refuses_something() -> None:
    cluster = Cluster()
    refused = connector("refused", password="hunter2")
    results, _ = run(cluster, connector("c"), refused, how=How(fail_fast=True))
    assert (outcomes(results), cluster.connectors) == ({"c": "skipped", "refused": "refused"}, {})
    assert (type(error_of(results)), "1 more: not tried" in str(error_of(results))) == (Refused, True)


def test_fail_fast_writes_nothing_when_a_plugin_refuses_something() -> None:
    cluster = Cluster(invalid={"bad": "no"})
    results, _ = run(cluster, connector("bad"), connector("c"), how=How(jobs=1, fail_fast=True))
    assert (outcomes(results), cluster.writes) == ({"bad": "invalid", "c": "skipped"}, [])
    assert isinstance(error_of(results), ConnectorInvalid)


def test_fail_fast_begins_nothing_more_after_a_write_that_failed() -> None:
    cluster = Cluster(errors={"POST /connectors": [(500, "no more room")]})
    results, _ = run(cluster, *(connector(name) for name in "abc"), how=How(jobs=1, fail_fast=True))
    assert outcomes(results) == {"a": "failed", "b": "skipped", "c": "skipped"}
    assert isinstance(error_of(results), ConnectError)


def test_fail_fast_ends_the_wait_at_the_first_failure() -> None:
    cluster = Cluster(failing={"a": 0})
    results, _ = run(cluster, connector("a"), connector("b"), how=How(fail_fast=True, settle=1.0))
    assert outcomes(results) == {"a": "failed", "b": "under way"}
    assert isinstance(error_of(results), ConnectorFailed)
    assert "1 more: written, and not seen to end" in str(error_of(results))


def test_as_many_connectors_as_jobs_are_written_at_a_time() -> None:
    under_way, most, lock = 0, 0, threading.Lock()
    released = threading.Barrier(3, timeout=5)

    def before(method: str, _path: str) -> None:
        nonlocal under_way, most
        if method != "POST":
            return
        with lock:
            under_way += 1
            most = max(most, under_way)
        released.wait()
        with lock:
            under_way -= 1

    cluster = Cluster(before=before)
    results, _ = run(cluster, *(connector(f"c{number}") for number in range(9)), how=How(jobs=3, settle=0.0))
    raise_for(results)
    assert most == 3


def test_a_cluster_that_goes_away_stops_what_has_not_begun() -> None:
    cluster = Cluster()

    def before(method: str, _path: str) -> None:
        if method == "POST" and cluster.connectors:
            raise ConnectUnavailable("the cluster went away")

    cluster.before = before
    results, _ = run(cluster, *(connector(name) for name in "abc"), how=How(jobs=1))
    assert outcomes(results) == {"a": "under way", "b": "failed", "c": "skipped"}
    assert isinstance(error_of(results), ConnectUnavailable)


def test_ctrl_c_is_told_with_what_was_done_what_had_begun_and_what_had_not() -> None:
    cluster = Cluster()

    def before(method: str, path: str) -> None:
        if method == "GET" and path == "/connectors" and len(cluster.connectors) == 1:
            raise KeyboardInterrupt

    cluster.before = before
    invalid = connector("b", password="hunter2")
    deployment = Deployment(cluster.client(), [connector("a"), invalid], topics={"t": 1}, how=FAST)
    with pytest.raises(KeyboardInterrupt):
        deployment.run()
    assert outcomes(deployment.end()) == {"a": "under way", "b": "refused"}


def test_a_config_against_policy_is_refused_before_it_is_sent() -> None:
    cluster = Cluster()
    results, _ = run(cluster, connector(password="hunter2"))
    error = error_of(results)
    assert (type(error), error.exit_code) == (Refused, 3)
    assert "hunter2" not in str(error)
    assert cluster.writes == []


def test_a_wait_that_took_too_long_ends_with_its_own_error() -> None:
    cluster = Cluster()
    cluster.add("c", "PAUSED", **connector().config)
    cluster.errors["PUT /connectors/c/resume"] = []
    results, _ = run(cluster, connector(), how=How(settle=60.0, timeout=0.0))
    error = error_of(results)
    assert (type(error), error.exit_code) == (WaitTimedOut, 4)


def test_without_a_wait_what_is_written_is_done() -> None:
    cluster = Cluster(failing={"c": 0})
    results, _ = run(cluster, connector(), how=How(wait_for="none"))
    assert outcomes(results) == {"c": "done"}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("GET /connectors/c/tasks", (500, "Cannot complete request because a rebalance is expected")),
        ("GET /connectors", (500, "Request cannot be completed because a rebalance is expected")),
        ("GET /", (409, "Cannot complete request momentarily due to stale configuration")),
        ("POST /connectors", (409, "Cannot complete request momentarily due to no known leader URL")),
        ("POST /connectors", (500, "IO Error trying to forward REST request: Connection refused")),
    ],
)
def test_quirk_3_a_rebalance_that_is_told_as_409_or_as_500_fails_no_deployment(
    path: str, error: tuple[int, str]
) -> None:
    cluster = Cluster(errors={path: [error, error]})
    results, _ = run(cluster, connector())
    raise_for(results)
    assert cluster.writes.count("POST /connectors") == (3 if path.startswith("POST") else 1)
    assert list(cluster.connectors) == ["c"]


def test_quirk_14_the_config_of_a_paused_connector_changes_and_it_stays_paused() -> None:
    cluster = Cluster()
    cluster.add("c", "PAUSED", **connector(x="1").config)
    results, _ = run(cluster, connector(state="paused", x="2"))
    raise_for(results)
    assert (results[0].state, cluster.writes) == ("PAUSED", ["PATCH /connectors/c/config"])


def ours(*names: str) -> Prune:
    return Prune("us", frozenset({"bank"}), frozenset(names))


def test_a_prune_deletes_what_is_ours_and_has_no_template_and_nothing_else() -> None:
    cluster = Cluster()
    config = connector().config
    cluster.add("gone", **config)
    cluster.add("kept", **config)
    cluster.add("theirs", **{**config, OWNER: "them/bank"})
    cluster.add("other-pipeline", **{**config, OWNER: "us/card"})
    cluster.add("by-hand", connector__class="Sink")
    cluster.add("nonsense", **{**config, OWNER: "us"})
    results, _ = run(cluster, connector("kept"), prune=ours("kept"))
    raise_for(results)
    assert outcomes(results) == {"gone": "done", "kept": "unchanged"}
    assert cluster.writes == ["DELETE /connectors/gone"]


def test_a_template_that_does_not_render_keeps_its_connector_from_being_pruned() -> None:
    cluster = Cluster()
    cluster.add("broken", **connector().config)
    results, _ = run(cluster, prune=ours("broken"), unrendered={"broken": TemplateError("no")})
    assert (cluster.writes, outcomes(results)) == ([], {"broken": "refused"})


@pytest.mark.parametrize(
    ("there", "kept", "allowed", "refused"),
    [
        (3, 0, None, False),
        (4, 0, None, True),
        (8, 4, None, False),
        (9, 4, None, True),
        (9, 4, 5, False),
        (9, 8, 0, True),
    ],
)
def test_a_prune_of_most_of_what_there_is_needs_leave(
    there: int, kept: int, allowed: int | None, refused: bool
) -> None:
    cluster = Cluster()
    for number in range(there):
        cluster.add(f"c{number}", **connector().config)
    names = [f"c{number}" for number in range(kept)]
    prune = Prune("us", frozenset({"bank"}), frozenset([*names, "x"]), allowed)
    if refused:
        with pytest.raises(Refused, match="would be deleted"):
            run(cluster, *map(connector, names), prune=prune)
        assert cluster.writes == []
    else:
        raise_for(run(cluster, *map(connector, names), prune=prune)[0])
        assert sorted(cluster.connectors) == names


def test_reset_offsets_waits_until_the_connector_has_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resetting, "POLL_SECONDS", 0.0)
    cluster = Cluster(errors={"DELETE /connectors/gone/offsets": [(500, "the group is not empty")] * 2})
    cluster.add("gone", **connector().config)
    cluster.offsets["gone"] = {("t", 0): 5}
    prune = Prune("us", frozenset({"bank"}), frozenset({"c"}), reset_offsets=True)
    raise_for(run(cluster, connector("c"), prune=prune)[0])
    assert (cluster.offsets, list(cluster.connectors)) == ({}, ["c"])


def test_a_connector_that_somebody_else_deleted_meanwhile_counts_as_deleted() -> None:
    cluster = Cluster(errors={"DELETE /connectors/gone": [(404, "Connector gone not found")]})
    cluster.add("gone", **connector().config)
    raise_for(run(cluster, connector("c"), prune=ours("c"))[0])


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12).filter(
    lambda text: not is_mask(text)  # that is refused
)
VALUES = st.one_of(TEXTS, st.just("${env:X}"), st.integers().map(str), st.booleans().map(lambda b: str(b).lower()))
REFERENCES = st.sampled_from(["${env:A}", "${env:B}", "mongodb://${env:USER}@h/", "${file:/run/secrets/a:b}"])
SECRETS = ("connection.uri", "s3.secret-access-key", "sasl.jaas.config", "a.password")
CONFIGS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(SECRETS, REFERENCES) | dict.fromkeys(("tasks.max", "b", "transforms.x.type", "ü"), VALUES),
)
STATES: st.SearchStrategy[State] = st.sampled_from(("running", "paused", "stopped"))
BATCH = 25
BATCHES = 40
assert BATCH * BATCHES == 1_000


@st.composite
def clusters(draw: st.DrawFn) -> tuple[list[Connector], list[Connector]]:
    """Connectors as they are, and as they should be: some of them the same."""
    one = st.tuples(CONFIGS, STATES)
    before, after = (draw(st.lists(one, min_size=BATCH, max_size=BATCH)) for _ in range(2))
    keep = draw(st.lists(st.booleans(), min_size=BATCH, max_size=BATCH))
    made = [[connector(f"c{n}", state, **config) for n, (config, state) in enumerate(s)] for s in (before, after)]
    return made[0], [old if kept else new for old, new, kept in zip(*made, keep, strict=True)]


@pytest.mark.parametrize("version", ["4.3.1", "3.7.1"], ids=["PATCH", "PUT"])
@pytest.mark.parametrize("masks", [lambda _key: False, is_sensitive], ids=["open", "masking"])
@settings(max_examples=BATCHES // 4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(clusters())
def test_a_plan_is_empty_after_it_was_applied_to_random_configs(
    masks: Any, version: str, sets: tuple[list[Connector], list[Connector]]
) -> None:
    cluster = Cluster(version, masks)
    client, stop = cluster.client(), threading.Event()
    for wanted in sets:
        changes = plan(client, wanted).changes
        assert [error for _, error in apply(client, changes, jobs=1, stop=stop)] == [None] * len(changes)
        assert not has_changes(plan(client, wanted).changes)
        stored = {name: one.config for name, one in cluster.connectors.items()}
        assert stored == {one.name: {**one.config, "name": one.name} for one in wanted}


def test_a_report_is_as_its_schema_says() -> None:
    cluster = Cluster(invalid={"bad": "no"})
    for name in "de":
        cluster.add(name, **connector(name, x="1").config)
    wanted = [connector("a", "stopped"), connector("bad"), connector("d", x="2"), connector("r", password="hunter2")]
    deployment = Deployment(cluster.client(), wanted, topics={"t": 1}, how=FAST, prune=ours(*"abdr"))
    results = deployment.run()
    report = Report("deploy", results, deployment.url, deployment.version, "2026-11-22T12:00:00+00:00", 1.5)
    document = report.document()
    jsonschema.validate(document, schema())
    assert (document["exit_code"], document["writes"]) == (5, 3)
    assert document["summary"] == {"done": 3, "invalid": 1, "refused": 1}
    assert "hunter2" not in repr(document)
    planned = Deployment(cluster.client(), wanted, topics=None, prune=ours(*"abdr")).preview()
    jsonschema.validate(Report("plan", planned, "u", started="2026-11-22T12:00:00+00:00").document(), schema())


def test_deploy_is_the_whole_of_it_with_what_most_callers_want() -> None:
    cluster = Cluster()
    results = deploy(cluster.client(), [connector()], topics={"t": 1}, settle=0.0)
    assert outcomes(results) == {"c": "done"}


def test_the_schema_of_a_report_names_every_action_and_outcome() -> None:
    defined = schema()["$defs"]
    assert set(defined["connector"]["properties"]["action"]["enum"]) == set(get_args(Action))
    assert set(defined["outcome"]["enum"]) == set(get_args(ResultOutcome))


def test_the_second_group_of_an_iceberg_sink_is_ended_between_its_stop_and_the_end_of_its_offsets() -> None:
    cluster = Cluster()
    cluster.add("gone", **connector().config)
    ended: list[tuple[str, str, list[str]]] = []

    def end_control(name: str, config: Mapping[str, str]) -> None:
        ended.append((name, config["topics"], list(cluster.writes)))

    prune = Prune("us", frozenset({"bank"}), frozenset({"c"}), reset_offsets=True)
    raise_for(run(cluster, connector("c"), prune=prune, end_control=end_control)[0])
    assert [(name, topics) for name, topics, _ in ended] == [("gone", "t")]
    assert "PUT /connectors/gone/stop" in ended[0][2]
    assert "DELETE /connectors/gone/offsets" not in ended[0][2]


def test_one_that_had_failed_before_and_does_not_differ_is_told_with_what_to_do_and_not_touched() -> None:
    cluster = Cluster()
    cluster.add("c", **connector().config)
    cluster.connectors["c"].failing = 0
    results, _ = run(cluster, connector())
    assert str(error_of(results)).endswith("the task died; it failed before: `connectors restart c --only-failed`")
    assert cluster.writes == []


def test_a_failure_that_may_be_of_before_is_given_time_to_go() -> None:
    cluster = Cluster()
    cluster.add("c", **connector().config)
    cluster.connectors["c"].failing = 0
    mended = threading.Timer(1.5, setattr, (cluster.connectors["c"], "failing", None))  # longer than a failure counts
    mended.start()
    results, _ = run(cluster, connector(), how=How(settle=0.0, timeout=10.0, doubt=10.0))
    mended.join()
    assert outcomes(results) == {"c": "unchanged"}
