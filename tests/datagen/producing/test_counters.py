from __future__ import annotations

import socket
import urllib.request
from collections import Counter

import pytest

from streamguard.datagen.producing.counters import Counters, served
from streamguard.datagen.producing.latencies import class_of
from streamguard.datagen.producing.progress import About, Position, Progress, together
from streamguard.errors import PortTaken

ABOUT = About("bank → t", "127.0.0.1:9092", {"t": 1})
PROGRESS = Progress(
    1.0,
    12,
    10,
    waiting=2,
    size=900,
    counts={"fraudulent": 4, "legitimate": 6},
    faults={"late": 3},
    reasons={"too large": 0},
    recent=Counter({class_of(0.01): 5}),
    positions={"s": Position(10, 12, None, 20)},
)


@pytest.fixture
def port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        number: int = held.getsockname()[1]
    return number


def asked(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def test_prometheus_reads_the_progress(port: int) -> None:
    with served(ABOUT, port) as counters:
        counters.rates.add(PROGRESS)
        text = asked(port, "metrics")
        assert '"ready": true' in asked(port, "ready")
    for line in (
        "streamguard_produce_records_total 12.0",
        "streamguard_produce_acknowledged_total 10.0",
        'streamguard_produce_labelled_total{label="fraudulent"} 4.0',
        'streamguard_produce_faults_total{fault="late"} 3.0',
        "streamguard_produce_waiting 2.0",
        "streamguard_produce_behind 8.0",
    ):
        assert line in text.splitlines()
    assert 'streamguard_produce_delivery_seconds{quantile="0.99"} 0.01' in text


def test_a_silent_kafka_is_what_is_missing() -> None:
    counters = Counters(ABOUT)
    counters.rates.add(Progress(9.0, 10, 5, waiting=5, silent=4.0))
    assert counters.health()[0] == "Kafka at 127.0.0.1:9092"


def test_a_port_that_is_taken_is_told_with_what_to_do(port: int) -> None:
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(PortTaken, match="choose another --metrics-port"),
        served(ABOUT, port),
    ):
        pass


def test_the_progress_of_workers_adds_up() -> None:
    both = together([PROGRESS, PROGRESS])
    assert (both.produced, both.waiting, both.counts["fraudulent"]) == (24, 4, 8)
    assert both.recent.total() == 10
    assert both.positions == PROGRESS.positions
