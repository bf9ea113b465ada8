"""Whether Kafka lets us in is heard by events, and believed as long as they come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from streamguard.errors import KafkaUnavailable
from streamguard.kafka import clients, door
from streamguard.settings import Settings, load

WRONG = KafkaError(
    KafkaError._AUTHENTICATION,
    "sasl_ssl://127.0.0.1:9/bootstrap: SASL authentication error: Authentication failed during authentication due to "
    "invalid credentials with SASL mechanism SCRAM-SHA-512 (after 5ms in state AUTH_REQ)",
)
NEWS = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path, environ={"STREAMGUARD_MODE": "external"})


def test_a_cause_counts_for_as_long_as_it_is_heard(settings: Settings) -> None:
    clock = Clock()
    one = door.Door(clock)
    assert one.refusal(settings) is None
    one.note(settings, NEWS)
    assert one.refusal(settings) is None
    one.note(settings, WRONG)
    assert one.refusal(settings) is WRONG
    clock.now += door.FRESH + 0.1
    assert one.refusal(settings) is None


def test_a_cause_that_lasts_is_heard_again_and_again(settings: Settings) -> None:
    clock = Clock()
    one = door.Door(clock)
    for _ in range(6):
        one.note(settings, WRONG)
        assert one.refusal(settings, lasting=5.0) is (WRONG if clock.now >= 105 else None)
        clock.now += 1
    clock.now += door.FRESH
    one.note(settings, WRONG)
    assert one.refusal(settings, lasting=5.0) is None  # it begins anew


def test_what_one_principal_hears_is_not_said_to_another(settings: Settings) -> None:
    one = door.Door()
    one.note(settings, WRONG)
    assert one.refusal(replace(settings, kafka_properties=Path("/other"))) is None
    assert one.refusal(replace(settings, kafka_bootstrap="other:9092")) is None


@pytest.mark.parametrize(
    ("code", "said", "told"),
    [
        (KafkaError._AUTHENTICATION, WRONG.str(), "does not take this user and password"),
        (
            KafkaError._AUTHENTICATION,
            "SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's supported mechanisms: "
            "SCRAM-SHA-512 (after 4ms in state AUTH_HANDSHAKE)",
            "correct sasl.mechanism",
        ),
        (KafkaError._SSL, "ssl://a:1/b: SSL handshake failed: certificate verify failed: x", "does not vouch for"),
        (KafkaError._SSL, "ssl://a:1/b: SSL handshake failed: no cipher", "do not agree on TLS"),
    ],
)
def test_each_cause_is_told_in_one_sentence(settings: Settings, code: int, said: str, told: str) -> None:
    error = clients.translate(KafkaException(KafkaError(code, said)), settings)
    assert told in str(error)
    assert "://" not in str(error)
    assert "after" not in str(error)
    assert not isinstance(error, KafkaUnavailable)  # which would be waited out


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("local", "`streamguard up`, or set"),
        ("compose", "`streamguard up --mode compose`"),
        ("external", "STREAMGUARD_KAFKA_PROPERTIES if it wants TLS"),
    ],
)
def test_who_does_not_answer_is_told_as_it_can_be_helped_in_this_mode(tmp_path: Path, mode: str, told: str) -> None:
    assert told in str(clients.unavailable(load(tmp_path, environ={"STREAMGUARD_MODE": mode})))
