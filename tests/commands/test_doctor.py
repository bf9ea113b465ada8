"""`streamguard doctor` and `streamguard rights`, as typed."""

from __future__ import annotations

import json

import pytest

from streamguard.commands import run
from streamguard.stack.ports import free_ports


@pytest.fixture
def nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode external, and all servers away."""
    kafka, connect, ksql, mongodb, catalog = free_ports(5)
    for name, value in {
        "MODE": "external",
        "KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka}",
        "CONNECT_URL": f"http://127.0.0.1:{connect}",
        "KSQL_URL": f"http://127.0.0.1:{ksql}",
        "MONGODB_URI": f"mongodb://me:s3cret@127.0.0.1:{mongodb}/",
        "S3_CATALOG": f"http://127.0.0.1:{catalog}",
    }.items():
        monkeypatch.setenv(f"STREAMGUARD_{name}", value)


@pytest.mark.usefixtures("nothing_there")
def test_servers_that_are_away_are_a_row_each_and_the_exit_code_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "bank", "-o", "json"]) == 1
    out, err = capsys.readouterr()
    rows = json.loads(out)
    assert {row["what"]: row["state"] for row in rows} == dict.fromkeys(
        ("kafka", "connect", "ksql", "mongodb", "iceberg catalog"), "fail"
    )
    assert all(row["found"] for row in rows)
    assert "bank, mode external: 5 fail" in err
    assert "s3cret" not in out + err


@pytest.mark.usefixtures("nothing_there")
def test_a_principal_that_there_is_not_is_told_before_anything_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "bank", "--as", "ingester"]) == 64
    assert "did you mean ingestor" in capsys.readouterr().err


def test_rights_are_listed_or_written_for_another_tool(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rights", "bank", "--only", "ingestor", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["principal"] for row in rows} == {"streamguard-ingestor"}
    assert run(["rights", "bank", "--prefix", "x-", "--only", "x-ksql", "--format", "kafka-acls"]) == 0
    assert "--allow-principal User:x-ksql" in capsys.readouterr().out
    assert run(["rights", "bank", "--format", "strimzi", "-o", "json"]) == 64
    assert run(["rights", "bank", "--connect-topics", "a,b"]) == 64


def test_the_topics_of_other_workers_are_named_by_options(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--connect-group", "team", "--connect-topics", "c,o,s"]
    assert run(["rights", "bank", *names, "--only", "connect", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"c", "o", "s", "team"} <= {row["name"] for row in rows}
    assert "connect-configs" not in {row["name"] for row in rows}
