"""Whether Kafka lets us in.

A wrong password or a certificate that is not trusted fails no call of librdkafka: it tries for ever, its calls say that
nobody answered, and the cause comes by events alone. Here the events are kept, so that whoever waited in vain can say
why. A cause counts for as long as it is heard again and again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaError

from streamguard.settings import Settings

SHUT = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError.SASL_AUTHENTICATION_FAILED})
"""Neither another try nor time helps; other events (a broker went away, came back) are news."""
FRESH = 4.0
"""Seconds; a client that is not let in tries again after one, at most one and a half."""


@dataclass
class _Heard:
    error: KafkaError
    first: float
    last: float


class Door:
    """What was heard last, by the Kafka and the file that says who we are there; for all threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._heard: dict[tuple[str, Path], _Heard] = {}

    def note(self, settings: Settings, error: KafkaError) -> None:
        """An event of a client."""
        if error.code() not in SHUT:
            return
        now, place = self._clock(), _place(settings)
        with self._lock:
            heard = self._heard.get(place)
            if heard is None or now - heard.last > FRESH:
                self._heard[place] = _Heard(error, now, now)
            else:
                heard.error, heard.last = error, now

    def refusal(self, settings: Settings, *, lasting: float = 0.0) -> KafkaError | None:
        """Why we are not let in, if that was heard just now, and has been for `lasting` seconds."""
        with self._lock:
            heard = self._heard.get(_place(settings))
            if heard is None or self._clock() - heard.last > FRESH or heard.last - heard.first < lasting:
                return None
            return heard.error


def _place(settings: Settings) -> tuple[str, Path]:
    return settings.kafka_bootstrap, settings.kafka_properties


DOOR = Door()
"""That of this process."""
