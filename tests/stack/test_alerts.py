"""`streamguard alerts tail` on a real Kafka: what is there, what comes, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streamguard.kafka import clients
from streamguard.kafka.topics import create_topic, existing_topics
from streamguard.model import Topic
from streamguard.project import FOLDERS
from streamguard.settings import Settings, inherited_environment
from tests.stack.notifying import decisions

TOPICS = ("fraud-alerts", "fraud-decisions")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(settings: Settings, tmp_path: Path) -> Start:
    """Starts `streamguard alerts tail …` in a project of its own; the topics may have records of other tests."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "init" / "card.yml").write_text(
        "topics:\n" + "".join(f"  {name}: {{partitions: 6}}\n" for name in TOPICS)
    )
    for name in set(TOPICS) - existing_topics(settings, TOPICS).keys():
        create_topic(settings, Topic(name, 6))

    def one(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "streamguard", "--project", str(tmp_path), "alerts", "tail", *arguments],
            env={**inherited_environment(), **settings.environment()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return one


def write(settings: Settings, account: str, count: int) -> None:
    """An alert, and decisions, about an account."""
    producer = clients.producer(settings)
    alert = {"ALERT_ID": account, "RULE": "VELOCITY", "ACTION_REQUIRED": "REVIEW", "ACCOUNT_ID": account}
    producer.produce("fraud-alerts", json.dumps(alert).encode(), account.encode(), timestamp=1_000)
    for number, value in enumerate(decisions(account, range(count), account_id=account), 2):
        producer.produce("fraud-decisions", value, timestamp=1_000 * number)
    assert producer.flush(20) == 0


def test_what_is_there_is_printed_and_what_comes_is_followed_until_ctrl_c(settings: Settings, start: Start) -> None:
    account = f"ACC-{os.getpid()}-{os.urandom(3).hex()}"
    write(settings, account, 3)
    there = start("--account", account, "--no-follow", "--output", "ndjson")
    following = start("--account", account, "--from", "beginning")
    out, err = there.communicate(timeout=30)
    assert (there.returncode, err) == (0, "")
    assert {json.loads(line)["topic"] for line in out.splitlines()} == set(TOPICS)
    assert len(out.splitlines()) == 4

    assert following.stdout is not None
    assert len([following.stdout.readline() for _ in range(4)]) == 4
    write(settings, account, 1)
    assert account in following.stdout.readline()
    following.send_signal(signal.SIGINT)
    assert following.communicate(timeout=10)[1].strip() == "Interrupted."
    assert following.returncode == 130
