"""Card transactions a second from Kafka into PostgreSQL: the decider beside INSERTs as they are usually written.

Kafka and PostgreSQL are those of the local stack, on the same machine, PostgreSQL with its own defaults for safety. The
decider has all its work to do: two rows for each transaction, totals, an alert for each fiftieth, the outbox. The
yardsticks decide nothing: they write the rows of a transaction, of a decision and of totals that never vary, or one row
and nothing else. All start at the beginning of the same topic, in turn, several rounds; counted are records between two
commits.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from benchmarks.rates import Process, give_up, rate
from benchmarks.servers import servers
from streamguard.datagen.producing.generate import generate
from streamguard.datagen.producing.orders import Orders
from streamguard.datagen.records.run import Run
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.kafka import clients, topics
from streamguard.postgres.connect import connect, in_database
from streamguard.postgres.migrate import migrate
from streamguard.project import find_project
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack

RECORDS = 200_000
OF_ROWS = 20_000
OF_MANY = 100_000
"""Records that the yardsticks have to store: they are slower."""
ROUNDS = 3
ALERT_EVERY = 50
PAUSE = 0.05
NAME, TOPIC = "bench", "transactions"


@dataclass(frozen=True)
class Round:
    """Records a second of each, in one round."""

    decider: float
    rows: float
    many: float
    bare: float


def measure(records: int = RECORDS, rounds: int = ROUNDS) -> list[Round]:
    """Run it."""
    with servers(["kafka", "postgres"]) as stack:
        pipeline = stack.project.pipeline("card")
        topics.apply(stack.settings, topics.plan(pipeline.topics, {}))
        world = read_world(find_world(find_project(Path(__file__)), "card"))
        run = Run(world, NAME, 7, datetime.now(UTC), full_speed=True, truth=False)
        generate(stack.settings, run, Orders(count=records))
        _write_alerts(stack.settings, records)
        return [
            Round(
                decider=_decider(stack, number, records),
                rows=_yardstick(stack, "row", number, min(records, OF_ROWS)),
                many=_yardstick(stack, "many", number, min(records, OF_MANY)),
                bare=_yardstick(stack, "bare", number, min(records, OF_MANY)),
            )
            for number in range(rounds)
        ]


def _decider(stack: Stack, number: int, records: int) -> float:
    """With a database of its own, which says how far it is."""
    uri = in_database(stack.settings.postgres_uri, f"decider_{number}")
    environment = {**stack.settings.environment(), "STREAMGUARD_POSTGRES_URI": uri}
    command = [sys.executable, "-m", "streamguard", "--project", str(stack.project.root), "service", "decider", "card"]
    migrate(uri)
    # One connection for all looks: to make one costs both sides milliseconds of a processor that is being measured.
    with connect(uri, autocommit=True) as connection, _running(command, environment) as process:
        first: tuple[float, int] | None = None
        while True:
            ended = process.poll() is not None
            done, now = _stored(connection), time.monotonic()
            if done > 0 and first is None:
                first = now, done
            if first is not None and done >= records:
                return (done - first[1]) / (now - first[0])
            if ended:
                give_up(process)
            time.sleep(PAUSE)


def _stored(connection: psycopg.Connection[Any]) -> int:
    """Transactions that are stored."""
    statement = "SELECT sum(next_offset) FROM kafka_offsets WHERE topic = %s"
    row = connection.execute(statement, [TOPIC]).fetchone()
    return 0 if row is None else int(row[0] or 0)


def _yardstick(stack: Stack, way: str, number: int, records: int) -> float:
    group = f"{way}-{number}"
    arguments = [way, stack.settings.kafka_bootstrap, group, TOPIC, str(records)]
    uri = in_database(stack.settings.postgres_uri, f"decider_{number}")
    with _running(
        [sys.executable, "-m", "benchmarks.handwritten_inserts", *arguments], {"POSTGRES_URI": uri}
    ) as process:
        return rate(stack.settings, group, TOPIC, records, process=process)


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[Process]:
    with subprocess.Popen(command, env={**inherited_environment(), **environment}) as process:
        try:
            yield process
        finally:
            process.terminate()


def _write_alerts(settings: Settings, records: int) -> None:
    """An alert about each fiftieth transaction."""
    producer = clients.producer(settings)
    for number in range(0, records, ALERT_EVERY):
        alert_id = f"HIGH_AMOUNT:{NAME}-{number:09d}"
        document = {
            "ALERT_ID": alert_id,
            "RULE": "HIGH_AMOUNT",
            "REASON": "amount 3456.78 is above 3000",
            "SCORE": 2,
            "ACTION_REQUIRED": "REVIEW",
            "SOURCE": "ksql",
            "TRANSACTION_IDS": [f"{NAME}-{number:09d}"],
            "AMOUNT": 3456.78,
            "TX_COUNT": 1,
            "COUNTRIES": 1,
            "EVENT_TIME": 1_790_000_000_000 + number,
        }
        producer.produce("fraud-alerts", json.dumps(document), alert_id)
        producer.poll(0)
    producer.flush()


def table(rounds: list[Round]) -> str:
    """As Markdown."""
    lines = [
        "| round | decider, transactions/s | executemany of 1,000 | INSERTs of each | executemany of 1,000, one row |",
        "|---|---|---|---|---|",
    ]
    for number, one in enumerate(rounds, 1):
        lines.append(f"| {number} | {one.decider:,.0f} | {one.many:,.0f} | {one.rows:,.0f} | {one.bare:,.0f} |")
    decider, many, rows = (median(getattr(one, name) for one in rounds) for name in ("decider", "many", "rows"))
    beside = f"{decider / many:.1f} times executemany of such rows, {decider / rows:.1f} times their INSERTs"
    return "\n".join([*lines, "", f"Median {decider:,.0f} transactions/s: {beside}."])
