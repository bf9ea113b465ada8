"""What a verification knows before it asks any server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.templates.choose import render_pipeline
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import records
from streamguard.errors import ProjectError, StreamguardError
from streamguard.model import Generator
from streamguard.project import Project
from streamguard.settings import Settings, load
from streamguard.verify.oracle import RESULT, USERS
from streamguard.verify.runs import inputs, run_of
from streamguard.verify.sinks import Collection, Table, sinks_of
from streamguard.verify.verification import Verification, groups_of
from tests.verify.held import PROJECT, WORLD

BANK = PROJECT.pipeline("bank")
RUN = Run(WORLD, "run", 7, datetime(2026, 1, 1, tzinfo=UTC), rate=500.0, counts={"person": 10})
SUMMARY: dict[str, Any] = {**RUN.document(), "produced": 50, "acknowledged": 50}


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
    with pytest.raises(
        ProjectError, match=r"verify knows the world bank, and .* has another one: `streamguard verify bank`"
    ):
        Verification(settings, PROJECT, other)


def test_a_world_with_faults_is_refused(settings: Settings, tmp_path: Path) -> None:
    project = Project(tmp_path)
    (tmp_path / "init" / "worlds").mkdir(parents=True)
    text = (PROJECT.init / "worlds" / "bank.yml").read_text()
    (tmp_path / "init" / "worlds" / "bank.yml").write_text(f"{text}\nfaults: {{duplicate: 0.01}}\n")
    with pytest.raises(ProjectError, match="verify knows the world bank without faults"):
        Verification(settings, project, BANK)


def test_a_summary_of_produce_gives_every_record_again(settings: Settings) -> None:
    run, count = run_of(SUMMARY, WORLD)
    assert [document for _, _, document in inputs(run, count, settings.cache_dir)] == list(records(RUN, 50))


def test_a_run_of_another_world_than_there_is_now_is_refused() -> None:
    with pytest.raises(ProjectError, match="run run: the world bank is not what it was then"):
        run_of({**SUMMARY, "world_hash": "0" * 64}, WORLD)


def test_a_run_of_which_nobody_knows_what_was_written_is_refused() -> None:
    with pytest.raises(StreamguardError, match="2 records were not acknowledged"):
        run_of({**SUMMARY, "acknowledged": 48}, WORLD)
