"""What doctor says of where the sinks write; moto plays AWS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from streamguard.connect.offsets.reading import ICEBERG
from streamguard.connect.templates.render import Connector
from streamguard.doctor import stores
from streamguard.doctor.checks import Check
from streamguard.errors import CatalogError
from streamguard.project import find_project
from streamguard.settings import Settings, load
from tests.accounts import MINE, SECRET_KEY

PROJECT = find_project(Path(__file__))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an account with nothing in it, which boto3 asks."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield f"http://{host}:{port}"
    running.stop()


def settings() -> Settings:
    return load(PROJECT.root, environ={**MINE, "STREAMGUARD_MODE": "external"})


def told() -> Check:
    lake = PROJECT.pipeline("bank").lake
    assert lake is not None
    [check] = stores.glue(settings(), lake)
    return check


def sink(**config: str) -> Connector:
    given = {key.replace("_", "."): value for key, value in config.items()}
    return Connector("s", {"connector.class": ICEBERG, **given}, Path("s.json.j2"))


def test_a_database_that_aws_glue_lacks_fails_and_one_that_it_has_is_ok(aws: str) -> None:
    before = told()
    assert before.state == "fail"
    assert before.found.startswith("database fraud in eu-central-1: EntityNotFoundException")
    assert before.next.startswith("`streamguard lake apply`")
    client = boto3.client(
        "glue", endpoint_url=aws, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
    client.create_database(DatabaseInput={"Name": "fraud"})
    assert told() == Check("aws glue", "ok", "it has the database fraud in eu-central-1")


def test_aws_that_does_not_answer_fails_and_no_key_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    check = told()
    assert check.state == "fail"
    assert SECRET_KEY not in str(check)


def test_a_catalog_that_refuses_the_keys_is_one_row_and_nobody_is_told_to_make_tables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_arguments: object) -> None:
        raise CatalogError("the Iceberg catalog at http://c refuses the keys: check STREAMGUARD_S3_ACCESS_KEY")

    monkeypatch.setattr(stores, "open_catalog", lambda _settings: None)
    monkeypatch.setattr(stores, "open_table", refused)
    lake = PROJECT.pipeline("bank").lake
    assert lake is not None
    [row] = stores.lake(settings(), lake)  # Glue, of which nothing is known before
    assert row == Check(
        "tables", "fail", "the Iceberg catalog at http://c refuses the keys", "check STREAMGUARD_S3_ACCESS_KEY"
    )


def test_the_catalog_is_asked_that_the_sinks_write_to() -> None:
    local, cloud = Settings(mode="local"), Settings(mode="external", s3_catalog="glue")
    rest = sink(iceberg_catalog_type="rest")
    glue = Connector("g", {**rest.config, "iceberg.catalog.catalog-impl": "a.b.GlueCatalog"}, Path("g"))
    assert (stores.needs_catalog(local, [rest]), stores.needs_glue(local, [rest])) == (True, False)
    assert (stores.needs_catalog(local, [glue]), stores.needs_glue(local, [glue])) == (False, True)
    assert (stores.needs_catalog(cloud, [glue]), stores.needs_glue(cloud, [glue])) == (True, True)
    assert not stores.needs_catalog(local, [])
