"""Rights as other tools take them."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from streamguard.connect.templates.choose import render_pipeline
from streamguard.errors import UnknownName
from streamguard.project import find_project
from streamguard.rights.derive import Engine, rights_of
from streamguard.rights.formats import formatted
from streamguard.rights.model import CLUSTER, Right
from streamguard.settings import load
from tests.strimzi.definitions import problems

RIGHTS = [
    Right("sg-ingestor", "topic", "bank", "literal", ("read", "describe_configs"), "it reads it"),
    Right("sg-ingestor", "transactional_id", "sg.bank.", "prefixed", ("write",), "exactly once"),
    Right("sg-ksql", "group", "sg.ksql.", "prefixed", ("read",), "groups"),
    Right("sg-ksql", "cluster", CLUSTER, "literal", ("describe",), "brokers"),
]


def commands(text: str) -> list[list[str]]:
    """The words of each line as a shell has them, without comments."""
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


def test_kafka_acls_has_a_line_for_each_right() -> None:
    lines = [" ".join(words) for words in commands(formatted(RIGHTS, "kafka-acls")) if words[0] == "grant"]
    assert lines == [
        "grant --allow-principal User:sg-ingestor --operation Read --operation DescribeConfigs --topic bank",
        "grant --allow-principal User:sg-ingestor --operation Write --transactional-id sg.bank. "
        "--resource-pattern-type prefixed",
        "grant --allow-principal User:sg-ksql --operation Read --group sg.ksql. --resource-pattern-type prefixed",
        "grant --allow-principal User:sg-ksql --operation Describe --cluster",
    ]


def test_strimzi_has_a_user_for_each_principal() -> None:
    users: list[Any] = list(yaml.safe_load_all(formatted(RIGHTS, "strimzi", cluster="mine")))
    assert [user["metadata"]["name"] for user in users] == ["sg-ingestor", "sg-ksql"]
    assert all(user["metadata"]["labels"] == {"strimzi.io/cluster": "mine"} for user in users)
    assert users[0]["spec"]["authorization"]["acls"] == [
        {
            "resource": {"type": "topic", "name": "bank", "patternType": "literal"},
            "operations": ["Read", "DescribeConfigs"],
        },
        {"resource": {"type": "transactionalId", "name": "sg.bank.", "patternType": "prefix"}, "operations": ["Write"]},
    ]
    assert users[1]["spec"]["authorization"]["acls"][1] == {"resource": {"type": "cluster"}, "operations": ["Describe"]}
    with pytest.raises(UnknownName, match="no user named SG_x"):
        formatted([Right("SG_x", "topic", "t", "literal", ("read",), "")], "strimzi")


@pytest.mark.parametrize("cluster", ["a b", "", "My-Cluster", "x: y"])
def test_a_cluster_that_kubernetes_does_not_take_is_refused(cluster: str) -> None:
    with pytest.raises(UnknownName, match="Kubernetes takes no cluster named"):
        formatted(RIGHTS, "strimzi", cluster=cluster)


def test_a_script_for_kafka_ends_at_once_without_its_variables_and_at_the_first_that_is_refused(
    tmp_path: Path,
) -> None:
    (tmp_path / "kafka-acls.sh").write_text("#!/bin/sh\necho asked\nexit 1\n")
    (tmp_path / "kafka-acls.sh").chmod(0o755)
    (tmp_path / "grant.sh").write_text(formatted(RIGHTS, "kafka-acls"))

    def ran(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(tmp_path), **variables}
        call = ["/bin/sh", str(tmp_path / "grant.sh")]
        return subprocess.run(call, env=environment, text=True, capture_output=True, check=False)

    assert "BOOTSTRAP: a broker" in ran().stderr
    refused = ran(BOOTSTRAP="k:9092", ADMIN="admin.properties")
    assert (refused.returncode, refused.stdout) == (1, "asked\n")


def test_confluent_has_a_variable_for_the_id_of_each_service_account() -> None:
    text = formatted(RIGHTS, "confluent")
    lines = [" ".join(words) for words in commands(text) if words[0] == "confluent"]
    assert lines == [
        "confluent kafka acl create --allow --operations read,describe-configs --topic bank "
        "--service-account $SG_INGESTOR",
        "confluent kafka acl create --allow --operations write --transactional-id sg.bank. --prefix "
        "--service-account $SG_INGESTOR",
        "confluent kafka acl create --allow --operations read --consumer-group sg.ksql. --prefix "
        "--service-account $SG_KSQL",
        "confluent kafka acl create --allow --operations describe --cluster-scope --service-account $SG_KSQL",
    ]
    assert ': "${SG_KSQL:?' in text


@pytest.mark.parametrize("name", ["bank", "card", "transfers"])
def test_strimzi_takes_every_user_of_every_pipeline(name: str) -> None:
    project = find_project(Path(__file__))
    settings, pipeline = load(project.root, environ={}), project.pipeline(name)
    for engine in get_args(Engine):
        rights = rights_of(project, settings, pipeline, render_pipeline(project, settings, pipeline), engine=engine)
        users: list[Any] = list(yaml.safe_load_all(formatted(rights, "strimzi")))
        assert {user["metadata"]["name"]: problems(user) for user in users if problems(user)} == {}
