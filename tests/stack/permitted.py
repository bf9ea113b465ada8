"""What Kafka really lets a principal do, found by trying: each call changes nothing, or what is of the test's own.

A cell is (principal, resource, name, operation). Each call is one that needs exactly that operation, and an answer of
any other kind than "not authorized" says that it was allowed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from streamguard.rights.model import CLUSTER, OPERATIONS, Resource, Right, granted
from tests.stack.secured import ADMIN, MECHANISM, Secured

OTHERS = "m.somebody-elses"
Cell = tuple[str, Resource, str, str]
SECONDS = 20.0
DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)
MANY = 1000
"""Partitions that are asked for, and never made."""


@dataclass
class Trying:
    """One principal, by its librdkafka config; `topics` exist, `groups` and `ids` are names."""

    principal: str
    config: Mapping[str, Any]
    topics: Sequence[str]
    groups: Sequence[str]
    ids: Sequence[str]
    found: set[Cell] = field(default_factory=set)

    def everything(self) -> set[Cell]:
        """The cells that are allowed."""
        admin = AdminClient(dict(self.config))
        self._topics(admin)
        self._groups(admin)
        self._cluster(admin)
        self._write()
        self._read()
        self._transactions()
        return self.found

    def _note(self, resource: Resource, name: str, operation: str) -> None:
        self.found.add((self.principal, resource, name, operation))

    def _topics(self, admin: AdminClient) -> None:
        """All that an admin client can ask; creating, growing and configuring are only validated."""
        names = list(self.topics)
        described = admin.describe_topics(TopicCollection(names), include_authorized_operations=True)
        for name, answer in described.items():
            if _allowed(answer.result):
                self._note("topic", name, "describe")
                told = {operation.name.lower() for operation in answer.result().authorized_operations}
                if "delete" in told:
                    self._note("topic", name, "delete")
        new = [NewTopic(name, 1, 1) for name in names]
        self._noted("create", admin.create_topics(new, validate_only=True))
        more = [NewPartitions(name, MANY) for name in names]
        self._noted("alter", admin.create_partitions(more, validate_only=True))
        entry = ConfigEntry("retention.ms", "1000", incremental_operation=AlterConfigOpType.SET)
        changed = [ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry]) for name in names]
        self._noted("alter_configs", admin.incremental_alter_configs(changed, validate_only=True))
        shown = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        self._noted("describe_configs", admin.describe_configs(shown))

    def _noted(self, operation: str, answers: Mapping[Any, Any]) -> None:
        for asked, answer in answers.items():
            if _allowed(answer.result):
                self._note("topic", asked if isinstance(asked, str) else asked.name, operation)

    def _groups(self, admin: AdminClient) -> None:
        """Fetching offsets, committing one, deleting the group. One after the other: librdkafka 2.16 dies of many."""
        place = TopicPartition(self.topics[0], 0, 0)
        for name in self.groups:
            fetched = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)])[name]
            if _allowed(fetched.result):
                self._note("group", name, "describe")
            committed = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(name, [place])])[name]
            if _allowed(partial(_committed, committed)):
                self._note("group", name, "read")
            if _allowed(admin.delete_consumer_groups([name])[name].result):
                self._note("group", name, "delete")

    def _cluster(self, admin: AdminClient) -> None:
        told = admin.describe_cluster(include_authorized_operations=True).result(SECONDS)
        for operation in told.authorized_operations or ():
            self._note("cluster", "kafka-cluster", operation.name.lower())

    def _write(self) -> None:
        """One record into each topic."""
        errors: dict[str | None, Any] = {}
        producer = Producer({**self.config, "message.timeout.ms": 5000})
        for name in self.topics:
            producer.produce(
                name, b"x", partition=0, on_delivery=lambda error, record: errors.update({record.topic(): error})
            )
        assert not producer.flush(SECONDS)
        for topic, error in errors.items():
            assert error is None or error.code() in DENIED, (self.principal, topic, error)
            if error is None:
                self._note("topic", str(topic), "write")

    def _read(self) -> None:
        """Fetch from every topic that is shown to us, for who may read one sees it, until it ends or is refused."""
        left = {name for name in self.topics if (self.principal, "topic", name, "describe") in self.found}
        if not left:
            return
        consumer = Consumer(
            {**self.config, "group.id": "none", "enable.auto.commit": False, "enable.partition.eof": True}
        )
        consumer.assign([TopicPartition(name, 0, 0) for name in left])
        end = time.monotonic() + SECONDS
        while left and time.monotonic() < end:
            for message in consumer.consume(100, 0.1):
                name, error = str(message.topic()), message.error()
                if name in left and error is not None and error.code() in {*DENIED, KafkaError._PARTITION_EOF}:
                    left.discard(name)
                    if error.code() == KafkaError._PARTITION_EOF:
                        self._note("topic", name, "read")
        consumer.close()
        assert not left, (self.principal, "neither read nor refused", left)

    def _transactions(self) -> None:
        """Taking each transactional id."""
        for name in self.ids:
            producer = Producer({**self.config, "transactional.id": name})
            if _allowed(lambda: producer.init_transactions(SECONDS)):  # noqa: B023  called at once
                self._note("transactional_id", name, "write")
                self._note("transactional_id", name, "describe")


def _allowed(call: Callable[..., Any]) -> bool:
    """Whether a call was not refused for want of a right."""
    try:
        call()
    except KafkaException as exc:
        return exc.args[0].code() not in DENIED
    return True


def _committed(answer: Any) -> None:
    """Who may not read the group is refused each offset; who may not read the topic, too, and may read the group."""
    for place in answer.result(SECONDS).topic_partitions:
        if place.error is not None and place.error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            raise KafkaException(place.error)


def tried(secured: Secured, rights: Sequence[Right], everybody: Sequence[str]) -> set[Cell]:
    """What everybody may do with everything that the rights are about, and with what is somebody else's."""
    begun(secured)
    topics, groups, ids = (names(rights, resource) for resource in ("topic", "group", "transactional_id"))
    trials = [Trying(name, login(secured, name), topics, groups, ids) for name in everybody]
    with ThreadPoolExecutor(len(trials)) as pool:
        return set().union(*pool.map(Trying.everything, trials))


def intended(rights: Sequence[Right], everybody: Sequence[str]) -> set[Cell]:
    """The whole matrix, as the rights have it."""
    places: list[tuple[Resource, str]] = [
        (kind, name) for kind in OPERATIONS if kind != "cluster" for name in names(rights, kind)
    ]
    places.append(("cluster", CLUSTER))
    return {
        (principal, resource, name, operation)
        for principal in everybody
        for resource, name in places
        for operation in granted(rights, principal, resource, name)
    }


def names(rights: Sequence[Right], resource: Resource) -> list[str]:
    """What the rights are about, of a prefix two names; and one that nobody has a right to."""
    found = [
        name
        for right in rights
        if right.resource == resource
        for name in ([right.name] if right.pattern == "literal" else [f"{right.name}0", f"{right.name}1"])
    ]
    return [*dict.fromkeys(found), OTHERS]


def login(secured: Secured, principal: str) -> dict[str, Any]:
    """librdkafka's own config, by hand: nothing of streamguard's clients is tried out here."""
    return {
        "bootstrap.servers": secured.bootstrap,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": MECHANISM,
        "sasl.username": principal,
        "sasl.password": secured.passwords[principal],
        "ssl.ca.location": str(secured.certificates.ca),
        "log_level": 0,
    }


def begun(secured: Secured) -> None:
    """Have the broker make the topics in which it keeps offsets and transactions.

    librdkafka 2.16's admin client dies of a null pointer when a group's coordinator is only coming to be.
    """
    own = login(secured, ADMIN)
    consumer = Consumer({**own, "group.id": "m-begun"})
    assert consumer.committed([TopicPartition(OTHERS, 0)], SECONDS)
    consumer.close()
    Producer({**own, "transactional.id": "m-begun"}).init_transactions(SECONDS)


def differences(wanted: set[Cell], found: set[Cell]) -> Iterator[str]:
    """The cells that differ, in words."""
    for principal, resource, name, operation in sorted(wanted ^ found):
        may = "may not, and should" if (principal, resource, name, operation) in wanted else "may, and should not"
        yield f"{principal} {may}: {operation} {resource} {name}"
