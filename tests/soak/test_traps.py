"""The traps that lint warns of, on the real plugin: what Kafka Connect takes without a word, and what comes of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymongo
import pytest

from streamguard.connect.lint.run import lint
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectError, ConnectorInvalid, ConnectorNotFound
from streamguard.kafka.positions import Positions
from streamguard.settings import Settings
from tests.connect.lint.test_rules import BASES
from tests.stack.gate import Gate
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, read, write

IDS = "com.mongodb.kafka.connect.sink.processor.id.strategy"
WRITES = "com.mongodb.kafka.connect.sink.writemodel.strategy"
WAIT = 60.0
RECORDS = 20
BAD = 5
QUICK = "serverSelectionTimeoutMS=1000&connectTimeoutMS=1000"


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
    gate = Gate.before(trap.settings.mongodb_uri, 27017)
    through = gate.through(trap.settings.mongodb_uri)
    uri = f"{through}{'&' if '?' in through else '/?' if not urlsplit(through).path else '?'}{QUICK}"
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


@pytest.mark.parametrize(("reset", "copies"), [("latest", 0), (None, RECORDS)])
def test_a_sink_that_starts_at_the_end_never_reads_what_was_there_before(
    trap: Trap, reset: str | None, copies: int
) -> None:
    connector = trap.connector(consumer__override__auto__offset__reset=reset)
    assert ("start-at-end" in rules(connector)) == (reset is not None)
    trap.write()
    trap.start(connector)

    def next_one_is_there() -> bool:
        write(trap.settings, trap.source, [b'{"number": -1}'])  # with the key of the first one: it replaces that
        return trap.database["orders"].count_documents({"number": -1}) == 1

    wait_until(next_one_is_there, "what comes next is there", WAIT)
    assert trap.documents() == max(copies, 1)


def test_tolerance_without_a_dead_letter_topic_is_silent_loss(trap: Trap) -> None:
    unset = {f"errors__deadletterqueue__{key}": None for key in ("topic__name", "topic__replication__factor")}
    connector = trap.connector(**unset, errors__deadletterqueue__context__headers__enable=None)
    assert "silent-loss" in rules(connector)
    trap.start(connector)
    write(trap.settings, trap.source, [b"{"] * RECORDS)
    wait_until(trap.caught_up, "everything is read", WAIT)
    assert trap.client.status(trap.name).is_running
    assert (trap.documents(), trap.letters()) == (0, 0)


def test_a_dead_letter_has_the_bytes_of_its_record_and_headers_of_text_that_say_where_and_why(trap: Trap) -> None:
    trap.start(trap.connector())
    bad = b'{"torn": \xff'
    write(trap.settings, trap.source, [bad])
    wait_until(lambda: trap.letters() == 1, "it is a dead letter", WAIT)
    (letter,) = read(trap.settings, trap.dead)
    assert (letter.key, letter.value) == (b"1", bad)
    told = {name.removeprefix("__connect.errors."): (value or b"").decode() for name, value in letter.headers}
    assert told.keys() == {
        *("topic", "partition", "offset", "connector.name", "task.id", "stage", "class.name"),
        *("exception.class.name", "exception.message", "exception.stacktrace"),
    }
    assert (told["topic"], told["partition"], told["offset"]) == (trap.source, "0", "0")
    assert (told["connector.name"], told["stage"]) == (trap.name, "VALUE_CONVERTER")


def test_max_batch_size_bounds_what_one_bad_document_of_an_ordered_batch_takes_along(trap: Trap) -> None:
    orders = trap.database["orders"]
    orders.create_index("number", unique=True)
    orders.insert_one({"_id": "another", "number": BAD})
    trap.write()
    connector = trap.connector(bulk__write__ordered="true", max__batch__size="10")
    assert "mongodb-unbounded-batch" not in rules(connector)
    assert "mongodb-unbounded-batch" in rules(trap.connector(bulk__write__ordered="true"))
    trap.start(connector)
    wait_until(trap.caught_up, "everything is read", WAIT)
    assert trap.letters() == 10 - BAD


def test_inserts_fail_as_duplicates_when_records_are_delivered_again(trap: Trap) -> None:
    connector = trap.connector(writemodel__strategy=f"{WRITES}.InsertOneDefaultStrategy")
    assert "mongodb-insert" in rules(connector)
    trap.start(connector)
    trap.write()
    wait_until(lambda: trap.documents() == RECORDS and trap.caught_up(), "the records are in MongoDB", WAIT)
    trap.replay()
    wait_until(lambda: trap.letters() == RECORDS, "each is a dead letter", WAIT)
    assert trap.documents() == RECORDS


def test_a_replay_changes_the_time_of_change_that_an_update_with_timestamps_writes(trap: Trap) -> None:
    connector = trap.connector(
        transforms=None,
        transforms__id__type=None,
        transforms__id__field=None,
        document__id__strategy=f"{IDS}.PartialValueStrategy",
        document__id__strategy__partial__value__projection__type="AllowList",
        document__id__strategy__partial__value__projection__list="number",
        document__id__strategy__overwrite__existing="true",
        writemodel__strategy=f"{WRITES}.UpdateOneBusinessKeyTimestampStrategy",
    )
    assert "mongodb-replay-differs" in rules(connector)
    orders = trap.database["orders"]
    orders.create_index("number", unique=True)
    trap.start(connector)
    trap.write()
    wait_until(lambda: trap.documents() == RECORDS and trap.caught_up(), "the records are in MongoDB", WAIT)
    before = {one["number"]: one for one in orders.find()}
    trap.replay()

    def is_changed() -> bool:
        found = list(orders.find())
        return all(one["_modifiedTS"] > before[one["number"]]["_modifiedTS"] for one in found)

    wait_until(is_changed, "every document was changed again", WAIT)
    after = {one["number"]: one for one in orders.find()}
    assert len(after) == trap.documents() == RECORDS
    assert all(one["_insertedTS"] == before[number]["_insertedTS"] for number, one in after.items())


@pytest.mark.parametrize(("pattern", "day"), [("YYYY-MM-dd", "2026-12-29"), ("yyyy-MM-dd", "2025-12-29")])
def test_four_capital_y_of_a_transform_are_the_year_of_the_week(trap: Trap, pattern: str, day: str) -> None:
    connector = trap.connector(
        transforms="id,at",
        transforms__at__type="org.apache.kafka.connect.transforms.TimestampConverter$Value",
        transforms__at__field="at",
        transforms__at__target__type="string",
        transforms__at__format=pattern,
    )
    assert ("date-pattern" in rules(connector)) == ("Y" in pattern)
    write(trap.settings, trap.source, [b'{"at": 1767009600000}'])
    trap.start(connector)
    wait_until(lambda: trap.documents() == 1, "the record is in MongoDB", WAIT)
    assert [one["at"] for one in trap.database["orders"].find()] == [day]


def test_a_tombstone_deletes_by_an_id_of_the_key_and_is_refused_without(trap: Trap) -> None:
    connector = trap.connector(delete__on__null__values="true")
    assert rules(connector) == set()
    trap.start(connector)
    trap.write()
    wait_until(lambda: trap.documents() == RECORDS, "the records are in MongoDB", WAIT)
    write(trap.settings, trap.source, [None] * BAD)
    wait_until(lambda: trap.documents() == RECORDS - BAD, "five are deleted", WAIT)
    by_value = trap.connector(delete__on__null__values="true", document__id__strategy=f"{IDS}.ProvidedInValueStrategy")
    assert "mongodb-delete-by-key" in rules(by_value)
    with pytest.raises(ConnectorInvalid, match=r"delete\.on\.null\.values"):
        trap.client.put_config(trap.name, by_value.config)


def test_quirk_9_while_mongodb_is_down_a_validation_takes_ten_seconds_and_a_deployment_is_400(trap: Trap) -> None:
    gone = trap.connector(connection__uri="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500")
    began = time.monotonic()
    (error,) = trap.client.validate(gone.class_name, {**gone.config, "name": trap.name}).errors
    took = time.monotonic() - began
    print(f"{took:.1f} s")
    assert took > 5, "the time that the address allows is not heeded"
    assert (error.field, error.message) == ("connection.uri", "Unable to connect to the server.")
    with pytest.raises(ConnectorInvalid, match=r"Unable to connect to the server\."):
        trap.client.create(trap.name, gone.config)
    assert trap.name not in trap.client.all_connectors()
