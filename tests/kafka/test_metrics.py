"""Counters move with commits only, and the HTTP server tells them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from streamguard.errors import PortTaken
from streamguard.kafka import metrics
from streamguard.kafka.metrics import Counts


@pytest.fixture
def served() -> Iterator[tuple[str, Counts, dict[str, Any]]]:
    """The address of a server, its counts, and the state that its health tells."""
    counts, state = Counts(), {"missing": "Kafka"}
    with metrics.listen(0, "ingestor") as listener:
        metrics.serve(listener, "ingestor", counts, lambda: (state["missing"], {"phase": "idle"}))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", counts, state


def test_a_batch_counts_when_it_is_committed() -> None:
    counts = Counts()
    counts.begin()["in", "t"] += 3
    assert counts.totals() == ({}, 0)
    counts.commit()
    assert counts.totals() == ({("in", "t"): 3}, 1)


def test_a_batch_that_was_aborted_does_not_count() -> None:
    counts = Counts()
    counts.begin()["in", "t"] += 3
    counts.begin()["in", "t"] += 2
    counts.commit()
    assert counts.totals() == ({("in", "t"): 2}, 1)


def test_a_service_that_lacks_something_is_healthy_and_not_ready(served: tuple[str, Counts, dict[str, Any]]) -> None:
    url, _, _ = served
    answer = requests.get(f"{url}/ready", timeout=5)
    assert answer.status_code == 503
    facts = {"service": "ingestor", "ready": False, "missing": "Kafka", "phase": "idle"}
    assert json.loads(answer.content) == facts
    assert requests.get(f"{url}/health", timeout=5).json() == facts


def test_a_service_that_lacks_nothing_is_ready(served: tuple[str, Counts, dict[str, Any]]) -> None:
    url, _, state = served
    state["missing"] = ""
    answer = requests.get(f"{url}/ready", timeout=5)
    assert answer.status_code == 200
    assert json.loads(answer.content) == {"service": "ingestor", "ready": True, "missing": "", "phase": "idle"}


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_service_that_ends_before_it_answers_says_nothing_of_that() -> None:
    with metrics.listen(0, "ingestor") as listener:
        before = set(threading.enumerate())
        listener.close()
        metrics.serve(listener, "ingestor", None, lambda: ("", {}))
    for thread in set(threading.enumerate()) - before:
        thread.join(10)


def test_metrics_are_in_the_format_of_prometheus(served: tuple[str, Counts, dict[str, Any]]) -> None:
    url, counts, _ = served
    batch = counts.begin()
    batch.update({("in", "t"): 3, ("out",): 1, ("written", "o"): 2, ("dead_letter", "t-dead-letter", "E_JSON"): 1})
    batch["filtered", "legitimate"] += 1
    counts.commit()

    text = requests.get(f"{url}/metrics", timeout=5).text

    assert 'streamguard_records_in_total{service="ingestor",topic="t"} 3.0' in text
    assert 'streamguard_records_out_total{service="ingestor"} 1.0' in text
    assert 'streamguard_records_written_total{service="ingestor",topic="o"} 2.0' in text
    assert 'streamguard_records_filtered_total{rule="legitimate",service="ingestor"} 1.0' in text
    assert 'code="E_JSON",service="ingestor",topic="t-dead-letter"} 1.0' in text
    assert 'streamguard_transactions_committed_total{service="ingestor"} 1.0' in text


def test_other_paths_are_not_there(served: tuple[str, Counts, dict[str, Any]]) -> None:
    assert requests.get(f"{served[0]}/../etc/passwd", timeout=5).status_code == 404


def test_a_port_that_is_taken_is_named() -> None:
    with metrics.listen(0, "ingestor") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"127.0.0.1:{port}.*STREAMGUARD_INGESTOR_PORT"):
            metrics.listen(port, "ingestor")
