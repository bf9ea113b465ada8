"""What the ksql server tells Prometheus, collected when it asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Protocol

from streamguard.engine.execution.footprint import Footprint, footprint
from streamguard.engine.runtime.queries import Queries
from streamguard.engine.runtime.source_task import PersistentQuery
from streamguard.errors import StreamguardError
from streamguard.kafka.cluster import Cluster

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PREFIX = "streamguard_ksql_"
WORKING = ("RUNNING", "RESTORING")


class Pushes(Protocol):
    """Who counts push queries."""

    def __len__(self) -> int: ...


def exposition(queries: Queries, running: Collection[PersistentQuery], pushes: Pushes, cluster: Cluster) -> bytes:
    """The text that GET /metrics answers. Counts are since the start of the server, of committed transactions."""
    from prometheus_client import CollectorRegistry, generate_latest

    class Collector:
        def collect(self) -> Iterable[Metric]:
            yield from _per_query(queries, running)
            yield from _per_topic(queries, cluster)
            yield from _per_state(queries, running)
            yield from _restoring(queries)
            yield _push_queries(len(pushes))

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry)


def _per_query(queries: Queries, running: Collection[PersistentQuery]) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    records = CounterMetricFamily(PREFIX + "records", "Records that a query read.", labels=["query"])
    rows = CounterMetricFamily(PREFIX + "rows_written", "Rows that a query wrote.", labels=["query"])
    errors = CounterMetricFamily(PREFIX + "errors", "Records that a query could not take.", labels=["query"])
    up = GaugeMetricFamily(PREFIX + "query_up", "1 while a query runs, 0 after a failure or paused.", labels=["query"])
    for query in running:
        counts = queries.counts[query.id]
        records.add_metric([query.id], counts.records)
        rows.add_metric([query.id], counts.rows)
        errors.add_metric([query.id], counts.errors)
        up.add_metric([query.id], queries.state(query) in WORKING)
    return records, rows, errors, up


def _per_topic(queries: Queries, cluster: Cluster) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    restarts = CounterMetricFamily(PREFIX + "restarts", "Times that queries were started again.", labels=["topic"])
    lag = GaugeMetricFamily(
        PREFIX + "lag_records", "Records that no query has read yet.", labels=["topic", "partition"]
    )
    for task in queries.tasks():
        restarts.add_metric([task.topic], task.restarts)
        try:
            ends = cluster.ends(task.topic)
        except StreamguardError:
            continue  # Kafka is away: no lag is better than an old one
        for partition, position in sorted(task.positions.items()):
            lag.add_metric([task.topic, str(partition)], max(0, ends.get(partition, position) - position))
    return restarts, lag


def _per_state(queries: Queries, running: Collection[PersistentQuery]) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    places = ["query", "partition"]
    rows = GaugeMetricFamily(PREFIX + "state_rows", "Rows that a query remembers.", labels=places)
    windowed = GaugeMetricFamily(PREFIX + "state_window_rows", "Of those, rows of windows and sessions.", labels=places)
    size = GaugeMetricFamily(PREFIX + "state_bytes", "Memory that they take, from a sample.", labels=places)
    late = CounterMetricFamily(PREFIX + "late_records", "Records whose window was closed.", labels=["query"])
    for query in running:
        memories = queries.memories(query.id)
        stores = [entry for each in memories for part in (each.results, each.inputs) for entry in list(part.items())]
        taken: dict[int, Footprint] = {}
        for partition, store in stores:
            taken[partition] = taken.get(partition, Footprint()) + footprint(store)
        for partition, found in sorted(taken.items()):
            rows.add_metric([query.id, str(partition)], found.rows)
            windowed.add_metric([query.id, str(partition)], found.windowed)
            size.add_metric([query.id, str(partition)], found.bytes)
        if memories:
            late.add_metric([query.id], sum(store.late for _, store in stores))
    return rows, windowed, size, late


def _restoring(queries: Queries) -> Iterable[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    restored = CounterMetricFamily(
        PREFIX + "restored_records", "Records of changelogs that were read again.", labels=["topic"]
    )
    for task in queries.tasks():
        restored.add_metric([task.topic], task.memory.restored)
    left = GaugeMetricFamily(
        PREFIX + "restoring_records", "Records of its changelogs that a query has to read first.", labels=["query"]
    )
    for query_id, (count, total) in queries.restoring().items():
        left.add_metric([query_id], max(0, total - count))
    return restored, left


def _push_queries(count: int) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(PREFIX + "push_queries", "Push queries that clients are reading.", value=count)
