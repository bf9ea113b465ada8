"""Leaving a group for good: what is sent to which broker, and what its answers mean."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from streamguard.kafka.exactly_once.leaving import FIND_COORDINATOR, LEAVE_GROUP, leave
from streamguard.settings import Settings, load


@dataclass
class Broker:
    """Answers each connection's one request with what is next in `answers`; None: hangs up."""

    answers: list[bytes | None] = field(default_factory=list)
    requests: list[tuple[int, int, bytes]] = field(default_factory=list)
    """Kind, version and body."""

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as received:
                (size,) = struct.unpack(">i", received.read(4))
                message = received.read(size)
                kind, version, number, name = struct.unpack_from(">hhih", message)
                self.requests.append((kind, version, message[10 + name :]))
                answer = self.answers.pop(0)
                if answer is not None:
                    connection.sendall(struct.pack(">ii", len(answer) + 4, number) + answer)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture
def broker() -> Iterator[Broker]:
    broker = Broker()
    yield broker
    broker.close()


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    return replace(load(tmp_path, environ={}), kafka_bootstrap=f"127.0.0.1:{broker.port},other:9092")


def text(value: str) -> bytes:
    return struct.pack(">h", len(value)) + value.encode()


def coordinator(port: int, error: int = 0) -> bytes:
    return struct.pack(">hi", error, 1) + text("127.0.0.1") + struct.pack(">i", port)


def left(error: int = 0) -> bytes:
    return struct.pack(">ihi", 0, error, 0)


def test_the_coordinator_is_asked_to_remove_the_member(settings: Settings, broker: Broker) -> None:
    broker.answers = [coordinator(broker.port), left()]
    leave(settings, "group", "member-1", "group.0")
    assert broker.requests == [
        (FIND_COORDINATOR, 0, text("group")),
        (LEAVE_GROUP, 3, text("group") + struct.pack(">i", 1) + text("member-1") + text("group.0")),
    ]


def test_a_broker_that_does_not_do_it_is_an_error(settings: Settings, broker: Broker) -> None:
    found = coordinator(broker.port)
    refusals: list[tuple[list[bytes | None], str]] = [
        ([coordinator(broker.port, error=15)], "refused, error 15"),
        ([found, left(error=25)], "refused, error 25"),
        ([None], "closed the connection"),
        ([b"\0"], "cut short"),
    ]
    for answers, reason in refusals:
        broker.answers = answers
        with pytest.raises(OSError, match=reason):
            leave(settings, "group", "member-1", "group.0")


def test_a_broker_that_is_away_is_an_error(settings: Settings, broker: Broker) -> None:
    away = replace(settings, kafka_bootstrap="127.0.0.1:1")
    with pytest.raises(OSError, match="refused"):
        leave(away, "group", "member-1", "group.0")
    assert broker.requests == []
