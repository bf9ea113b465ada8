"""Records a second through a count per account and minute: the embedded engine beside the hand-written loop.

Both read the same topic of the same broker, in turn, several rounds, keep their counts in a changelog, and write a
result for every record. Counted are records between two commits: from the first one to the last.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import orjson

from benchmarks.handwritten_window import CHANGELOG, RESULT, SOURCE
from benchmarks.rates import rate, rate_of_yardstick
from benchmarks.routing import Round, table
from benchmarks.servers import servers
from streamguard.engine.client.http import EARLIEST, KsqlClient
from streamguard.kafka import clients, topics
from streamguard.model import Topic
from streamguard.settings import Settings
from streamguard.stack.stack import Stack

RECORDS = 400_000
ROUNDS = 3
PARTITIONS = 4
ACCOUNTS = 20_000
A_SECOND = 2_000  # records in a second of event time: 3.3 minutes in all, six records an account and minute
STATEMENTS = """
    CREATE STREAM payments (account STRING KEY, amount DOUBLE)
      WITH (kafka_topic='bench-payments', value_format='JSON');
    CREATE TABLE payments_per_minute WITH (kafka_topic='{topic}') AS
      SELECT account, COUNT(amount) AS payments FROM payments
      WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 1 MINUTE) GROUP BY account;
"""

__all__ = ["measure", "table"]


def measure(records: int = RECORDS, rounds: int = ROUNDS) -> list[Round]:
    """Run it."""
    with servers(["kafka"]) as stack:
        wanted = [Topic(name, PARTITIONS) for name in (SOURCE, RESULT, CHANGELOG)]
        topics.apply(stack.settings, topics.plan(wanted, {}))
        _fill(stack.settings, records)
        found = []
        for number in range(rounds):
            handwritten = rate_of_yardstick(
                stack.settings, "benchmarks.handwritten_window", f"handwritten-window-{number}", SOURCE, records
            )
            found.append(Round(_engine(stack, f"window{number}", records), handwritten))
        return found


def _fill(settings: Settings, count: int) -> None:
    """Payments of 1 kB, by the same seed every time, keyed by account; their times go on as they would, from now on.

    Not from long ago: Kafka deletes records by their times.
    """
    producer = clients.producer(settings)
    begin = int(datetime.now(UTC).timestamp() * 1000)
    for number, (account, value) in enumerate(_payments(count)):
        producer.produce(SOURCE, value, account, timestamp=begin + number * 1000 // A_SECOND)
        if number % 10_000 == 0:
            producer.flush()
    producer.flush()


def _payments(count: int) -> Iterator[tuple[str, bytes]]:
    chance = random.Random(7)  # noqa: S311  a load, no secret
    for number in range(count):
        account = f"account-{chance.randrange(ACCOUNTS):06}"
        value = {
            "transaction_id": f"{number:032x}",
            "amount": round(chance.uniform(1, 5000), 2),
            "currency": "EUR",
            "status": "completed",
            "receiver": f"account-{chance.randrange(ACCOUNTS):06}",
            "reference": f"{chance.getrandbits(3200):0800x}",
        }
        yield account, orjson.dumps(value)


def _engine(stack: Stack, service: str, records: int) -> float:
    settings = replace(stack.settings, ksql_service_id=service)
    topics.apply(settings, topics.plan([Topic(f"{service}-counts", PARTITIONS)], {}))
    stack = Stack(settings, stack.project)
    stack.start(["ksql"])
    try:
        statements = STATEMENTS.format(topic=f"{service}-counts")
        KsqlClient(settings.ksql_url).ksql(statements, properties=EARLIEST)
        return rate(settings, f"sg.ksql.{service}.{SOURCE}", SOURCE, records)
    finally:
        stack.supervisor.stop_program("ksql")
