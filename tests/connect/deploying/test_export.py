from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamguard.connect.deploying.export import Exported, export_all, exported
from streamguard.connect.rest.answers import ConnectorStatus, Deployed
from streamguard.connect.templates.render import Connector, render
from streamguard.errors import Refused
from tests.connect.conftest import Answer, Script

KEYS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"]), min_size=1, max_size=20
)
TEXTS = st.one_of(
    st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(
        ["{{ x }}", "{% if x %}", "{# no #}", "${env:NAME}", "a ${env:NAME} {{b", "${file:/p:k}", '"\\u0041', "}}"]
    ),
)


def deployed(config: dict[str, str], state: str = "RUNNING") -> Deployed:
    return Deployed("c", config, ConnectorStatus("c", state, "w", "sink", "", ()))


def rendered(one: Exported, folder: Path) -> Connector:
    path = folder / "p" / f"{one.name}.json.j2"
    path.parent.mkdir(exist_ok=True)
    path.write_text(one.template)
    return render(path, {}, folder)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=st.dictionaries(KEYS, TEXTS, max_size=6))
def test_an_exported_template_renders_to_what_the_cluster_has(tmp_path: Path, config: dict[str, str]) -> None:
    config = {"connector.class": "Sink", **config}
    ours = {
        key: value for key, value in config.items() if key != "name" and not key.startswith(("streamguard.", "__int"))
    }
    try:
        one = exported(deployed({**config, "name": "c", "streamguard.owner": "x/y", "__internal.v": "1"}))
    except Refused:
        return
    got = dict(rendered(one, tmp_path).config)
    assert {key: value for key, value in got.items() if key not in one.variables.values()} == {
        key: value for key, value in ours.items() if key not in one.variables.values()
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("x.password", "hunter2"),
        ("connection.uri", "mongodb://u:hunter2@h/"),
        ("typed", "hunter2"),
        ("sasl.jaas.config", 'x required password="hunter2";'),
        ("x.password", "•••••"),
        ("anything", "[hidden]"),
    ],
)
def test_a_secret_becomes_a_reference_and_is_never_written(tmp_path: Path, key: str, value: str) -> None:
    one = exported(deployed({"connector.class": "S", key: value}), secret_keys={"typed"})
    assert "hunter2" not in one.template
    (variable,) = one.variables
    assert one.variables[variable] == key
    assert rendered(one, tmp_path).config[key] == f"${{env:{variable}}}"


def test_a_secret_where_no_reference_may_be_is_refused_without_showing_it() -> None:
    with pytest.raises(Refused, match="c: topics holds what looks like a secret") as caught:
        exported(deployed({"connector.class": "S", "topics": "AKIAABCDEFGHIJKLMNOP"}))
    assert "AKIA" not in str(caught.value)


def test_references_stay_references(tmp_path: Path) -> None:
    config = {"connector.class": "S", "x.password": "${env:A}", "b": "${file:/run/x.properties:key}"}
    one = exported(deployed(config))
    assert one.variables == {}
    assert '{{ env("A") }}' in one.template
    assert dict(rendered(one, tmp_path).config) == config


@pytest.mark.parametrize(("state", "wanted"), [("PAUSED", "paused"), ("STOPPED", "stopped"), ("RUNNING", "running")])
def test_the_state_is_part_of_the_template(tmp_path: Path, state: str, wanted: str) -> None:
    assert rendered(exported(deployed({"connector.class": "S"}, state)), tmp_path).state == wanted


def test_a_connector_whose_state_is_not_known_is_no_running_one() -> None:
    with pytest.raises(Refused, match="does not tell its state"):
        exported(deployed({}, "UNASSIGNED"))


def test_one_that_is_refused_does_not_stop_the_others(script: Script) -> None:
    def info(**config: str) -> dict[str, object]:
        status = {"name": "c", "connector": {"state": "RUNNING", "worker_id": "w"}, "tasks": [], "type": "sink"}
        return {"info": {"config": {"connector.class": "S", **config}}, "status": status}

    script.answers = [
        Answer(body={"a": info(topics="t"), "b": info(topics="AKIAABCDEFGHIJKLMNOP"), "d": info(p="x")}),
        Answer(body=[{"name": "p", "type": "PASSWORD"}]),
    ]
    found, refused = export_all(script.client(), [])
    assert [one.name for one in found] == ["a", "d"]
    assert found[1].variables == {"D_P": "p"}
    assert len(refused) == 1
