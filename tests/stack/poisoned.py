"""A sink on a real worker that gets poison among good records: it is listed by cause, and replayed after a fix.

Before the fix records are JSON with a number in `amount` and an `_id`; each kind of poison fails at another stage. The
fixed connector takes anything as text, and inserts: what it gets twice is there twice.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

import pymongo

from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectorNotFound
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.tail import Record, tail
from tests.stack.letters import START, Ended, Place, Sent, replayed, seen
from tests.stack.loops import wait_until

POISON: Sequence[tuple[str, Callable[[int], bytes]]] = (
    ("VALUE_CONVERTER", lambda number: b'{"_id": %d, "name": "Schroeder' % number),
    ("TRANSFORMATION", lambda number: b'{"_id": %d, "amount": "much, said Schroeder"}' % number),
    ("TASK_PUT", lambda number: b'{"name": "Schroeder %d"}' % number),
    ("TRANSFORMATION", lambda number: b'{"_id": %d, "time": "Schroeder"}' % number),
)
"""The stage at which a record fails, and its value."""
EVERY = 10
"""One record in so many is poison."""
CONVERTERS = "org.apache.kafka.connect"
SINK = "com.mongodb.kafka.connect.sink"
BEFORE = {
    "value.converter": f"{CONVERTERS}.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "transforms": "amount,time",
    "transforms.amount.type": f"{CONVERTERS}.transforms.Cast$Value",
    "transforms.amount.spec": "amount:float64",
    # Nobody should: the worker writes what it has put in for the reference into every exception about a time.
    "transforms.time.type": f"{CONVERTERS}.transforms.TimestampConverter$Value",
    "transforms.time.field": "time",
    "transforms.time.target.type": "unix",
    "transforms.time.format": "'${env:STREAMGUARD_S3_ACCESS_KEY}'yyyy",
    "document.id.strategy": f"{SINK}.processor.id.strategy.ProvidedInValueStrategy",
    "collection": "rows",
}
AFTER = {
    "value.converter": f"{CONVERTERS}.storage.StringConverter",
    "transforms": "raw",
    "transforms.raw.type": f"{CONVERTERS}.transforms.HoistField$Value",
    "transforms.raw.field": "raw",
    "document.id.strategy": f"{SINK}.processor.id.strategy.BsonOidStrategy",
    "writemodel.strategy": f"{SINK}.writemodel.strategy.InsertOneDefaultStrategy",
    "collection": "repaired",
}
WAIT = 60.0
"""Seconds for a busy worker to start a task."""
PER_RECORD = 0.03
"""More seconds for each record that it carries to MongoDB, many times what it takes as a rule."""


class Poisoned:
    """The sink with its topic and its database; removed at the end."""

    def __init__(self, place: Place, records: int) -> None:
        self.place, self.records, self._wait = place, records, WAIT + PER_RECORD * records
        self.source, self.sink = place.create("source", 4), place.named("sink")
        self.dead = place.create("sink-dead-letter", 3)
        self.sent = [_record(number) for number in range(records)]
        self.bad: dict[str, list[Sent]] = {stage: [] for stage, _ in POISON}
        for number, (stage, _) in enumerate(POISON):
            self.bad[stage] += self.sent[EVERY * number :: EVERY * len(POISON)]
        self._cluster = Cluster(place.settings)
        self._client = ConnectClient(place.settings.connect_url)
        self._mongodb = pymongo.MongoClient[dict[str, Any]](place.settings.mongodb_uri)
        self._database = self._mongodb[place.prefix.replace("-", "_")]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        with suppress(ConnectorNotFound):
            self._client.delete(self.sink)
        with self._mongodb:
            for collection in ("rows", "repaired"):
                self._database.drop_collection(collection)

    def deploy(self, config: Mapping[str, str]) -> None:
        """Bring the sink to this config; its task runs it when this returns."""
        whole = {
            "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
            "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
            "database": self._database.name,
            "topics": self.source,
            "tasks.max": "1",
            "key.converter": f"{CONVERTERS}.storage.StringConverter",
            "bulk.write.ordered": "false",
            "mongo.errors.tolerance": "data",
            "errors.tolerance": "all",
            "errors.deadletterqueue.topic.name": self.dead,
            "errors.deadletterqueue.topic.replication.factor": "1",
            "errors.deadletterqueue.context.headers.enable": "true",
            **config,
        }
        self._client.put_config(self.sink, whole)
        wait_until(partial(self._runs, whole["collection"]), f"{self.sink} runs", WAIT)

    def _runs(self, collection: str) -> bool:
        status, tasks = self._client.status(self.sink), self._client.task_configs(self.sink)
        return status.is_running and [task.get("collection") for task in tasks] == [collection]

    def rows(self, collection: str) -> list[dict[str, Any]]:
        """What is in a collection."""
        return list(self._database[collection].find())

    def refuse(self) -> None:
        """Write everything; the good records are in the sink when this returns, the others in the dead-letter topic."""
        self.place.write(self.source, self.sent)
        good = [number for number in range(self.records) if number % EVERY]
        rows, letters = self._database["rows"], sum(map(len, self.bad.values()))
        wait_until(lambda: rows.count_documents({}) >= len(good), "the good records have arrived", self._wait)
        wait_until(lambda: self.end_of(self.dead) >= letters, "the others are dead letters", self._wait)
        assert Counter(row["_id"] for row in rows.find()) == Counter(good)
        assert Counter(map(_without_story, self.place.read(self.dead))) == Counter(self._all_bad())

    def check_listed(self, listed: Ended, *, replayed: bool) -> None:
        """By stage and exception, and nothing of a person."""
        assert b"Schroeder" not in listed.out
        self.check_no_secret(listed)
        found, left = Counter[tuple[str, str, str]](), 0
        for row in listed.document:
            found[row["refused_by"], row["stage"], row["code"]] += row["records"]
            left += row["not_replayed"]
        assert found == {(self.sink, stage, "DataException"): len(bad) for stage, bad in self.bad.items()}
        assert left == (0 if replayed else len(self._all_bad()))

    def check_no_secret(self, ended: Ended) -> None:
        """The worker has put the secret into dead letters, and nobody prints it."""
        secret = self.place.settings.s3_access_key
        assert secret
        assert any(secret.encode() in (value or b"") for letter in self._letters() for _, value in letter.headers)
        assert secret not in ended.out.decode() + ended.err

    def _letters(self) -> list[Record]:
        return list(tail(self.place.settings, self.dead, last=None))

    def check_replayed(self) -> None:
        """Every record that was refused came back once, as it was, to where it was, and into the sink."""
        bad = self._all_bad()
        found = self.place.read(self.source)
        assert Counter(map(seen, found)) == Counter([*self.sent, *map(replayed, bad)])
        assert len({(record.key, record.partition) for record in found}) == self.records
        rows = self._database["repaired"]
        wait_until(lambda: rows.count_documents({}) >= len(bad), "what is replayed has arrived", self._wait)
        assert Counter(row["raw"].encode() for row in rows.find()) == Counter(value for _, value, *_ in bad)
        assert len(self.place.read(self.dead)) == len(bad)

    def end_of(self, topic: str) -> int:
        """The offsets of a topic that are taken, to before an open transaction."""
        return sum(self._cluster.ends(topic).values())

    def replayed(self) -> int:
        """How many records came back so far: those before a transaction that a killed replay left open."""
        return len(list(tail(self.place.settings, self.source, last=None))) - self.records

    def _all_bad(self) -> list[Sent]:
        return [record for bad in self.bad.values() for record in bad]


def _record(number: int) -> Sent:
    value = json.dumps({"_id": number, "amount": number / 4}).encode()
    if number % EVERY == 0:
        value = POISON[number // EVERY % len(POISON)][1](number)
    return b"k-%d" % number, value, START + number, (("number", b"%d" % number), ("", b"\xff"), ("none", None))


def _without_story(letter: Record) -> Sent:
    names = [name for name, _ in letter.headers]
    key, value, timestamp, headers = seen(letter)
    return key, value, timestamp, headers[: names.index("__connect.errors.topic")]
