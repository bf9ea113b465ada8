"""`--values cloud`, as typed: configs without a secret, and what is missing told at once."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from streamguard import cloud
from streamguard.commands import run
from tests.accounts import MINE, PASSWORD, SECRET_KEY, USER

SECRETS = (PASSWORD, USER, SECRET_KEY, MINE["MY_AWS_ACCESS_KEY_ID"], *cloud.worker_variables(MINE).values())
FLAVOURS = ("iceberg", "confluent")
OF_WORKER = {"MY_MONGODB_URI", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MINE.items():
        monkeypatch.setenv(name, value)


def rendered(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, dict[str, str]]:
    assert run(["connectors", "render", "--values", "cloud", *arguments]) == 0
    return {one["name"]: one["config"] for one in json.loads(capsys.readouterr().out)}


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("form", ["json", "properties", "strimzi"])
def test_no_config_of_any_pipeline_names_a_secret(capsys: pytest.CaptureFixture[str], flavour: str, form: str) -> None:
    call = ["connectors", "render", "--values", "cloud", "--set", f"s3_flavour={flavour}", "--format", form]
    assert run(call) == 0
    told = "".join(capsys.readouterr())
    assert "acme-fraud" in told
    assert [secret for secret in SECRETS if secret in told] == []


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_lint_has_nothing_against_them(capsys: pytest.CaptureFixture[str], flavour: str) -> None:
    assert run(["connectors", "lint", "--strict", "--values", "cloud", "--set", f"s3_flavour={flavour}"]) == 0
    assert "no errors, no warnings" in capsys.readouterr().err


@pytest.mark.usefixtures("accounts")
def test_one_value_chooses_what_every_sink_to_s3_writes(capsys: pytest.CaptureFixture[str]) -> None:
    tables = rendered(capsys, "transactions-s3-sink", "users-s3-sink")
    files = rendered(capsys, "transactions-s3-sink", "users-s3-sink", "--set", "s3_flavour=confluent")
    assert tables.keys() == files.keys()
    for table, file in zip(tables.values(), files.values(), strict=True):
        assert table["iceberg.catalog.catalog-impl"] == "org.apache.iceberg.aws.glue.GlueCatalog"
        assert table["iceberg.tables"].startswith("fraud.")
        assert table["iceberg.catalog.warehouse"] == "s3://acme-fraud/lake"
        assert (file["s3.bucket.name"], file["s3.region"]) == ("acme-fraud", "eu-central-1")
        assert file["format.class"].endswith(".JsonFormat")
        assert file["topics"] == table["topics"]
        assert file["transforms.position.offset.field"] == table["transforms.position.offset.field"] == "_offset"


@pytest.mark.usefixtures("accounts")
def test_on_a_machine_with_a_role_no_key_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for flavour in FLAVOURS:
        found = rendered(capsys, "*-s3-sink", "--set", "s3_credentials=default", "--set", f"s3_flavour={flavour}")
        assert not any("${" in value for config in found.values() for value in config.values())


def test_everything_that_is_missing_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["connectors", "render", "--values", "cloud"]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert all(name in told for name in MINE)
    assert ".env.example" in told


@pytest.mark.usefixtures("accounts")
def test_up_tells_what_the_worker_would_lack_before_it_starts_anything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STREAMGUARD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("MY_MONGODB_PASS")
    monkeypatch.delenv("MY_AWS_SECRET_ACCESS_KEY")
    assert run(["up", "bank", "--values", "cloud"]) == 1
    told = capsys.readouterr().err
    assert "Error: the sinks need what is not set: MY_MONGODB_PASS, MY_AWS_SECRET_ACCESS_KEY:" in told
    assert not (tmp_path / "data").exists()


@pytest.mark.usefixtures("accounts")
def test_the_ddl_of_an_iceberg_table_says_where_glue_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["connectors", "companions", "--values", "cloud", "users-s3-sink"]) == 0
    assert "LOCATION 's3://acme-fraud/lake/fraud.db/raw_users_log/'" in capsys.readouterr().out


def test_a_bucket_with_its_scheme_ends_in_no_config(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_S3_BUCKET", "s3://acme-fraud")
    assert run(["connectors", "lint", "--values", "cloud", "-p", "bank"]) == 1
    assert "Error: MY_S3_BUCKET is 's3://acme-fraud': it takes the name of a bucket alone" in capsys.readouterr().err


def test_a_pipeline_without_s3_asks_for_no_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(rendered(capsys, "-p", "transfers")) == {"transfers-mongodb-sink"}


def test_what_set_gives_is_not_asked_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_S3_BUCKET", "b-1")
    given = ["--set", "s3_region=eu-west-1", "--set", "lake_namespace=n"]
    assert set(rendered(capsys, "*-s3-sink", *given)) == {"transactions-s3-sink", "users-s3-sink"}


@pytest.mark.usefixtures("accounts")
def test_the_variables_of_a_worker_are_listed_with_what_they_lack(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MY_MONGODB_PASS")
    assert run(["connectors", "secrets", "env", "--values", "cloud", "-o", "json"]) == 1
    captured = capsys.readouterr()
    rows = {row["variable"]: row for row in json.loads(captured.out)}
    assert rows.keys() == OF_WORKER
    assert rows["MY_MONGODB_URI"]["state"] == "lacks MY_MONGODB_PASS"
    assert rows["AWS_ACCESS_KEY_ID"]["state"] == "set"
    assert rows["AWS_ACCESS_KEY_ID"]["connectors"] == "transactions-s3-sink, users-s3-sink"
    assert captured.err.startswith("Error: not set: MY_MONGODB_PASS:")
    assert not [secret for secret in SECRETS if secret in captured.out + captured.err]


def test_variables_that_values_of_ones_own_name_are_taken_as_they_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, file = tmp_path / "mine.yml", tmp_path / "worker.env"
    values.write_text("mongodb_uri_variable: SINK_URI\n")
    call = ["connectors", "secrets", "env", "-p", "transfers", "--values", str(values), "--into", str(file)]
    assert run(call) == 1
    assert "Error: not set: SINK_URI: write them into .env, or export them" in capsys.readouterr().err
    monkeypatch.setenv("SINK_URI", "mongodb://me:word@db.example.com/")
    assert run(call) == 0
    assert file.read_text() == "SINK_URI=mongodb://me:word@db.example.com/\n"
    assert "word" not in "".join(capsys.readouterr())


@pytest.mark.usefixtures("accounts")
def test_a_file_for_another_worker_is_for_its_owner_only_and_nothing_of_it_is_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "worker.env"
    file.write_text("old")
    file.chmod(0o644)
    assert run(["connectors", "secrets", "env", "--values", "cloud", "--into", str(file)]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == cloud.worker_variables(MINE)
    told = "".join(capsys.readouterr())
    assert not [secret for secret in SECRETS if secret in told]


@pytest.mark.usefixtures("accounts")
def test_a_folder_that_can_not_be_written_to_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "worker.env"
    assert run(["connectors", "secrets", "env", "--values", "cloud", "--into", str(file)]) == 74
    assert "can not be written" in capsys.readouterr().err
