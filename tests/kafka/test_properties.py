"""The file of librdkafka's properties: what may stand in it, and what is said of the rest."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import SettingsError
from streamguard.kafka import clients
from streamguard.kafka.properties import CONNECTION, NONE, Properties, parse, read
from streamguard.settings import Settings, load

PATH = Path("/etc/streamguard/kafka.properties")
SECRET = "pass:w=rd"


def parsed(text: str, *, others_read: bool = False, **variables: str) -> Properties:
    return parse(PATH, text, lambda name: variables.get(name, ""), others_read=others_read)


def refusal(text: str, *, others_read: bool = False) -> str:
    with pytest.raises(SettingsError) as caught:
        parsed(text, others_read=others_read)
    return str(caught.value)


def test_a_line_is_a_name_and_a_value_which_may_have_equals_signs_in_it() -> None:
    found = parsed(f"# who we are\n\nsecurity.protocol = SASL_SSL\n sasl.password={SECRET}\n")
    assert found.values == {"security.protocol": "SASL_SSL", "sasl.password": SECRET}


def test_a_value_may_be_that_of_a_variable_or_the_text_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "word").write_text("from a file\n")
    text = "security.protocol=SASL_SSL\nsasl.username=${env:WHO}\nsasl.password=${file:word}\n"
    found = parse(tmp_path / "p", text, {"WHO": "ingestor"}.get, others_read=True)  # type: ignore[arg-type]
    assert (found.values["sasl.username"], found.values["sasl.password"]) == ("ingestor", "from a file")


def test_files_are_named_from_the_folder_of_the_file_on() -> None:
    found = parsed("security.protocol=SSL\nssl.ca.location=ca.pem\nssl.key.location=/run/key.pem\n")
    assert found.values["ssl.ca.location"] == "/etc/streamguard/ca.pem"
    assert found.values["ssl.key.location"] == "/run/key.pem"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("security.protocol=SSL\nnonsense", "line 2: it is no name=value"),
        ("security.protocol=SSL\n\nacks=1", "line 3: acks is streamguard's own"),
        ("group.id=x", "line 1: group.id is streamguard's own"),
        ("transactional.id=x", "streamguard's own"),
        ("isolation.level=read_uncommitted", "streamguard's own"),
        ("enable.auto.commit=true", "streamguard's own"),
        ("enable.idempotence=false", "streamguard's own"),
        ("bootstrap.servers=x:9092", "the address is STREAMGUARD_KAFKA_BOOTSTRAP's to say"),
        ("sasl.jaas.config=x", "it is of Java's clients: here user and password are sasl.username and sasl.password"),
        ("ssl.truststore.location=x", "here it is ssl.ca.location"),
        ("sasl.usrname=x", "(did you mean sasl.username?)"),
        ("security.protocol=SSL\nsecurity.protocol=SSL", "line 2: security.protocol is there twice"),
        ("sasl.username=x", "sasl.username is of no use without security.protocol=SASL_SSL"),
        ("security.protocol=SASL_PLAINTEXT\nssl.ca.location=x", "ssl.ca.location is of no use without"),
        ("security.protocol=SASL_SSL\nsasl.password=${env:NOT_SET}", "line 2: the environment variable NOT_SET is not"),
        ("security.protocol=SASL_SSL\nsasl.password=${file:/nonexistent}", "line 2: /nonexistent can not be read"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(text: str, told: str) -> None:
    assert refusal(text).startswith(str(PATH))
    assert told in refusal(text)


def test_a_password_in_a_file_that_others_may_read_is_refused_and_not_told() -> None:
    told = refusal(f"security.protocol=SASL_SSL\nsasl.password={SECRET}\n", others_read=True)
    assert "chmod 600" in told
    assert SECRET not in told


@given(st.text(max_size=80))
def test_no_value_is_ever_told(text: str) -> None:
    try:
        found = parsed(f"security.protocol=SASL_SSL\nsasl.password={SECRET}\n{text}")
    except SettingsError as exc:
        assert SECRET not in str(exc)
    else:
        assert SECRET not in repr(found)
        assert SECRET not in found.without_secrets(f"it is {SECRET}")


@pytest.mark.parametrize(("mode", "taken"), [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_the_mode_of_a_file_of_ours_decides(tmp_path: Path, mode: int, taken: bool) -> None:
    path = tmp_path / "p"
    path.write_text(f"security.protocol=SASL_SSL\nsasl.password={SECRET}\n")
    path.chmod(mode)
    if taken:
        assert read(path).values["sasl.password"] == SECRET
    else:
        with pytest.raises(SettingsError, match="others may read"):
            read(path)


def test_a_file_that_a_line_names_and_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_text("security.protocol=SSL\nssl.ca.location=ca.pem\n")
    with pytest.raises(SettingsError, match=re.escape(f"ssl.ca.location names {tmp_path}/ca.pem, which is not there")):
        read(path)
    (tmp_path / "ca.pem").touch()
    assert read(path).values["ssl.ca.location"] == f"{tmp_path}/ca.pem"


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_bytes(b"\xef\xbb\xbfsecurity.protocol=SSL\r\n")
    assert read(path).protocol == "SSL"


def test_a_user_without_a_mechanism_hears_which_there_are(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "security.protocol=SASL_SSL", "sasl.username=x", f"sasl.password={SECRET}")
    with pytest.raises(SettingsError, match="is not set, or is GSSAPI: SCRAM-SHA-256"):
        clients.producer(settings)


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read(Path()) is NONE
    with pytest.raises(SettingsError, match="STREAMGUARD_KAFKA_PROPERTIES names it"):
        read(tmp_path / "missing")


@pytest.mark.parametrize("name", sorted(CONNECTION))
def test_librdkafka_knows_every_name(name: str) -> None:
    try:
        Producer({name: "/nonexistent"}, logger=clients.LOG)
    except KafkaException as exc:
        assert "No such configuration property" not in str(exc)


def settings_with(folder: Path, *lines: str) -> Settings:
    path = folder / "kafka.properties"
    path.touch(mode=0o600)
    path.write_text("\n".join(lines))
    return load(folder, environ={"STREAMGUARD_KAFKA_PROPERTIES": "kafka.properties", "STREAMGUARD_MODE": "external"})


def test_every_kind_of_client_gets_them_and_librdkafkas_refusal_shows_no_secret(tmp_path: Path) -> None:
    lines = ("security.protocol=SASL_SSL", f"sasl.password={SECRET}", f"sasl.mechanism={SECRET}")
    settings = settings_with(tmp_path, *lines)
    assert settings.kafka_properties == tmp_path.resolve() / "kafka.properties"
    for make in (
        lambda: clients.producer(settings),
        lambda: clients.transactional_producer(settings, "t"),
        lambda: clients.consumer(settings, "g"),
        lambda: clients.offsets_reader(settings, "g"),
        lambda: clients.admin(settings, timeout=0.1),
    ):
        with pytest.raises(SettingsError, match=re.escape(str(settings.kafka_properties))) as caught:
            make()
        assert SECRET not in str(caught.value)


def test_the_file_belongs_to_the_environment_of_a_child_process(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, "client.rack=eu-1")
    assert settings.environment()["STREAMGUARD_KAFKA_PROPERTIES"] == os.fspath(settings.kafka_properties)
