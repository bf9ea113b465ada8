"""What the client did, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import Counter, Enum, Gauge, Histogram
from prometheus_client.registry import Collector

from streamguard.services.validation.breaker import State

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
PREFIX = "streamguard_validator_"


class Measures:
    """One set for each client; `in_flight` tells how many calls are under way."""

    def __init__(self, in_flight: Callable[[], float]) -> None:
        self.seconds = Histogram(
            f"{PREFIX}seconds", "How long a call took that was answered.", buckets=SECONDS, registry=None
        )
        self.failures = Counter(f"{PREFIX}failures", "Calls without a right answer.", ("kind",), registry=None)
        self.retries = Counter(f"{PREFIX}retries", "Calls made again.", registry=None)
        self.in_flight = Gauge(f"{PREFIX}in_flight", "Calls under way.", registry=None)
        self.in_flight.set_function(in_flight)
        self.breaker = Enum(
            f"{PREFIX}breaker", "Whether calls are made.", states=[state.value for state in State], registry=None
        )

    def collectors(self) -> list[Collector]:
        """For a registry."""
        return [self.seconds, self.failures, self.retries, self.in_flight, self.breaker]
