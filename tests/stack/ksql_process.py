"""A ksql server of the test's own, as a process, and what tests ask of Kafka."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, IsolationLevel, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from streamguard.engine.client.http import KsqlClient
from streamguard.errors import KsqlUnavailable
from streamguard.settings import Settings, inherited_environment
from tests.stack.service import random_port

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 20.0


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer of `condition`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class KsqlProcess:
    """`streamguard ksql server` with a service id and a port of its own."""

    def __init__(self, settings: Settings, service_id: str, log: Path) -> None:
        self.settings = replace(settings, ksql_port=random_port(), ksql_service_id=service_id)
        self.client = KsqlClient(f"http://127.0.0.1:{self.settings.ksql_port}")
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait`, until it answers."""
        environment = {**inherited_environment(), **self.settings.environment()}
        command = [sys.executable, "-m", "streamguard", "--project", str(REPOSITORY), "ksql", "server"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        if wait:
            wait_for(self.answers, START_SECONDS, f"the ksql server; its log:\n{self.log.read_text()}")

    def answers(self) -> bool:
        """Whether it is ready."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            self.client.info()
        except KsqlUnavailable:
            return False
        return True

    def runs(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def empty(self) -> None:
        """Terminate every query and drop every stream."""
        self.run("TERMINATE ALL;")
        for row in self.run("SHOW STREAMS;")[0]["streams"]:
            self.run(f"DROP STREAM `{row['name']}`;")

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 5.0) -> int:
        """SIGTERM; the exit code, which must come within `seconds`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.runs():
            self.kill()

    def run(self, text: str, **properties: str) -> list[dict[str, Any]]:
        """Statements with `auto.offset.reset` = earliest unless said otherwise."""
        return self.client.ksql(text, properties={"auto.offset.reset": "earliest", **properties})

    def query_ids(self) -> list[str]:
        """The persistent queries."""
        [entity] = self.run("SHOW QUERIES;")
        return [row["id"] for row in entity["queries"] if row["queryType"] == "PERSISTENT"]


class Topics:
    """Topics with a prefix of the test's own, deleted at the end."""

    def __init__(self, settings: Settings, prefix: str) -> None:
        self.bootstrap = settings.kafka_bootstrap
        self.prefix = prefix
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap})
        self.producer = Producer({"bootstrap.servers": self.bootstrap, "partitioner": "murmur2_random", "linger.ms": 5})

    def make(self, name: str, partitions: int = 2) -> str:
        """Create a topic; its full name."""
        full = f"{self.prefix}-{name}"
        self.admin.create_topics([NewTopic(full, partitions, 1)])[full].result(10)
        return full

    def exists(self, name: str) -> bool:
        """Whether there is a topic of that full name."""
        return name in self.admin.list_topics(timeout=10).topics

    def send(self, topic: str, records: Iterable[tuple[str | None, Any]]) -> None:
        """Write JSON values (or bytes as they are) and wait until they are acknowledged."""
        for key, value in records:
            raw = value if isinstance(value, bytes) else json.dumps(value).encode()
            while True:
                try:
                    self.producer.produce(topic, raw, None if key is None else key.encode())
                    break
                except BufferError:
                    self.producer.poll(0.1)
        assert self.producer.flush(30) == 0

    def read(self, topic: str) -> list[tuple[str | None, Any]]:
        """Every committed record of a topic, decoded."""
        found: list[tuple[str | None, Any]] = []
        for message in self.raw(topic):
            key, value = message.key(), message.value()
            assert value is not None
            found.append((None if key is None else key.decode(), json.loads(value)))
        return found

    def raw(self, topic: str) -> list[Message]:
        """Every committed record of a topic."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "sg.test.reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
            }
        )
        partitions = self.admin.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found: list[Message] = []
        ended: set[int | None] = set()
        while len(ended) < len(partitions):
            for message in consumer.consume(5000, 0.2):
                if message.error() is not None:
                    ended.add(message.partition())
                else:
                    found.append(message)
        consumer.close()
        return found

    def wait_for(self, topic: str, count: int, seconds: float = 20.0) -> list[tuple[str | None, Any]]:
        """The records of a topic once there are at least `count`."""
        found: list[tuple[str | None, Any]] = []

        def enough() -> bool:
            found[:] = self.read(topic)
            return len(found) >= count

        wait_for(enough, seconds, f"{count} records in {topic}, there are {len(found)}")
        return found

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition, open transactions included."""
        return self._ends(topic, IsolationLevel.READ_UNCOMMITTED)

    def is_open(self, topic: str) -> bool:
        """Whether a transaction is not over: a commit returns a moment before its records can be read."""
        return self.ends(topic) != self._ends(topic, IsolationLevel.READ_COMMITTED)

    def _ends(self, topic: str, level: IsolationLevel) -> dict[int, int]:
        partitions = self.admin.list_topics(topic, timeout=10).topics[topic].partitions
        wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
        answers = self.admin.list_offsets(wanted, isolation_level=level)
        return {where.partition: answer.result(10).offset for where, answer in answers.items()}

    def lag(self, topic: str, group: str) -> int:
        """Records of a topic that a group has not committed."""
        ends = self.ends(topic)
        committed = self._committed(topic, group, ends)
        return sum(end - committed.get(number, 0) for number, end in ends.items())

    def is_read(self, topic: str, group: str) -> bool:
        """Whether a group has committed every record; unlike `lag`, this does not count the markers of transactions."""
        if self.lag(topic, group) == 0:
            return True
        committed = self._committed(topic, group, self.ends(topic))
        places = [(message.partition(), message.offset()) for message in self.raw(topic)]
        return all((offset or 0) < committed.get(number or 0, 0) for number, offset in places)

    def _committed(self, topic: str, group: str, partitions: Iterable[int]) -> dict[int, int]:
        wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, number) for number in partitions])
        found = self.admin.list_consumer_group_offsets([wanted])[group].result(10).topic_partitions or []
        return {each.partition: max(0, each.offset) for each in found}

    def delete(self, more: Sequence[str] = ()) -> None:
        """Delete every topic of the prefix."""
        names = [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self.prefix)]
        for future in self.admin.delete_topics([*names, *more]).values() if names or more else ():
            future.exception(10)


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KsqlProcess]:
    """One server for all tests of a file, which end well or kill it; its own topics go with it."""
    service_id = f"kq{uuid.uuid4().hex[:8]}"
    process = KsqlProcess(settings, service_id, tmp_path_factory.mktemp("ksql") / "ksql.log")
    process.start()
    yield process
    if process.runs():
        assert process.stop() == 0
    topics = Topics(settings, service_id)
    names = topics.admin.list_topics(timeout=10).topics
    topics.delete([name for name in names if name.startswith("_") and service_id in name])
