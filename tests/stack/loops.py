"""Loops for tests: one in a process that can be killed, one in a thread of the test."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import IsolationLevel, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streamguard.kafka import clients
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.exactly_once.phase import Phase, read_phase
from streamguard.kafka.exactly_once.produce import Produce
from streamguard.settings import Settings, inherited_environment

PARTITIONS = 4


class Copier:
    """The copying process."""

    def __init__(self, settings: Settings, *arguments: str) -> None:
        environment = {**inherited_environment(), **settings.environment()}
        command = [sys.executable, "-m", "tests.stack.copier", *arguments]
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def first_commit(self) -> float:
        """Wait for the first commit; seconds since the start."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"committed\n"
        return time.monotonic() - self.started

    def end(self, number: signal.Signals) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        self.process.communicate(timeout=20)
        return self.process.returncode


class Feeder:
    """Writes what `value` makes of 0, 1, 2…, `rate` a second, until it is told to stop, whatever the broker does."""

    def __init__(self, settings: Settings, topic: str, value: Callable[[int], bytes], rate: int) -> None:
        self._stop = threading.Event()
        self._producer = clients.producer(settings)
        self._topic, self._value, self._rate = topic, value, rate
        self._written: list[bytes] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            for _ in range(self._rate // 100):
                value = self._value(len(self._written))
                self._producer.produce(self._topic, value, b"%d" % (len(self._written) % 100))
                self._written.append(value)
            self._producer.poll(0)

    def __enter__(self) -> Feeder:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def end(self) -> list[bytes]:
        """Stop, and wait until everything is acknowledged: what was written."""
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(60) == 0
        return self._written


class Running:
    """A loop in a thread of this process."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self.loop = Loop(settings, **options)
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.loop.run(self.stop)
        except BaseException as exc:  # noqa: BLE001  the test looks at it
            self.error = exc

    def end(self) -> float:
        """Stop it; how many seconds that took."""
        begun = time.monotonic()
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        return time.monotonic() - begun


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain until {what}"
        time.sleep(0.005)


def copy_to(target: str) -> Callable[[Sequence[Message], Produce], None]:
    def copy(batch: Sequence[Message], produce: Produce) -> None:
        for record in batch:
            produce(target, record.value(), record.key())

    return copy


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def lag(settings: Settings, group: str, topic: str) -> int:
    """How many records the group has not committed yet; offsets taken by ends of transactions count as records."""
    consumer = clients.consumer(settings, group)
    try:
        wanted = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        committed = {where.partition: max(where.offset, 0) for where in consumer.committed(wanted, 10)}
        return sum(consumer.get_watermark_offsets(where, 10)[1] - committed[where.partition] for where in wanted)
    finally:
        consumer.close()


def open_transactions(settings: Settings, topic: str) -> list[int]:
    """The partitions of a topic in which a transaction is open: their end is not their last stable offset."""
    admin = clients.admin(settings)
    wanted = {TopicPartition(topic, partition): OffsetSpec.latest() for partition in range(PARTITIONS)}
    ends = [
        {where.partition: answer.result(10).offset for where, answer in answers.items()}
        for answers in (admin.list_offsets(wanted, isolation_level=level) for level in IsolationLevel)
    ]
    return [partition for partition in range(PARTITIONS) if len({found[partition] for found in ends}) > 1]


def phase_of(settings: Settings, group: str) -> Phase:
    """What the loop of a group is doing; a ksql server adds to the name of the instance where it runs."""
    files = Path(settings.phase_dir).glob(f"{group}.{settings.instance}*")
    return max((read_phase(settings.phase_dir, file.name) or Phase.IDLE for file in files), default=Phase.IDLE)


def in_transaction(settings: Settings, group: str) -> bool:
    """Whether the loop of a group has a transaction open."""
    return phase_of(settings, group) >= Phase.IN_TRANSACTION
