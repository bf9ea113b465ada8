"""`streamguard topics` on a real broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streamguard.kafka import clients
from streamguard.kafka.topics import existing_topics
from streamguard.project import FOLDERS
from streamguard.settings import Settings, inherited_environment
from tests.stack.records import write

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def topic(settings: Settings) -> Iterator[str]:
    """The name of a topic that does not exist yet and is removed afterwards."""
    name = f"topics-{os.getpid()}-{time.monotonic_ns() % 10**6}"
    yield name
    admin = clients.admin(settings)
    if name in existing_topics(settings, [name]):
        admin.delete_topics([name])[name].result(10)


@pytest.fixture
def topics(settings: Settings, tmp_path: Path) -> Command:
    """Runs `streamguard topics …` in a project of its own, whose pipeline is called `small`."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "streamguard", "--project", str(tmp_path), "topics", *arguments],
            env={**inherited_environment(), **settings.environment()},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


def want(folder: Path, topic: str, spec: str) -> None:
    text = f"topics:\n  {topic}: {spec}\ngenerator: {{world: bank, topic: {topic}}}\n"
    (folder / "init" / "small.yml").write_text(text)


def test_topics_are_made_grown_and_configured_and_a_second_time_nothing_changes(
    settings: Settings, topics: Command, topic: str, tmp_path: Path
) -> None:
    want(tmp_path, topic, "{partitions: 1}")
    assert topics("apply", "small", "--dry-run", "--detailed-exitcode").returncode == 2
    assert topic not in existing_topics(settings, [topic])
    assert topics("apply", "small").returncode == 0

    want(tmp_path, topic, "{partitions: 3, config: {retention.ms: -1, cleanup.policy: compact}}")
    answer = json.loads(topics("apply", "small", "-o", "json").stdout)
    assert [(line["action"], line["result"]) for line in answer] == [("grow", "done"), ("configure", "done")]
    found = existing_topics(settings, [topic])[topic]
    assert (found.partitions, found.config["retention.ms"], found.config["cleanup.policy"]) == (3, "-1", "compact")

    again = topics("apply", "small", "-o", "json")
    assert [line["action"] for line in json.loads(again.stdout)] == ["same"]
    assert topics("apply", "small", "--dry-run", "--detailed-exitcode").returncode == 0


def test_what_can_not_be_changed_is_reported_with_exit_code_5(topics: Command, topic: str, tmp_path: Path) -> None:
    want(tmp_path, topic, "{partitions: 2}")
    topics("apply", "small")
    want(tmp_path, topic, "{partitions: 1, config: {retentoin.ms: 5}}")
    refused = topics("apply", "small")
    assert refused.returncode == 5
    assert "partitions can not be taken away" in refused.stdout
    assert "Unknown topic config name: retentoin.ms" in refused.stdout
    assert refused.stderr == f"Error: not as init/small.yml says: {topic}\n"


def test_tail_prints_the_last_records_and_describe_the_offsets(
    settings: Settings, topics: Command, topic: str, tmp_path: Path
) -> None:
    want(tmp_path, topic, "{partitions: 1}")
    topics("apply", "small")
    write(settings, topic, [b"one", b"\xff\x1b[2J", b"three"])
    last = [json.loads(line) for line in topics("tail", topic, "-n", "2", "-o", "ndjson").stdout.splitlines()]
    assert [(record["offset"], record["key"], record["value"]) for record in last] == [
        (1, "2", "\\xff\x1b[2J"),
        (2, "3", "three"),
    ]
    assert "\x1b" not in topics("tail", topic, "--from-beginning").stdout
    described = json.loads(topics("describe", topic, "-o", "json").stdout)
    assert [(state["first"], state["next"]) for state in described["partitions"]] == [(0, 3)]


def test_an_unknown_topic_is_answered_with_the_nearest_one(topics: Command, topic: str, tmp_path: Path) -> None:
    want(tmp_path, topic, "{partitions: 1}")
    topics("apply", "small")
    for command in ("tail", "describe"):
        answer = topics(command, topic[:-1])
        assert (answer.returncode, answer.stdout) == (1, "")
        assert f"there is no topic {topic[:-1]} (did you mean {topic}?)" in answer.stderr
