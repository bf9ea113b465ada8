from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streamguard.connect.secrecy.secrets import (
    MASK,
    RedactingFilter,
    forget,
    learn,
    learn_echoes,
    learn_password_keys,
    redact,
    shown,
    shown_beside,
    unresolved_in,
)
from streamguard.connect.secrecy.sensitive import is_sensitive, literal_secret, named_by_reference
from tests.stack.sentinels import forms


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


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """What one test teaches the process, the next one does not know."""
    yield
    forget()


# --- which values are secrets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("anything", "mongodb://user:pa/ss@host/"),
        ("anything", "jdbc:postgresql://host/db?user=u&password=hunter2"),
        ("anything", "jdbc:sqlserver://host;user=u;password=hunter2;encrypt=true"),
        ("azure.url", "https://a.blob.core.windows.net/c?sv=2024&sig=abc%2Fdef"),
        ("headers", "Authorization: Basic dXNlcjpwYXNzd29yZA=="),
        ("headers", "Authorization:Bearer abcdefgh12345678"),
        ("github", "ghp_0123456789abcdefghijABCDEFGHIJ"),
        ("slack", "https://hooks.slack.com/services/T000/B000/XXXX"),
        ("transforms.x.static.value", "q7Rf2KzP9wXb4TnLm8Yc"),
        ("some.key", "prefix wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("s3.sse.customer.key", "abc"),
        ("snowflake.private.key.passphrase", "abc"),
        ("http.headers.authorization", "abc"),
    ],
)
def test_the_form_of_a_value_says_that_it_is_a_secret_whatever_its_key_is_called(key: str, value: str) -> None:
    assert literal_secret(key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("connection.url", "http://host:8080/path@x"),
        ("iceberg.catalog.uri", "s3://bucket/prefix/2024/dt=2024-01-01"),
        ("basic.auth.credentials.source", "USER_INFO"),
        ("topics", "orders.v1.customer-updates-2024-eu-west-1"),
        ("id", "550e8400-e29b-41d4-a716-446655440000"),
        ("digest", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("aws.role", "arn:aws:iam::123456789012:role/StreamguardSinkRole2024"),
        ("connector.class", "org.apache.iceberg.connect.IcebergSinkConnector"),
        ("connection.password", "${file:/run/secrets/db:password}"),
        ("connection.url", "jdbc:postgresql://host/db?user=u&password=${env:PASSWORD}"),
        ("headers", "Authorization: Bearer ${env:TOKEN}"),
        ("password.file", "/run/secrets/password"),
        ("ssl.keystore.location", "/etc/kafka/client.jks"),
        ("oauth.token.endpoint", "https://idp.example/token"),
        ("writemodel.strategy", "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneBusinessKeyStrategy"),
    ],
)
def test_names_paths_digests_and_references_are_no_secrets(key: str, value: str) -> None:
    assert literal_secret(key, value) is None


def test_a_key_that_the_plugin_declares_a_password_holds_a_secret_whatever_it_is_called() -> None:
    assert literal_secret("harmless.name", "abc") is None
    assert literal_secret("harmless.name", "abc", {"harmless.name"}) == "a secret in clear (so its type says)"
    assert literal_secret("harmless.name", "${env:X}", {"harmless.name"}) is None
    assert shown("harmless.name", "abc", {"harmless.name"}) == MASK


def test_the_type_password_that_a_worker_tells_masks_a_value_whatever_its_key_is_called() -> None:
    assert shown("pepper", "abc") == "abc"
    learn_password_keys(["pepper"])
    assert shown("pepper", "abc") == MASK
    assert shown("pepper", "${env:X}") == "${env:X}"
    assert shown_beside("pepper", "abc", "def") == MASK
    assert "s3cr3t" not in redact("Invalid value s3cr3t for configuration pepper: too long", {"pepper": "s3cr3t"})


def test_a_name_that_a_reference_gives_is_refused_unless_the_reference_says_that_it_is_no_secret() -> None:
    config = {"topics": "${env:TOKEN}", "file": "/data/${env:KEY}/y", "transforms.x.static.value": "${env:SALT}"}
    assert named_by_reference(config) == ["file", "topics", "transforms.x.static.value"]
    assert named_by_reference({"topics": "${env:TOPIC_PREFIX}.orders", "database": "${env:MONGO_DATABASE}"}) == []
    assert named_by_reference({"topics": "${env:BUCKET_PASSWORD}"}) == ["topics"]


def test_a_masked_value_beside_a_reference_is_not_printed_though_its_key_says_nothing() -> None:
    """Somebody wrote the secret by hand; the template has it by reference: what the worker holds is the secret."""
    assert shown_beside("harmless", "hunter2", "${env:X}") == MASK
    assert shown_beside("harmless", "${env:X}", "hunter2") == "${env:X}"
    assert shown_beside("harmless", "one", "two") == "one"


# --- server echoes --------------------------------------------------------------------------------------------------

SECRETS = [
    "hunter2",
    "hunter2 for configuration topics",
    "two words",
    'it\'s "quoted"',
    "line\nbreak",
    "pl@nted:m0ngo/p%41ss?#[w]+'$PATH\\rd\"",
]


@pytest.mark.parametrize("secret", [secret for secret in SECRETS if "\n" not in secret])
@pytest.mark.parametrize(
    ("text", "desired"),
    [
        ("Invalid value {} for configuration connection.uri: the string '{}' is malformed", {}),
        ("Invalid value {} for configuration tasks.max: Not a number of type INT", {"tasks.max": "${env:X}"}),
        (
            "Connector configuration is invalid and contains the following 2 error(s):\n"
            "Invalid value a for configuration errors.tolerance: no\nInvalid value {} for configuration k: no\n"
            "You can also find the above list of errors at the endpoint",
            {"k": "${file:/a:b}", "errors.tolerance": "a"},
        ),
        ("Caused by: x.y.ConnectException: Couldn't find or create file '/none/{}/y' for", {"f": "/none/${env:X}/y"}),
        ("org.x.FooException: no file /none/{}", {"f": "/none/${env:X}"}),
        ("org.x.FooException: {}.suffix is not there", {"f": "${env:X}.suffix"}),
        ("org.x.FooException: no table {}\n\tat a.B.c(D.java:1)", {"table": "${env:X}"}),
        ("org.x.FooException: Failed to find any class that matches {}, available are: a", {"k": "${env:X}"}),
        ("jaas: Plain required password='{}';", {"sasl.jaas.config": "Plain required password='${env:X}';"}),
    ],
)
def test_a_server_that_echoes_what_it_resolved_is_cut(text: str, desired: dict[str, str], secret: str) -> None:
    assert secret not in redact(text.format(secret, secret), desired)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_is_known_is_cut_out_in_every_form(secret: str) -> None:
    learn([secret])
    for form in forms(secret):
        text = redact(f"before {form.decode()} after")
        assert form.decode() not in text, form
        assert text.startswith("before ")
    assert shown("harmless", f"x {secret} x") == f"x {MASK} x"


def test_a_value_of_several_lines_is_cut_out_of_what_is_said_of_its_key() -> None:
    text = redact(
        "Invalid value line\nbreak for configuration tasks.max: line\nbreak is no number", {"tasks.max": "${env:X}"}
    )
    assert "line" not in text
    assert "break" not in text


def test_the_password_of_a_known_address_is_known_too() -> None:
    learn(["mongodb://user:p%40ssw0rd@127.0.0.1:27017/"])
    assert "p%40ssw0rd" not in redact("auth failed with p%40ssw0rd")
    assert "p@ssw0rd" not in redact("auth failed with p@ssw0rd")


def test_words_numbers_and_addresses_without_a_password_are_never_taken_for_secrets() -> None:
    learn(["true", "3", "8083", "none", "http://127.0.0.1:8083", "abc", ""])
    assert redact("true 3 8083 none http://127.0.0.1:8083 abc") == "true 3 8083 none http://127.0.0.1:8083 abc"


def test_a_short_secret_is_cut_out_as_a_word_and_not_out_of_other_words() -> None:
    learn(["task"])
    assert redact("task tasks multitask 'task'") == f"{MASK} tasks multitask '{MASK}'"


def test_what_validation_echoes_is_learnt_and_cut_out_of_every_later_text() -> None:
    learn_echoes(
        {"file": "/a/${env:X}/b", "topics": "${env:Y}", "region": "${env:AWS_REGION}", "password": "${env:Z}"},
        {"file": "/a/s3cr3t-1/b", "topics": "s3cr3t-2", "region": "eu-west-1", "password": "[hidden]"},
    )
    assert redact("s3cr3t-1 s3cr3t-2 eu-west-1 [hidden]") == f"{MASK} {MASK} eu-west-1 [hidden]"


def test_a_trace_is_told_in_full_once_it_is_known_what_the_reference_stands_for() -> None:
    desired, text = {"table": "${env:X}"}, "org.x.FooException: no table s3cr3t in database"
    assert redact(text, desired) == f"org.x.FooException: {MASK}"
    learn_echoes(desired, {"table": "s3cr3t"})
    assert redact(text, desired) == f"org.x.FooException: no table {MASK} in database"


def test_a_reference_to_a_region_does_not_cost_the_text_of_a_trace() -> None:
    text = "org.x.FooException: no bucket of that name"
    assert redact(text, {"s3.region": "${env:AWS_REGION}", "s3.bucket": "${env:BUCKET_NAME}"}) == text
    assert redact(text, {"connection.uri": "${env:MONGODB_URI}"}) == text


def test_keys_and_tokens_are_cut_out_by_their_form() -> None:
    text = redact(
        "AKIAIOSFODNN7EXAMPLE password=hunter2, -----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- x"
    )
    assert text == f"{MASK} {MASK}, {MASK} x"


def test_a_generated_key_in_a_trace_is_cut_out_and_so_is_a_secret_that_the_config_has_in_clear() -> None:
    text = "org.x.FooException: the key q7Rf2KzP9wXb4TnLm8Yc of hunter2 is not known"
    assert "q7Rf2KzP9wXb4TnLm8Yc" not in redact(text, {"catalog.token": "${env:X}"})
    assert "hunter2" not in redact(text, {"connection.password": "hunter2"})
    assert "hunter2" not in redact(text, {"connection.uri": "mongodb://me:hunter2@host/"})


def test_nothing_that_is_called_invalid_is_kept_where_the_config_is_not_known() -> None:
    text = "Invalid value s3cr3t for configuration tasks.max: Not a number"
    assert redact(text) == f"Invalid value {MASK} for configuration tasks.max: Not a number"
    assert redact(text, {"tasks.max": "s3cr3t"}) == text


def test_an_unresolved_reference_is_told_by_its_key() -> None:
    desired = {"connection.uri": "${env:NOPE}", "file": "/a/${vault:x:y}/b", "topics": "t"}
    text = "Invalid value ${env:NOPE} for configuration connection.uri: must start with mongodb://"
    assert unresolved_in(text, desired) == {"connection.uri": ("${env:NOPE}",)}
    assert unresolved_in("no file /a/${vault:x:y}/b", desired) == {"file": ("${vault:x:y}",)}
    assert unresolved_in("no file /a/s3cr3t/b", desired) == {}
    assert "${vault:x:y}" in redact("x.FooException: no file /a/${vault:x:y}/b", desired)


def test_every_event_of_a_log_passes_the_filter(caplog: pytest.LogCaptureFixture) -> None:
    learn(["s3cr3t-value"])
    log = logging.getLogger("streamguard.test")
    log.addFilter(RedactingFilter())
    try:
        raise ValueError("s3cr3t-value is bad")
    except ValueError:
        log.exception("refused: %s", "s3cr3t-value", extra={"cause": "http://u:p@h s3cr3t-value"})
    assert "s3cr3t-value" not in caplog.text
    assert "ValueError" in caplog.text
    assert vars(caplog.records[0])["cause"] == f"http://{MASK}@h {MASK}"


@settings(max_examples=200)
@given(
    secret=st.text(alphabet=st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=8, max_size=40),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_text_around_a_known_secret_keeps_it_in(secret: str, before: str, after: str) -> None:
    assume(not secret.isdigit() and "://" not in secret and set(secret) != {"*"})
    learn([secret])
    assert secret not in redact(before + secret + after)
    assert secret not in redact(json.dumps({"error": before + secret + after}))
    forget()


@given(st.text(max_size=300))
def test_a_text_without_secrets_is_not_made_longer_and_redacting_twice_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    ["a" * 100_000, "a://b:c" * 10_000, "Invalid value x for configuration k" * 2_000, "/dat/a" * 15_000],
    ids=["one word", "addresses", "echoes", "pieces"],
)
def test_a_long_text_is_cut_in_no_time(text: str) -> None:
    began = time.process_time()
    redact(text, {"file": "/dat/${env:X}/y${env:Y}/a", "connection.uri": "${env:Z}"})
    assert time.process_time() - began < 1.0
