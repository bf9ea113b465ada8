"""What `up --mode compose` does once the containers run, on the local servers: they speak the same protocols."""

from __future__ import annotations

import pytest

from streamguard import containers
from streamguard.settings import load
from streamguard.stack import compose
from tests.stack.bank import Bank


def test_on_servers_that_have_everything_it_changes_nothing(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "VALUES", "local")  # the addresses of this machine
    mine = bank.settings
    secrets = {
        "STREAMGUARD_S3_ACCESS_KEY": mine.s3_access_key,
        "STREAMGUARD_S3_SECRET_KEY": mine.s3_secret_key,
        "STREAMGUARD_MONGODB_URI": mine.mongodb_uri,
    }
    environ = {**mine.environment(), **secrets, "STREAMGUARD_MODE": "compose"}
    settings = load(bank.stack.project.root, environ=environ, data_dir=mine.data_dir)
    told: list[str] = []
    results = containers.seed(bank.stack.project, settings, bank.pipeline, told.append)
    assert not [result.name for result in results if result.written]
    assert told == ["topics", "tables", "statements", "connectors"]
    assert {result.name: result.state for result in results} == {
        path.name.removesuffix(".json.j2"): "RUNNING" for path in bank.stack.project.templates("bank")
    }
