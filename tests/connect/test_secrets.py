from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.connect.secrets import MASK, is_sensitive, literal_secret, redact, shown


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("connection.uri", "mongodb://user:hunter2@host/"),
        ("connection.uri", "mongodb+srv://user:hunter2@cluster.example/?retryWrites=true"),
        ("topics", "x,http://user:pw@host/"),
        ("anything", "mongodb://${env:USER}:hunter2@host/"),
        ("iceberg.catalog.s3.secret-access-key", "abc"),
        ("iceberg.catalog.credential", "id:secret"),
        ("aws.secret.access.key", "abc"),
        ("aws.access.key.id", "AKIAIOSFODNN7EXAMPLE"),
        ("sasl.password", "12345"),
        ("ssl.keystore.password", "x"),
        ("consumer.override.sasl.jaas.config", 'PlainLoginModule required username="u" password="p";'),
        ("transforms.x.static.value", "AKIAIOSFODNN7EXAMPLE"),
        ("some.header", "-----BEGIN RSA PRIVATE KEY-----"),
        ("value.converter.basic.auth.user.info", "u:p"),
    ],
)
def test_a_secret_in_clear_is_found(key: str, value: str) -> None:
    assert literal_secret(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("connection.uri", "${env:URI}"),
        ("connection.uri", "mongodb://127.0.0.1:27017/"),
        ("connection.uri", "mongodb://${env:USER}:${env:PASS}@host/"),
        ("iceberg.catalog.s3.secret-access-key", "${env:KEY}"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter"),
        ("key.projection.type", "none"),
        ("iceberg.tables.default-id-columns", "id"),
        ("iceberg.catalog.token-refresh-enabled", "true"),
        ("iceberg.catalog.uri", "http://127.0.0.1:8181"),
        ("s3.credentials.provider.class", "com.example.Provider"),
        ("transforms.id.type", "org.apache.kafka.connect.transforms.HoistField$Key"),
        ("document.id.strategy.partial.key.projection.list", "a"),
        ("ssl.keystore.type", "JKS"),
        ("mongodb_uri_variable", "STREAMGUARD_MONGODB_URI"),
    ],
)
def test_what_is_no_secret_passes(key: str, value: str) -> None:
    assert literal_secret(key, value) is None


def test_an_invalid_value_of_a_sensitive_key_is_cut_out_wherever_the_text_repeats_it() -> None:
    text = "Invalid value s3cr3t for configuration connection.uri: the string 's3cr3t' is malformed"
    assert redact(text) == f"Invalid value {MASK} for configuration connection.uri: the string '{MASK}' is malformed"


def test_an_invalid_value_of_any_key_that_held_a_reference_is_cut_out() -> None:
    text = "Invalid value s3cr3t for configuration tasks.max: Not a number of type INT"
    assert "s3cr3t" not in redact(text, {"tasks.max": "${env:X}"})
    assert "abc" in redact("Invalid value abc for configuration tasks.max: Not a number", {"tasks.max": "abc"})


def test_a_path_with_a_resolved_reference_is_cut_out_of_a_trace() -> None:
    trace = "ConnectException: Couldn't find or create file '/nonexistent/s3cr3t/y' for task\n\tat x"
    assert "s3cr3t" not in redact(trace, {"file": "/nonexistent/${env:X}/y"})


def test_the_user_part_of_every_address_is_cut_out() -> None:
    text = redact("cannot reach mongodb://u:p@ss@h:1/ nor https://token@example.org/x")
    assert text == f"cannot reach mongodb://{MASK}@h:1/ nor https://{MASK}@example.org/x"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert redact("a\x1b[31mred\x07\u202e\x9b") == "a[31mred"


@given(st.text(alphabet="ABCDEFGHJKLMNPQRSTUVWXYZ0123456789#%&", min_size=6, max_size=30))
def test_no_secret_survives_in_the_text_about_its_own_key(secret: str) -> None:
    assert secret not in redact(f"Invalid value {secret} for configuration connection.uri: {secret} is bad")


@pytest.mark.parametrize("key", ["connection.uri", "sasl.password", "iceberg.catalog.token"])
def test_sensitive_keys_are_known_by_name(key: str) -> None:
    assert is_sensitive(key)
    assert shown(key, "literal-value-1") == MASK
    assert shown(key, "${env:X}") == "${env:X}"
