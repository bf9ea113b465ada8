"""A scripted Connect worker: answers from a list, in order, and keeps what was asked."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from streamguard.connect.rest.client import ConnectClient
from tests.connect.serving import Asked, serving


@dataclass(frozen=True)
class Answer:
    """One answer. A `body` that is text is sent as HTML; `drop`: the connection is closed without one; `hold`: it
    comes after so many seconds."""

    status: int = 200
    body: Any = None
    drop: bool = False
    hold: float = 0.0


@dataclass
class Script:
    """`answers` are given in order; when they have run out, `rest` answers."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    rest: Answer = field(default_factory=lambda: Answer(500, {"error_code": 500, "message": "the script has ended"}))
    asked: list[Asked] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def client(self, **options: Any) -> ConnectClient:
        return ConnectClient(self.url, **{"sleep": lambda _seconds: None, **options})

    @property
    def calls(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


def error(status: int, message: str) -> Answer:
    return Answer(status, {"error_code": status, "message": message})


@contextmanager
def playing(tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """A worker of its own that answers until the block ends."""
    played = Script()

    def play(asked: Asked) -> tuple[int, Any] | None:
        played.asked.append(asked)
        answer = played.answers.pop(0) if played.answers else played.rest
        if answer.hold:
            played.stopping.wait(answer.hold)
        return None if answer.drop or played.stopping.is_set() else (answer.status, answer.body)

    with serving(play, tls=tls) as played.url:
        try:
            yield played
        finally:
            played.stopping.set()


@pytest.fixture
def script() -> Iterator[Script]:
    with playing() as played:
        yield played


@pytest.fixture
def second() -> Iterator[Script]:
    """Another worker of the same cluster."""
    with playing() as played:
        yield played
