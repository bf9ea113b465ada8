"""What is stored for Kafka is published in its order, and deleted once Kafka has it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from streamguard.errors import KafkaUnavailable
from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.services.decider.letters import Letter
from streamguard.services.decider.outbox import LIMITS, WAITING, Outbox
from streamguard.services.decider.store import Store


class Database:
    """A table of letters, a lock, and a pool of one connection to both."""

    uri = "postgresql://127.0.0.1/card"

    def __init__(self, rows: int) -> None:
        self.rows = [(number, "t", None, b"%d" % number, None, None) for number in range(rows)]
        self.is_free = True
        self.autocommit = False
        self.prepared = threading.Event()
        self.prepared.set()
        self.pool = self
        self.asked: list[str] = []
        self._found: list[Any] = []

    @contextmanager
    def connection(self) -> Iterator[Database]:
        yield self

    def execute(self, statement: str, given: list[Any] | None = None) -> Database:
        self.asked.append(statement)
        if "pg_try_advisory_lock" in statement:
            self._found = [(self.is_free,)]
        elif statement.startswith("DELETE"):
            assert given is not None
            self.rows = [row for row in self.rows if row[0] not in given[0]]
        elif "max(id)" in statement:
            self._found = [(len(self.rows),)]
        elif statement == WAITING:
            self._found = self.rows[:3]
        return self

    def fetchone(self) -> Any:
        return self._found[0]

    def fetchall(self) -> list[Any]:
        return self._found


class Kafka:
    """Has what was sent; is away for the first calls."""

    def __init__(self, stop: threading.Event, database: Database, away: int = 0) -> None:
        self.sent: list[bytes | None] = []
        self.on_call: Callable[[], object] = lambda: None
        self._stop, self._database, self._away = stop, database, away

    def __call__(self, letters: list[Letter]) -> None:
        self.on_call()
        if self._away:
            self._away -= 1
            raise KafkaUnavailable("no broker answers")
        self.sent += [letter.value for letter in letters]
        if len(letters) == len(self._database.rows):
            self._stop.set()


def outbox(database: Database, away: int = 0) -> tuple[Outbox, Kafka]:
    stop = threading.Event()
    kafka = Kafka(stop, database, away)
    return Outbox(cast(Store, database), kafka, stop, Failpoint("")), kafka


def test_everything_is_published_in_its_order_and_deleted() -> None:
    database = Database(7)
    box, kafka = outbox(database)
    box.run()
    assert kafka.sent == [b"%d" % number for number in range(7)]
    assert (database.rows, box.published, database.autocommit) == ([], 7, False)


def test_what_kafka_does_not_take_stays_and_is_sent_again() -> None:
    database = Database(2)
    box, kafka = outbox(database, away=1)
    box.run()
    assert (kafka.sent, database.rows, box.trouble) == ([b"0", b"1"], [], "")


def test_what_waits_is_known_while_kafka_is_away() -> None:
    database = Database(7)
    box, kafka = outbox(database, away=2)
    seen = []
    kafka.on_call = lambda: seen.append(box.waiting)
    box.run()
    assert seen == [7, 7, 7, 4, 1]
    assert box.waiting == 0


def test_who_does_not_have_the_lock_publishes_nothing() -> None:
    database = Database(2)
    database.is_free = False
    box, kafka = outbox(database)
    box.waiting = 2
    threading.Timer(0.2, kafka._stop.set).start()
    box.run()
    assert (kafka.sent, len(database.rows), box.waiting) == ([], 2, 0)


def test_who_publishes_may_be_disconnected_and_whoever_has_the_connection_next_may_not() -> None:
    database = Database(1)
    outbox(database)[0].run()
    assert database.asked[0] == LIMITS
    assert database.asked[-1] == "RESET ALL"
