from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from streamguard.commands import progress, run
from streamguard.commands.connectors import deploying, telling
from streamguard.commands.connectors.options import client_of
from streamguard.connect.deploying.results import schema
from streamguard.errors import KafkaUnavailable
from tests.connect.cluster import Cluster

TEMPLATE = '{"connector.class": "Sink", "topics": "in", "x": "%s"%s}'
PIPELINE = "topics: {in: {partitions: 1}}\ngenerator: {world: bank, topic: in}\n"
Call = Callable[..., int]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("connectors/values", "ksql", "init"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "connectors" / "values" / "local.yml").write_text("{}\n")
    for pipeline in ("one", "two"):
        (tmp_path / "connectors" / pipeline).mkdir()
        (tmp_path / "init" / f"{pipeline}.yml").write_text(PIPELINE)
    return tmp_path


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(deploying, "client_of", lambda _app, _url: made.client())
    monkeypatch.setattr(deploying, "topics_of", lambda _app: {"in": 1})
    return made


@pytest.fixture
def connectors(project: Path, cluster: Cluster) -> Call:
    assert cluster

    def call(*words: str) -> int:
        options = ("--settle", "0") if words[0] == "deploy" else ()
        return run(["--project", str(project), "connectors", *words, *options])

    return call


def template(project: Path, name: str, x: str = "1", more: str = "", pipeline: str = "one") -> Path:
    path = project / "connectors" / pipeline / f"{name}.json.j2"
    path.write_text(TEMPLATE % (x, more))
    return path


def report(capsys: pytest.CaptureFixture[str]) -> Any:
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schema())
    return document


def test_plan_and_deploy_report_by_one_schema_and_a_second_deploy_writes_nothing(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, "a")
    template(project, "b", more=', "streamguard.state": "stopped"')
    assert connectors("plan", "-o", "json") == 0
    planned = report(capsys)
    assert [one["writes"][0]["initial_state"] for one in planned["connectors"]] == ["RUNNING", "STOPPED"]
    assert cluster.writes == []
    assert connectors("deploy", "-o", "json") == 0
    done = report(capsys)
    assert (done["exit_code"], done["writes"], done["summary"]) == (0, 2, {"done": 2})
    assert [one["state"]["seen"] for one in done["connectors"]] == ["RUNNING", "STOPPED"]
    assert [one["writes"] for one in done["connectors"]] == [one["writes"] for one in planned["connectors"]]
    cluster.asked.clear()
    assert connectors("deploy", "-o", "json") == 0
    assert (report(capsys)["writes"], cluster.writes) == (0, [])
    assert connectors("plan", "--detailed-exitcode") == 0


def test_the_state_of_a_template_is_applied_and_shown(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, "a")
    assert connectors("deploy") == 0
    template(project, "a", more=', "streamguard.state": "paused"')
    capsys.readouterr()
    assert connectors("plan", "--detailed-exitcode") == 2
    assert capsys.readouterr().out == "~ a: pause, running -> paused (PUT pause)\n"
    assert connectors("deploy") == 0
    assert cluster.connectors["a"].state == "PAUSED"


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"invalid": {"b": "no"}}, 1),
        ({"failing": {"b": 0}}, 1),
        ({"errors": {"POST /connectors": [(500, "no")] * 9}}, 1),
    ],
    ids=["refused by its plugin", "a task fails", "a write fails"],
)
def test_a_connector_that_fails_ends_with_1_and_beside_others_with_5(
    project: Path, cluster: Cluster, connectors: Call, bad: dict[str, Any], code: int
) -> None:
    template(project, "b")
    for name, value in bad.items():
        setattr(cluster, name, value)
    assert connectors("deploy") == code
    cluster.connectors.clear()
    cluster.errors.clear()
    cluster.failing, cluster.invalid = {"b": 0}, {}
    template(project, "a")
    assert connectors("deploy") == 5


def test_a_secret_or_a_template_that_does_not_render_spoils_only_its_own_connector(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, "good")
    template(project, "secret", more=', "x.password": "hunter2"')
    assert connectors("deploy", "secret") == 3
    template(project, "broken", x="{{ nothing }}")
    assert "hunter2" not in "".join(capsys.readouterr())
    assert connectors("plan", "-o", "json") == 1
    assert {one["name"]: one["outcome"] for one in report(capsys)["connectors"]} == {
        "broken": "refused",
        "good": "planned",
        "secret": "refused",
    }
    assert connectors("deploy", "--fail-fast") == 1
    assert cluster.writes == []
    assert connectors("deploy") == 5
    assert (list(cluster.connectors), "hunter2" in capsys.readouterr().err) == (["good"], False)


def test_a_plan_lists_what_does_not_render_as_refused_and_ends_as_its_error_does(
    project: Path, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, "a")
    assert connectors("deploy") == 0
    template(project, "b", x="{{ nothing }}")
    capsys.readouterr()
    assert connectors("plan") == 1
    said = capsys.readouterr()
    assert "! b: refused: " in said.out
    assert "= a: unchanged" in said.out
    assert "b: unchanged" not in said.out
    assert "Plan: 1 unchanged, 1 refused" in said.err
    assert "1 of 2 connectors can not be deployed as they are" in said.err
    assert connectors("plan", "-o", "json") == report(capsys)["exit_code"] == 1
    assert connectors("deploy") == 5


def test_patterns_choose_templates_as_they_choose_connectors(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("users-a", "users-b", "other"):
        template(project, name)
    assert connectors("deploy", "users-*") == 0
    assert set(cluster.connectors) == {"users-a", "users-b"}
    assert connectors("plan", "nobody-*") == 64
    assert "no template of a connector that matches nobody-*" in capsys.readouterr().err


def test_a_prune_deletes_what_was_deployed_from_here_and_has_no_template_any_more(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [template(project, name) for name in "ab"]
    template(project, "c", pipeline="two")
    cluster.add("theirs", connector__class="Sink")
    assert connectors("deploy") == 0
    paths[0].unlink()
    (project / "connectors" / "two" / "c.json.j2").unlink()
    assert connectors("deploy") == 0
    assert sorted(cluster.connectors) == ["a", "b", "c", "theirs"]
    capsys.readouterr()
    assert connectors("plan", "--prune", "--pipeline", "one") == 0
    assert capsys.readouterr().out.splitlines() == ["- a: delete (DELETE)", "= b: unchanged"]
    assert connectors("deploy", "--prune", "--pipeline", "one") == 0
    assert sorted(cluster.connectors) == ["b", "c", "theirs"]
    (project / "init" / "two.yml").unlink()
    capsys.readouterr()
    assert connectors("deploy", "--prune") == 0
    assert "Left alone: 1 of the pipeline two" in capsys.readouterr().err
    assert connectors("deploy", "--prune", "--pipeline", "two", "--reset-offsets") == 0
    assert sorted(cluster.connectors) == ["b", "theirs"]
    assert cluster.writes[-3:] == ["PUT /connectors/c/stop", "DELETE /connectors/c/offsets", "DELETE /connectors/c"]


def test_a_prune_of_most_of_it_is_refused_with_3_unless_the_number_is_said(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [template(project, name) for name in "abcde"]
    assert connectors("deploy") == 0
    for path in paths[:4]:
        path.unlink()
    capsys.readouterr()
    assert connectors("deploy", "--prune") == 3
    assert "4 of the 5 connectors of this owner would be deleted (a, b, c, d)" in capsys.readouterr().err
    assert connectors("deploy", "--prune", "--allow-deletes", "3") == 3
    assert len(cluster.connectors) == 5
    assert connectors("deploy", "--prune", "--allow-deletes", "4") == 0
    assert list(cluster.connectors) == ["e"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("deploy", "a", "--prune"), "--prune looks at whole pipelines: leave the names out"),
        (("deploy", "--reset-offsets"), "--reset-offsets goes with --prune"),
        (("plan", "--allow-deletes", "5"), "--allow-deletes goes with --prune"),
        (("deploy", "--prune", "--pipeline", "tow"), "neither a template nor a connector is of streamguard/tow"),
        (("deploy", "--jobs", "0"), "0 is not in the range"),
        (("deploy", "--wait", "forever"), "'forever' is not one of"),
    ],
)
def test_options_that_make_no_sense_are_a_usage_error(
    project: Path, connectors: Call, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    template(project, "a")
    assert connectors(*words) == 64
    assert says in capsys.readouterr().err


def test_another_owner_is_left_alone_until_it_is_taken_over(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, "a")
    cluster.add("a", **{"connector.class": "Sink", "topics": "in", "x": "2", "streamguard.owner": "them/one"})
    assert connectors("deploy") == 3
    assert "it belongs to them/one and not to streamguard/one" in capsys.readouterr().err
    assert cluster.writes == []
    assert connectors("deploy", "--take-over") == 0
    assert cluster.connectors["a"].config["streamguard.owner"] == "streamguard/one"


def test_a_plan_without_kafka_says_what_it_did_not_look_at(
    project: Path, connectors: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(_app: Any) -> None:
        raise KafkaUnavailable("no Kafka here")

    monkeypatch.setattr(deploying, "topics_of", away)
    template(project, "a")
    assert connectors("plan") == 0
    assert "Whether topics exist was not looked at: no Kafka here" in capsys.readouterr().err
    assert connectors("deploy") == 1


def test_hundreds_of_connectors_are_told_of_by_counts_and_by_what_changes(
    project: Path, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(30):
        template(project, f"c{number:02}")
    assert connectors("deploy") == 0
    template(project, "c07", x="2")
    capsys.readouterr()
    assert connectors("plan") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == ["~ c07: update (PATCH config)", "    ~ x = 1 -> 2"]
    assert "Plan: 1 to update, 29 unchanged" in said.err
    assert connectors("deploy") == 0
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["NAME", "c07"]
    assert "29 more are unchanged" in said.err


def test_long_validations_and_deployments_say_how_far_they_are(
    project: Path, connectors: Call, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (progress, telling):
        monkeypatch.setattr(module, "QUIET", -1.0)  # any work is long
    for number in range(30):
        template(project, f"c{number:02}")
    assert connectors("validate") == 0
    said = capsys.readouterr().err
    assert "validating: 1 of 30" in said
    assert "validating: 30 of 30" in said
    assert connectors("deploy") == 0
    said = capsys.readouterr().err
    assert "30 checked, 30 written, 30 running" in said
    assert "30 checked, 7 written\n" in said


@pytest.mark.parametrize("words", [("plan",), ("deploy",)], ids=" ".join)
@pytest.mark.parametrize("away", ["GET /", "GET /connectors"])
def test_a_cluster_that_fails_as_a_whole_is_in_the_report_and_nothing_is_said_of_connectors(
    *,
    project: Path,
    cluster: Cluster,
    connectors: Call,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str],
    away: str,
) -> None:
    template(project, "a")
    template(project, "broken", x="{{ nothing }}")
    cluster.errors = {away: [(401, "who are you?")] * 9}
    assert connectors(*words, "-o", "json") == 1
    document = report(capsys)
    assert (document["exit_code"], document["cluster"]["version"]) == (1, None)
    assert "give credentials by a context" in document["error"]
    assert {one["name"]: one["outcome"] for one in document["connectors"]} == {"broken": "refused"}


def test_a_kafka_that_is_away_and_a_worker_that_is_away_are_in_the_report(
    project: Path,
    cluster: Cluster,
    connectors: Call,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def away(_app: Any) -> None:
        raise KafkaUnavailable("no Kafka here")

    template(project, "a")
    monkeypatch.setattr(deploying, "topics_of", away)
    assert connectors("deploy", "-o", "json") == 1
    assert report(capsys)["error"] == "no Kafka here"
    assert cluster.writes == []
    monkeypatch.setattr(deploying, "client_of", client_of)
    url = "http://someone:s3cret@127.0.0.1:1"
    assert connectors("plan", "--url", url, "-o", "json") == 1
    document = report(capsys)
    assert "s3cret" not in repr(document)
    assert document["error"].startswith("no Kafka Connect answers at http://127.0.0.1:1")
    assert connectors("plan", "no-such-name", "--url", url, "-o", "json") == 64
    assert capsys.readouterr().out == ""


def test_ctrl_c_ends_with_130_and_a_report_of_what_was_done(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    def before(method: str, path: str) -> None:
        if method == "GET" and path == "/connectors" and cluster.connectors:
            raise KeyboardInterrupt

    template(project, "a")
    cluster.before = before
    assert connectors("deploy", "-o", "json") == 130
    (one,) = report(capsys)["connectors"]
    assert (one["outcome"], one["written"]) == ("under way", 1)


def test_a_pipeline_that_nobody_has_begun_is_left_out_unless_it_is_named(
    project: Path, cluster: Cluster, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    template(project, "a")
    idle = template(project, "b", pipeline="two")
    idle.write_text(idle.read_text().replace('"in"', '"elsewhere"'))
    (project / "init" / "two.yml").write_text("topics: {elsewhere: {partitions: 1}}\n")
    for command in ("plan", "validate", "deploy"):
        assert connectors(command) == 0
        assert "left out, as no topic of it is there: two" in capsys.readouterr().err
    assert set(cluster.connectors) == {"a"}
    assert connectors("deploy", "-p", "two") == 3
    assert "elsewhere" in capsys.readouterr().err


def test_where_nothing_has_begun_what_is_missing_is_told(
    project: Path, connectors: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = template(project, "b")
    idle.write_text(idle.read_text().replace('"in"', '"elsewhere"'))
    (project / "init" / "one.yml").write_text("topics: {elsewhere: {partitions: 1}}\n")
    assert connectors("deploy") == 3
    assert "elsewhere" in capsys.readouterr().err
