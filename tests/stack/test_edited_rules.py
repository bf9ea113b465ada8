"""Rules that are edited while a decider runs: the claim of two seconds, from the file to the row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest

from streamguard.postgres.connect import connect
from streamguard.project import Project
from streamguard.settings import Settings
from tests.services.decider.purchases import purchase
from tests.services.decider.rulebooks import PLAIN
from tests.stack.decisions import TOPICS, RunningDecider, send
from tests.stack.loops import wait_until
from tests.stack.postgres import postgres
from tests.stack.records import OwnTopics

WITHIN = 2.0


@dataclass
class Edited:
    """A running decider and its file of rules."""

    running: RunningDecider
    file: Path
    uri: str
    settings: Settings
    topic: str

    def pay(self, number: int) -> str:
        """Send a transaction of the account a-1; the action that is stored about it."""
        before = self.running.counted("in")
        send(self.settings, self.topic, [(b"c-1", purchase(transaction_id=f"t-{number}"))])
        self.running.wait_for(before + 1)
        with connect(self.uri) as connection:
            asked = "SELECT action FROM fraud_decisions WHERE transaction_id = %s"
            row = connection.execute(asked, [f"t-{number}"]).fetchone()
        assert row is not None
        return str(row[0])

    def replace(self, text: str) -> None:
        """Save as most editors do."""
        fresh = self.file.with_suffix(".tmp")
        fresh.write_text(text)
        fresh.replace(self.file)


@pytest.fixture
def edited(settings: Settings, project: Project, own: OwnTopics, tmp_path: Path) -> Iterator[Edited]:
    for name, partitions in TOPICS.items():
        own.create(name, partitions)
    file = tmp_path / "init" / "card" / "rules.yml"
    file.parent.mkdir(parents=True)
    file.write_text(PLAIN)
    with postgres() as server:
        uri = f"postgresql://postgres@127.0.0.1:{server.port}/edited"
        mine = replace(settings, postgres_uri=uri)
        running = RunningDecider(mine, Project(tmp_path), project.pipeline("card"), own.prefix)
        try:
            yield Edited(running, file, uri, mine, own.prefix + "transactions")
        finally:
            running.end()


def test_an_entry_of_the_blacklist_counts_within_two_seconds_and_a_broken_file_changes_nothing(edited: Edited) -> None:
    numbers = count()
    assert edited.pay(next(numbers)) == "approve"
    began = time.monotonic()
    edited.replace(PLAIN.replace("[a-666]", "[a-666, a-1]"))
    while edited.pay(next(numbers)) == "approve":
        assert time.monotonic() - began < WITHIN
    assert time.monotonic() - began < WITHIN
    rulebook = edited.running.decider.rulebook
    edited.replace("blacklists: {accounts: []}")
    wait_until(lambda: rulebook.trouble != "", "the broken file is refused", 5)
    assert rulebook.trouble.startswith(f"{edited.file}, line 1, column 1: ")
    assert edited.pay(next(numbers)) == "decline"
    edited.replace(PLAIN)
    wait_until(lambda: rulebook.trouble == "", "the file is right again", 5)
    assert edited.pay(next(numbers)) == "approve"
