"""The traps that lint warns of, on the real plugin: what Kafka Connect takes without a word, and what comes of it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymongo
import pytest

from streamguard.connect.client import ConnectClient
from streamguard.connect.lint.run import lint
from streamguard.connect.render import Connector
from streamguard.errors import ConnectError, ConnectorNotFound
from streamguard.kafka.positions import Positions
from streamguard.settings import Settings
from tests.connect.lint.test_rules import BASES
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, write

IDS = "com.mongodb.kafka.connect.sink.processor.id.strategy"
WRITES = "com.mongodb.kafka.connect.sink.writemodel.strategy"
WAIT = 60.0
RECORDS = 20
BAD = 5
QUICK = "serverSelectionTimeoutMS=1000&connectTimeoutMS=1000"


@dataclass
class Gate:
    """A TCP proxy before a server; `shut` ends what goes through it, and refuses what comes."""

    target: tuple[str, int]
    port: int = 0
    _open: list[socket.socket] = field(default_factory=list)
    _listening: socket.socket | None = None

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        assert self._listening is not None
        for part in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                part.shutdown(socket.SHUT_RDWR)
            part.close()
        self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(self.target)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for part in (one, other):
            with contextlib.suppress(OSError):
                part.shutdown(socket.SHUT_RDWR)
            part.close()


class Trap:
    """A sink for MongoDB with a topic, a dead-letter topic and a database of its own."""

    def __init__(self, settings: Settings, own: OwnTopics) -> None:
        self.settings = settings
        self.source, self.dead = own.create("in", 1), own.create("dead", 1)
        self.name = own.prefix + "sink"
        self.client = ConnectClient(settings.connect_url)
        self.mongodb = pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri)
        self.database = self.mongodb[own.prefix.replace("-", "_")]

    def connector(self, **changed: str | None) -> Connector:
        """A config that lint has nothing against, but for what is changed; None takes a key out."""
        config: dict[str, str | None] = {
            **BASES["mongodb"],
            "topics": self.source,
            "database": self.database.name,
            "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
            "errors.deadletterqueue.topic.name": self.dead,
            "errors.deadletterqueue.topic.replication.factor": "1",
            **{key.replace("__", "."): value for key, value in changed.items()},
        }
        return Connector(self.name, {k: v for k, v in config.items() if v is not None}, Path("sink.json.j2"))

    def start(self, connector: Connector) -> None:
        self.client.create(self.name, connector.config)
        wait_until(lambda: self.client.status(self.name).is_running, "the sink runs", WAIT)

    def write(self) -> None:
        write(self.settings, self.source, [b'{"number": %d}' % number for number in range(RECORDS)])

    def documents(self) -> int:
        return self.database["orders"].count_documents({})

    def letters(self) -> int:
        positions = Positions(self.settings)
        return sum(positions.ends(positions.places([self.dead]), committed=True).values())

    def replay(self) -> None:
        """Everything is delivered once more."""
        self.client.stop(self.name)
        wait_until(lambda: not self.client.status(self.name).tasks, "the sink has stopped", WAIT)
        wait_until(self._forgets, "its offsets are deleted", WAIT)
        self.client.resume(self.name)

    def _forgets(self) -> bool:
        try:
            self.client.delete_offsets(self.name)
        except ConnectError:  # the group is active for a moment longer
            return False
        return True

    def caught_up(self) -> bool:
        ends = {(place.topic, place.partition): place.offset for place in self.client.offsets(self.name)}
        return ends.get((self.source, 0)) == RECORDS


@pytest.fixture
def trap(settings: Settings, own: OwnTopics) -> Iterator[Trap]:
    made = Trap(settings, own)
    yield made
    with contextlib.suppress(ConnectorNotFound):
        made.client.delete(made.name)
    made.database.drop_collection("orders")
    made.mongodb.close()


def rules(connector: Connector) -> set[str]:
    return {finding.rule for finding in lint([connector])}


def test_a_sink_whose_topic_does_not_exist_says_running_and_writes_nothing(trap: Trap) -> None:
    trap.start(trap.connector(topics=f"{trap.source}-misspelt"))
    trap.write()
    assert trap.client.status(trap.name).is_running
    assert trap.client.offsets(trap.name) == []
    assert trap.documents() == 0


@pytest.mark.parametrize(("strategy", "copies"), [(None, 2), (f"{IDS}.ProvidedInKeyStrategy", 1)])
def test_the_default_id_strategy_duplicates_every_document_on_a_replay(
    trap: Trap, strategy: str | None, copies: int
) -> None:
    connector = trap.connector(document__id__strategy=strategy)
    assert ("mongodb-duplicates" in rules(connector)) == (copies == 2)
    trap.start(connector)
    trap.write()
    wait_until(lambda: trap.documents() >= RECORDS and trap.caught_up(), "the records are in MongoDB", WAIT)
    trap.replay()
    wait_until(lambda: trap.documents() >= copies * RECORDS and trap.caught_up(), "they are delivered again", WAIT)
    assert trap.documents() == copies * RECORDS


def test_a_key_of_plain_text_is_no_document_and_every_record_is_refused(trap: Trap) -> None:
    hoist = {"transforms": None, "transforms.id.type": None, "transforms.id.field": None}
    connector = trap.connector(**hoist)
    assert rules(connector) == {"mongodb-plain-key"}
    trap.start(connector)
    trap.write()
    wait_until(lambda: trap.letters() == RECORDS, "everything is a dead letter", WAIT)
    assert trap.documents() == 0


@pytest.mark.parametrize(("tolerance", "lost"), [(None, RECORDS), ("data", 0)])
def test_an_outage_sends_every_record_to_the_dead_letter_topic_unless_only_data_errors_are_tolerated(
    trap: Trap, tolerance: str | None, lost: int
) -> None:
    address = urlsplit(trap.settings.mongodb_uri)
    assert address.hostname
    gate = Gate((address.hostname, address.port or 27017))
    gate.open()
    host = address.netloc.rpartition("@")[2]
    through = trap.settings.mongodb_uri.replace(host, f"127.0.0.1:{gate.port}")
    uri = f"{through}{'&' if '?' in through else '/?' if not address.path else '?'}{QUICK}"
    connector = trap.connector(mongo__errors__tolerance=tolerance, connection__uri=uri)
    assert ("mongodb-outage-to-dead-letters" in rules(connector)) == (tolerance is None)
    trap.start(connector)
    gate.shut()
    trap.write()
    if lost:
        wait_until(lambda: trap.letters() == RECORDS, "everything is a dead letter", WAIT)
        return
    wait_until(lambda: bool(trap.client.status(trap.name).failed), "the task fails", WAIT)
    assert trap.letters() == 0
    gate.open()
    trap.client.restart(trap.name, only_failed=True)
    wait_until(lambda: trap.documents() == RECORDS, "nothing is lost", WAIT)
    gate.shut()


@pytest.mark.parametrize(("ordered", "letters"), [(None, RECORDS - BAD), ("false", 1)])
def test_one_bad_document_takes_the_rest_of_an_ordered_batch_along(
    trap: Trap, ordered: str | None, letters: int
) -> None:
    orders = trap.database["orders"]
    orders.create_index("number", unique=True)
    orders.insert_one({"_id": "another", "number": BAD})
    trap.write()  # before the sink starts, so that all of it is one batch
    connector = trap.connector(bulk__write__ordered=ordered, mongo__errors__tolerance="data")
    assert ("mongodb-ordered" in rules(connector)) == (ordered is None)
    trap.start(connector)
    wait_until(trap.caught_up, "everything is read", WAIT)
    assert trap.letters() == letters
    assert trap.documents() == RECORDS - letters + 1
