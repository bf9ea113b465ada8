from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streamguard.connect.templates.formats import formatted
from streamguard.connect.templates.render import Connector
from streamguard.errors import TemplateError, UnknownName

CONFIG = {"connector.class": "Sink", "tasks.max": "2", "topics": "a,b"}


def connector(name: str = "one", state: str = "running", **config: str) -> Connector:
    return Connector(name, {**CONFIG, **config}, Path("one.json.j2"), state)  # type: ignore[arg-type]


def java_properties(text: str) -> dict[str, str]:
    """A properties file as `Properties.load` reads it, for files without continued lines."""
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        decoded, at, key = "", 0, None
        while at < len(line):
            if line[at] == "\\":
                if line[at + 1] == "u":
                    decoded += chr(int(line[at + 2 : at + 6], 16))
                    at += 6
                    continue
                decoded += line[at + 1]
                at += 2
                continue
            if line[at] == "=" and key is None:
                key, decoded = decoded, ""
            else:
                decoded += line[at]
            at += 1
        assert key is not None
        found[_joined(key)] = _joined(decoded)
    return found


def _joined(text: str) -> str:
    """With pairs of surrogates as the characters that they are."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16")


def test_json_is_what_post_connectors_takes() -> None:
    lines = formatted([connector(), connector("two", "stopped")], "json").splitlines()
    assert json.loads(lines[0]) == {"name": "one", "config": CONFIG}
    assert json.loads(lines[1])["initial_state"] == "STOPPED"


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_java_reads_from_properties_what_was_meant(config: dict[str, str]) -> None:
    text = formatted([Connector("one", config, Path("x"))], "properties")
    text.encode("latin-1")
    assert java_properties(text) == {"name": "one", **config}


def test_strimzi_takes_class_tasks_and_state_apart_from_the_config() -> None:
    one = connector(state="paused", a="1", **{"connector.plugin.version": "[2.0,3.0)"})
    text = formatted([one, connector("two")], "strimzi", cluster="main")
    first, second = yaml.safe_load_all(text)
    assert first["apiVersion"] == "kafka.strimzi.io/v1"
    assert first["metadata"] == {"name": "one", "labels": {"strimzi.io/cluster": "main"}}
    assert first["spec"] == {
        "class": "Sink",
        "tasksMax": 2,
        "autoRestart": {"enabled": True},
        "version": "[2.0,3.0)",
        "state": "paused",
        "config": {"topics": "a,b", "a": "1"},
    }
    assert not {"state", "version"} & second["spec"].keys()


def test_strimzi_is_told_what_its_workers_must_resolve() -> None:
    text = formatted([connector(uri="${env:URI}", key="a${dir:/s:k}b"), connector("two", uri="${env:URI}")], "strimzi")
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# The workers of the KafkaConnect resource connect must resolve (see docs/clusters.md):",
        "# ${dir:/s:k}",
        "# ${env:URI}",
    ]
    assert not formatted([connector()], "strimzi").startswith("#")


@pytest.mark.parametrize("number", ["0", "-1", "many", "${env:TASKS}", "²"])
def test_strimzi_takes_tasks_as_a_number(number: str) -> None:
    with pytest.raises(TemplateError, match=r"one.json.j2: Strimzi takes tasks.max as a whole number from 1"):
        formatted([connector(**{"tasks.max": number})], "strimzi")


def test_strimzi_refuses_a_name_that_kubernetes_does_not_take() -> None:
    with pytest.raises(UnknownName, match="Kubernetes takes no resource named One_Sink"):
        formatted([connector("One_Sink")], "strimzi")
