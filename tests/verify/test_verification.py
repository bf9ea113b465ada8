"""What a verification knows before it asks any server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.templates.choose import render_pipeline
from streamguard.datagen.encoding import records
from streamguard.errors import ProjectError, StreamguardError
from streamguard.model import Generator
from streamguard.settings import Settings, load
from streamguard.verify.oracle import RESULT, USERS
from streamguard.verify.runs import inputs, run_of
from streamguard.verify.sinks import Collection, Table, sinks_of
from streamguard.verify.verification import Verification, groups_of
from tests.verify.held import PROJECT

BANK = PROJECT.pipeline("bank")
SUMMARY: dict[str, Any] = {
    "run": "run",
    "seed": 7,
    "start": "2026-01-01T00:00:00+00:00",
    "target_rate": 500.0,
    "fraudulent_share": 0.2,
    "unidentified_share": 0.3,
    "people": 10,
    "produced": 50,
    "acknowledged": 50,
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path, environ={"STREAMGUARD_CACHE_DIR": str(tmp_path)})


def test_it_waits_for_the_groups_of_the_services_that_the_pipeline_has(settings: Settings) -> None:
    ksql = {"sg.ksql.default.fraudulent-transactions": ("fraudulent-transactions",)}
    ingestor = {"sg.bank.ingestor": ("bank-transactions",)}
    processor = {"sg.bank.processor": ("unidentified-transactions",)}
    assert groups_of(settings, BANK) == ingestor | processor | ksql
    assert groups_of(settings, replace(BANK, services=("ingestor", "validator"))) == ingestor | ksql


def test_it_reads_the_sinks_of_the_pipelines_own_connectors(settings: Settings) -> None:
    collections, tables = sinks_of(render_pipeline(PROJECT, settings, BANK), (RESULT, USERS))
    database = "fraudulent_transactions_db"
    assert set(collections) == {Collection(RESULT, database, "transactions"), Collection(USERS, database, "users")}
    assert set(tables) == {
        Table(RESULT, "bank", "raw_fraudulent_transactions_result"),
        Table(USERS, "bank", "raw_users_log"),
    }


def test_a_world_that_it_does_not_know_is_refused(settings: Settings) -> None:
    other = replace(BANK, name="other", generator=Generator("other", "somewhere", 1.0))
    with pytest.raises(ProjectError, match="verify knows the world bank"):
        Verification(settings, PROJECT, other)


def test_a_summary_of_produce_gives_every_record_again(settings: Settings) -> None:
    run, count = run_of(SUMMARY)
    again = records(7, "run", run.start, 50, rate=500.0, shares=run.shares, people=10)
    assert [document for _, _, document in inputs(run, count, settings.cache_dir)] == list(again)


def test_a_run_of_which_nobody_knows_what_was_written_is_refused() -> None:
    with pytest.raises(StreamguardError, match="2 records were not acknowledged"):
        run_of({**SUMMARY, "acknowledged": 48})
