"""How far groups are behind; tests/stack/test_monitoring.py looks at real ones."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streamguard.errors import KafkaUnavailable
from streamguard.kafka.lag import GroupLag, Lag, lag_of
from streamguard.settings import load


def test_a_group_is_behind_by_the_sum_over_its_partitions() -> None:
    ends = {("t", 0): 10, ("t", 1): 5, ("other", 0): 7}
    found = lag_of({"g": {("t", 0): 4, ("t", 1): 5}, "h": {("other", 0): 0}}, ends)
    assert found == Lag({("g", "t"): 6, ("h", "other"): 7}, {"t": 15, "other": 7})


def test_a_group_is_never_ahead_and_has_no_lag_where_it_committed_nothing() -> None:
    assert lag_of({"g": {("t", 0): 12, ("gone", 0): 3}, "idle": {}}, {("t", 0): 10}).behind == {
        ("g", "t"): 0,
        ("g", "gone"): 0,
    }


def test_while_kafka_is_away_no_lag_is_told_rather_than_an_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_lag, stop, looks = GroupLag(load(tmp_path, environ={}), ["t"]), Event(), 0

    def look(_lag: GroupLag) -> Lag:
        nonlocal looks
        looks += 1
        if looks == 1:
            return Lag({("g", "t"): 3}, {"t": 9})
        stop.set()
        raise KafkaUnavailable("away")

    monkeypatch.setattr(GroupLag, "look", look)
    monkeypatch.setattr("streamguard.kafka.lag.INTERVAL", 0.0)
    thread = Thread(target=group_lag.run, args=(stop,))
    thread.start()
    thread.join(10)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(group_lag)
    told = generate_latest(registry).decode()
    assert "streamguard_kafka_up 0.0" in told
    assert "streamguard_consumer_lag_records{" not in told
