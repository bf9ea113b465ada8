"""Which checks a mode has, and what is told once."""

from __future__ import annotations

from pathlib import Path

from streamguard.doctor import brokers, examination
from streamguard.doctor.checks import Check, examine
from streamguard.settings import load


def test_a_file_of_properties_that_can_not_be_read_is_told_once(tmp_path: Path) -> None:
    settings = load(tmp_path, environ={"STREAMGUARD_MODE": "external", "STREAMGUARD_KAFKA_PROPERTIES": "missing"})

    def never() -> list[Check]:
        raise AssertionError("Kafka can not be asked")

    jobs = {
        "kafka": lambda: brokers.cluster(settings),
        "topics": lambda: examination._if_it_answers(settings, never),
        "rights": lambda: examination._if_it_answers(settings, never),
    }
    [row] = examine(jobs, lambda _done, _wanted: None)
    assert row.what == "kafka"
    assert "missing can not be read (No such file or directory)" in row.found
