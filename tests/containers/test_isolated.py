"""docker-compose.kafka.yml is the Kafka of docker-compose.yml, by itself and on a network that others join."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.containers.composition import ISOLATED, PAGE, joining, services

DOCUMENT = yaml.safe_load(ISOLATED.read_text())
BROKER: dict[str, Any] = DOCUMENT["services"]["broker"]
ADDRESSES = {
    "CLUSTER_ID",
    "KAFKA_CONTROLLER_QUORUM_VOTERS",
    "KAFKA_LISTENERS",
    "KAFKA_ADVERTISED_LISTENERS",
}
KAFKA = services()["kafka"]


def test_it_is_the_kafka_of_the_whole_stack_but_for_its_addresses() -> None:
    differing = (KAFKA["environment"].keys() | BROKER["environment"].keys()) - ADDRESSES
    assert {name: BROKER["environment"].get(name) for name in differing} == {
        name: KAFKA["environment"].get(name) for name in differing
    }
    own = {"environment", "hostname", "ports", "networks", "healthcheck"}
    assert {name: BROKER.get(name) for name in KAFKA.keys() - own} == {name: KAFKA[name] for name in KAFKA.keys() - own}
    assert BROKER["environment"]["CLUSTER_ID"] != KAFKA["environment"]["CLUSTER_ID"]


def test_its_health_is_asked_for_in_the_same_way() -> None:
    asked = BROKER["healthcheck"]["test"][1].replace("localhost:9092", "localhost:29092")
    assert {**BROKER["healthcheck"], "test": ["CMD-SHELL", asked]} == KAFKA["healthcheck"]


def test_it_is_published_on_this_machine_only_where_the_local_one_is() -> None:
    assert BROKER["ports"] == ["127.0.0.1:${STREAMGUARD_KAFKA_PORT:-9092}:19092"]
    outer = "OUTER://127.0.0.1:${STREAMGUARD_KAFKA_PORT:-9092}"
    assert BROKER["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"INNER://broker:9092,{outer}"


def test_who_joins_by_the_page_is_on_its_network_and_asks_at_its_address() -> None:
    joined = yaml.safe_load(joining())
    assert joined["networks"] == {"default": DOCUMENT["networks"]["kafka-network"]}
    for service in joined["services"].values():
        assert service["environment"]["STREAMGUARD_KAFKA_BOOTSTRAP"] == "broker:9092"
        assert service["environment"]["STREAMGUARD_MODE"] == "external"
    commands = re.findall(r"docker compose -f docker-compose\.kafka\.yml", PAGE.read_text())
    assert commands
