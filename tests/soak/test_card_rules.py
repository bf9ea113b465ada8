"""The card pipeline on real servers: each rule finds exactly what the reference finds in the same records, and what it
finds is in PostgreSQL and MongoDB. With thresholds and world as they are shipped, and so that alerts are many."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, LiteralString

import pytest
from pymongo import MongoClient

from streamguard.datagen.records.source import written
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.kafka.positions import Positions
from streamguard.kafka.topics import existing_topics
from streamguard.model import Pipeline
from streamguard.pipeline import apply_statements, up
from streamguard.postgres.connect import connect, database_uri
from streamguard.project import FOLDERS, Project
from streamguard.settings import inherited_environment
from streamguard.stack.stack import Stack
from streamguard.stack.starting import ignore
from streamguard.verify.runs import run_of
from tests.card.reference import FIRST, GRACE, Alert, Thresholds, alerts, by_rule
from tests.card.rules import said
from tests.stack.bank import summary_of
from tests.stack.conftest import started
from tests.stack.loops import wait_until
from tests.stack.records import read, write

RULES = {"HIGH_AMOUNT", "NIGHT_TIME", "HIGH_RISK_CATEGORY", "VELOCITY", "RISK"}
RATE = 200
FAULTS = """
faults:
  late: {share: 0.05, delay: [1s, 50m]}
  out_of_order: {share: 0.05, distance: 500}
"""
"""All of them inside the grace period of an hour, of a run that is shorter than the ten minutes that are left."""
SECONDS = {"shipped": 300, "raised": 60}
NIGHT_SECONDS = 180
FREQUENT = ("card-testing=2", "fast-spending=2", "impossible-travel=2", "stolen-card=1")
"""Percent of the records; the world has a tenth of that."""
ROWS = """
SELECT
  (SELECT count(*) FROM transactions),
  (SELECT count(*) FROM fraud_decisions),
  (SELECT count(*) FROM fraud_alerts)
"""
READ = ("transactions", "-repartition", "account-minutes", "user-windows")
"""What the engine reads, in the order in which a record comes by."""


@dataclass
class Card:
    """The pipeline, up, and its world with faults. `values` are those of all runs so far, worked out without Kafka."""

    stack: Stack
    world: Path
    kind: str
    """shipped or raised."""
    values: list[bytes | None] = field(default_factory=list)

    @property
    def project(self) -> Project:
        return self.stack.project

    @property
    def pipeline(self) -> Pipeline:
        """As its file is now."""
        return self.project.pipeline("card")

    def produce(self, seconds: int, *options: str) -> None:
        """`streamguard produce card …`, to its end; `seconds` is the longest that it may take, less two minutes."""
        campaigns = [option for each in FREQUENT for option in ("--campaign", each)] if self.kind == "raised" else []
        size = ("--rate", str(RATE), "--seed", str(secrets.randbelow(1 << 30)), *options)
        command = [sys.executable, "-m", "streamguard", "--project", str(self.project.root), "produce", "card"]
        command += ["--world", str(self.world), *size, *campaigns, "--output", "json"]
        environment = {**inherited_environment(), **self.stack.settings.environment()}
        running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        run, count = run_of(summary_of(running, timeout=seconds + 120), read_world(self.world))
        self.values += [each.value for each in written(run, count, stream="transactions")]

    def wait(self) -> None:
        """Until every record has gone through every query."""
        positions = Positions(self.stack.settings)
        for name in READ:
            for topic in sorted(existing_topics(self.stack.settings)):
                if topic == name or (name.startswith("-") and topic.endswith(name)):
                    wait_until(partial(_is_read, positions, topic), f"all of {topic} is read", seconds=60)

    def found(self) -> dict[str, Alert]:
        """The last record of each alert id."""
        records = sorted(read(self.stack.settings, "fraud-alerts"), key=lambda each: (each.partition, each.offset))
        return dict(said(each.key, each.value) for each in records)

    def wanted(self, *, grace: int = GRACE) -> dict[str, Alert]:
        """What the reference finds."""
        return alerts(self.values, Thresholds.of(self.pipeline.variables), grace=grace)

    def rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        """What PostgreSQL answers."""
        uri = database_uri(self.stack.settings, self.pipeline)
        with connect(uri) as connection:
            return connection.execute(query).fetchall()

    def documents(self) -> set[str]:
        """The ids of the alerts in MongoDB."""
        with MongoClient[dict[str, Any]](self.stack.settings.mongodb_uri) as client:
            return {each["_id"] for each in client["card_db"]["alerts"].find({}, {"_id": 1})}


def _is_read(positions: Positions, topic: str) -> bool:
    """Whether the engine has committed all of a topic; behind records of a transaction its end is an offset, too."""
    ending = 0 if topic == READ[0] else 1
    group = f"sg.ksql.default.{topic}"
    ends = positions.ends(positions.places([topic]), committed=True)
    committed = positions.committed([group])[group]
    return all(committed.get(place, 0) >= end - ending for place, end in ends.items())


@pytest.fixture(scope="module", params=list(SECONDS))
def card(
    request: pytest.FixtureRequest,
    project: Project,
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Card]:
    """`up card`: shipped, or raised: in the night, with a lower high amount, by variables alone."""
    own = Project(tmp_path_factory.mktemp("card"))
    for folder in FOLDERS:
        shutil.copytree(project.root / folder, own.root / folder)
    if request.param == "raised":
        hour = datetime.now(UTC).hour
        change(own, night_from=hour, night_to=(hour + 2) % 24, high_amount=800)
    world = own.root / "card.yml"
    world.write_text(find_world(project, "card").read_text() + FAULTS)
    with started(own, pytestconfig, ("kafka",)) as stack:
        up(stack, own.pipeline("card"), produce=False, on_progress=ignore)
        yield Card(stack, world, request.param)


def change(project: Project, **variables: int) -> None:
    """Edit variables of init/card.yml."""
    file = project.init / "card.yml"
    text = file.read_text()
    for name, value in variables.items():
        text = re.sub(rf"^  {name}: \d+", f"  {name}: {value}", text, flags=re.MULTILINE)
    file.write_text(text)


@pytest.mark.timeout(900)
def test_each_rule_finds_exactly_the_alerts_of_the_reference(card: Card) -> None:
    seconds = SECONDS[card.kind]
    if card.kind == "shipped":  # first some minutes of the last night, which has been over for longer than a window
        night = ("--from", f"{last_night(datetime.now(UTC)):%Y-%m-%dT%H:%M}", "--days", str(NIGHT_SECONDS / 86_400))
        card.produce(NIGHT_SECONDS, *night)
    card.produce(seconds, "--duration", str(seconds))
    began = time.monotonic()
    card.wait()
    behind = time.monotonic() - began
    wanted, in_time, found = card.wanted(), card.wanted(grace=0), card.found()
    figures = {rule: len(ids) for rule, ids in sorted(by_rule(wanted).items())}
    count = len(card.values)
    late = sum(in_time.get(each) != alert for each, alert in wanted.items())
    print(f"\n{card.kind}: {count} records, the last {seconds} s live, all read {behind:.1f} s later")
    print(f"alerts: {json.dumps(figures)}; with late records that change them: {late}")
    assert by_rule(found) == by_rule(wanted)
    assert set(figures) == RULES, "every rule finds something"
    assert late, "some are late, and count"
    assert {each: _of(alert) for each, alert in found.items()} == {each: _of(alert) for each, alert in wanted.items()}
    wait_until(lambda: card.documents() == found.keys(), "MongoDB has each alert once", seconds=60)
    wait_until(lambda: card.rows(ROWS) == [(count, count, len(found))], "PostgreSQL has it all", seconds=60)
    assert {alert for (alert,) in card.rows("SELECT alert_id FROM fraud_alerts")} == found.keys()


def last_night(now: datetime) -> datetime:
    """Two hours ago or longer: a time at which it is night, and still is three minutes later, by init/card.yml."""
    before = now.replace(second=0, microsecond=0) - timedelta(hours=2)
    if max(before.hour, (before + timedelta(minutes=5)).hour) < 5:
        return before
    night = before.replace(hour=4, minute=0)
    return night if night < before else night - timedelta(days=1)


def test_a_changed_threshold_counts_from_the_next_transaction_on_and_no_count_is_lost(card: Card) -> None:
    now = datetime.now(UTC)
    made = {"account_id": "own", "card_hash": "own", "amount": 1.0, "country": "DE", "timestamp": now.isoformat()}
    alert = f"VELOCITY:own:{int(now.timestamp()) // 60 * 60_000}"

    def write_own(*names: str) -> None:
        write(card.stack.settings, READ[0], [json.dumps({**made, "transaction_id": name}).encode() for name in names])
        card.wait()

    write_own("one", "two", "three")
    assert alert not in card.found()
    change(card.project, velocity_max=2)
    applied = apply_statements(card.project, card.stack.settings, card.pipeline)
    assert [each.name for each in applied if each.outcome != "unchanged"] == ["VELOCITY_ALERTS"]
    assert alert not in card.found()
    write_own("four")
    assert card.found()[alert].count == 4
    assert set(card.found()[alert].transactions) == {"one", "two", "three", "four"}


def _of(alert: Alert) -> tuple[object, ...]:
    """What does not depend on the order in which partitions are read; of many transactions, which came first does."""
    ids = frozenset(alert.transactions) if alert.count <= FIRST else len(alert.transactions)
    return alert.rule, alert.score, alert.amount, alert.count, alert.countries, alert.time, alert.window, ids
