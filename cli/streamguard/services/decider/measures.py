"""What the decider found, and how its database and its outbox do, for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from streamguard.services.decider.loop import Loop
    from streamguard.services.decider.outbox import Outbox
    from streamguard.services.decider.store import Store, Stored

MOST_RULES = 200
"""Rules with a series of their own: the names of those of alerts come from records, which may say anything."""
OTHER = "(other)"


class Measures(Collector):
    """Metrics of the decider's own."""

    def __init__(self) -> None:
        self.decided: Counter[str] = Counter()
        """Decisions stored, by action; one that was made again counts again."""
        self.found: Counter[str] = Counter()
        """Their reasons, by rule."""
        self.loop: Loop | None = None
        self.outbox: Outbox | None = None
        self.store: Store | None = None

    def count(self, stored: Stored) -> None:
        """A batch is stored."""
        self.decided.update(stored.decided)
        for rule, number in stored.found.items():
            has_own = rule in self.found or len(self.found) < MOST_RULES
            self.found[rule if has_own else OTHER] += number

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        yield _counter("decisions", "Decisions stored, or changed.", "action", self.decided)
        yield _counter("detections", "Reasons of decisions that were stored, or changed.", "rule", self.found)
        if self.outbox is not None:
            told = "Decisions and dead letters that Kafka has acknowledged."
            yield CounterMetricFamily("streamguard_outbox_published", told, value=self.outbox.published)
            waiting = "Decisions and dead letters that wait to be published; 0 where another decider publishes."
            yield GaugeMetricFamily("streamguard_outbox_waiting", waiting, value=self.outbox.waiting)
        if self.store is not None:
            yield from _database(self.store)
        lag = GaugeMetricFamily("streamguard_lag_records", "Records not read yet.", labels=("topic", "partition"))
        for (topic, partition), behind in sorted({} if self.loop is None else dict(self.loop.behind).items()):
            lag.add_metric((topic, str(partition)), behind)
        yield lag


def _database(store: Store) -> Iterator[Metric]:
    up = "Whether PostgreSQL took the last batch."
    yield GaugeMetricFamily("streamguard_database_up", up, value=0 if store.trouble else 1)
    yield _counter("database_errors", "Tries to store that failed: what for.", "kind", store.errors)
    again = "Tries to store that were made again after an outage."
    yield CounterMetricFamily("streamguard_database_retries", again, value=store.retries)


def _counter(name: str, about: str, label: str, numbers: Counter[str]) -> Metric:
    family = CounterMetricFamily(f"streamguard_{name}", about, labels=(label,))
    for value, number in sorted(numbers.copy().items()):
        family.add_metric((value,), number)
    return family
