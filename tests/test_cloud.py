"""The variables of a worker that are made from `MY_…`, and what is told of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo.uri_parser import parse_uri

from streamguard import cloud
from streamguard.errors import SettingsError
from streamguard.settings import load
from tests.accounts import MINE, PASSWORD, USER

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
LOCAL = "127.0.0.1:27017"


@given(user=TEXTS, password=TEXTS)
def test_a_driver_reads_user_and_password_as_they_were_given_whatever_is_in_them(user: str, password: str) -> None:
    found = parse_uri(cloud.mongodb_uri(user, password, LOCAL))
    assert (found["username"], found["password"]) == (user, password)
    assert found["nodelist"] == [("127.0.0.1", 27017)]


@pytest.mark.parametrize(
    ("cluster", "uri"),
    [
        ("cluster0.ab1cd.mongodb.net", "mongodb+srv://u:p@cluster0.ab1cd.mongodb.net/?"),
        ("mongodb+srv://cluster0.ab1cd.mongodb.net", "mongodb+srv://u:p@cluster0.ab1cd.mongodb.net/?"),
        ("mongodb+srv://<db_username>:<db_password>@c.ab.mongodb.net/", "mongodb+srv://u:p@c.ab.mongodb.net/?"),
        (" c.ab.mongodb.net/ ", "mongodb+srv://u:p@c.ab.mongodb.net/?"),
        ("127.0.0.1", "mongodb://u:p@127.0.0.1/?"),
        ("localhost", "mongodb://u:p@localhost/?"),
        ("mongo.example.org:27017", "mongodb://u:p@mongo.example.org:27017/?"),
        ("a.example.org:1,b.example.org:2", "mongodb://u:p@a.example.org:1,b.example.org:2/?"),
        ("mongodb://a.example.org", "mongodb://u:p@a.example.org/?"),
        ("[::1]:27017", "mongodb://u:p@[::1]:27017/?"),
    ],
)
def test_the_cluster_is_a_host_of_atlas_its_connection_string_or_a_host_with_its_port(cluster: str, uri: str) -> None:
    assert cloud.mongodb_uri("u", "p", cluster) == f"{uri}retryWrites=true&w=majority"


def test_options_of_the_connection_string_stay_and_ours_fill_up() -> None:
    made = cloud.mongodb_uri("u", "p", "mongodb+srv://c.ab.mongodb.net/?appName=Cluster0&w=1")
    assert made == "mongodb+srv://u:p@c.ab.mongodb.net/?appName=Cluster0&w=1&retryWrites=true"


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ("mongodb+srv://me:s3cret@c.ab.mongodb.net", "user and password are MY_MONGODB_USER and MY_MONGODB_PASS"),
        ("https://cloud.mongodb.com/s3cret", "is no host"),
        ("c.ab.mongodb.net/s3cret", "is no host"),
        ("mongodb+srv://c.ab.mongodb.net:27017/?s3cret", "has a port, which mongodb"),
        ("two words s3cret", "is no host"),
    ],
)
def test_what_is_no_cluster_is_told_without_a_word_of_it(cluster: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        cloud.mongodb_uri("u", "p", cluster)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MY_S3_BUCKET", "s3://acme-fraud", "it takes the name of a bucket alone, such as acme-fraud"),
        ("MY_S3_BUCKET", "Acme_Fraud", "it takes the name of a bucket alone"),
        ("MY_AWS_REGION", "eu central", "it takes a region of AWS, such as eu-central-1"),
        ("MY_AWS_REGION", "Frankfurt", "it takes a region of AWS"),
    ],
)
def test_a_bucket_and_a_region_that_can_be_none_are_told(name: str, value: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{name} is {value!r}: {said}")):
        cloud.check_form(name, value)


@pytest.mark.parametrize(
    "region", ["eu-central-1", "us-gov-west-1", "ap-southeast-2", "us-iso-east-1", "eusc-de-east-1"]
)
def test_a_region_of_aws_is_taken(region: str) -> None:
    cloud.check_form("MY_AWS_REGION", region)


def test_a_worker_gets_what_is_whole_and_nothing_of_what_lacks_a_part() -> None:
    assert set(cloud.worker_variables(MINE)) == {"MY_MONGODB_URI", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    some = {name: value for name, value in MINE.items() if name not in ("MY_MONGODB_PASS", "MY_AWS_ACCESS_KEY_ID")}
    assert set(cloud.worker_variables(some)) == {"AWS_SECRET_ACCESS_KEY"}
    assert cloud.lacking(some, ["MY_MONGODB_URI", "AWS_ACCESS_KEY_ID", "ELSEWHERE"]) == [
        "MY_MONGODB_PASS",
        "MY_AWS_ACCESS_KEY_ID",
    ]


def test_a_file_of_variables_is_the_same_to_docker_compose_kubectl_and_systemd() -> None:
    text = cloud.env_file(cloud.worker_variables(MINE))
    lines = dict(line.split("=", 1) for line in text.splitlines())
    assert lines == cloud.worker_variables(MINE)
    assert not set(text) & set("\"'`$\\#")
    with pytest.raises(ValueError, match=r"^A has characters") as caught:
        cloud.env_file({"A": "s3cret $HOME"})
    assert "s3cret" not in str(caught.value)


def test_they_are_settings_read_from_the_environment_or_the_file_and_their_secrets_are_not_shown(
    tmp_path: Path,
) -> None:
    lines = [f"{name}='{value}'\n" for name, value in MINE.items() if name != "MY_S3_BUCKET"]
    (tmp_path / ".env").write_text("".join(lines))
    settings = load(tmp_path, environ={"MY_S3_BUCKET": "other"})
    assert settings.mine == {**MINE, "MY_S3_BUCKET": "other"}
    shown = f"{settings} {settings.environment()}"
    assert PASSWORD not in shown
    assert MINE["MY_AWS_SECRET_ACCESS_KEY"] not in shown
    assert USER in shown


def test_in_mode_external_mongodb_s3_and_the_catalog_are_those_of_the_accounts(tmp_path: Path) -> None:
    (tmp_path / ".streamguard").mkdir()
    (tmp_path / ".streamguard" / "credentials.env").write_text("STREAMGUARD_MONGODB_URI='mongodb://here'\n")
    settings = load(tmp_path, environ={**MINE, "STREAMGUARD_MODE": "external"})
    assert settings.mongodb_uri == cloud.worker_variables(MINE)["MY_MONGODB_URI"]
    assert (settings.s3_catalog, settings.s3_endpoint, settings.s3_region) == ("glue", "", "eu-central-1")
    assert settings.s3_warehouse == "s3://acme-fraud/lake"
    assert settings.s3_secret_key == MINE["MY_AWS_SECRET_ACCESS_KEY"]


def test_in_the_other_modes_they_change_no_address_of_the_servers_here(tmp_path: Path) -> None:
    without, there = load(tmp_path, environ={}), load(tmp_path, environ=MINE)
    assert (there.mongodb_uri, there.s3_catalog, there.s3_endpoint, there.s3_warehouse) == (
        without.mongodb_uri,
        without.s3_catalog,
        without.s3_endpoint,
        without.s3_warehouse,
    )


def test_an_address_that_is_set_stands_over_that_of_the_accounts(tmp_path: Path) -> None:
    own = {
        "STREAMGUARD_MONGODB_URI": "mongodb://own/",
        "STREAMGUARD_S3_CATALOG": "http://own",
        "STREAMGUARD_MODE": "external",
    }
    settings = load(tmp_path, environ={**MINE, **own})
    assert (settings.mongodb_uri, settings.s3_catalog) == ("mongodb://own/", "http://own")


def test_glue_is_no_catalog_of_the_servers_here(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="STREAMGUARD_S3_CATALOG is glue, which goes with STREAMGUARD_MODE=external"
    ):
        load(tmp_path, environ={"STREAMGUARD_S3_CATALOG": "glue"})


def test_a_cluster_that_is_none_is_one_error_that_names_the_variable(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MY_MONGODB_CLUSTER is no host"):
        load(tmp_path, environ={**MINE, "MY_MONGODB_CLUSTER": "c d", "STREAMGUARD_MODE": "external"})
