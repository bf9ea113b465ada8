"""The progress of a run for Prometheus: /metrics, /health and /ready while it is under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from streamguard.datagen.producing.latencies import percentile
from streamguard.datagen.producing.progress import About, Progress
from streamguard.datagen.producing.rates import Rates
from streamguard.kafka import metrics
from streamguard.settings import LOOPBACK

QUANTILES = (0.5, 0.9, 0.99)


class Counters:
    """The latest progress, as Prometheus asks for it. Taking the latest is one assignment, so no thread waits."""

    def __init__(self, about: About) -> None:
        self.rates = Rates()
        self._about = about

    def health(self) -> tuple[str, Mapping[str, Any]]:
        """Kafka is missing while it leaves records without an answer."""
        progress = self.rates.latest
        missing = f"Kafka at {self._about.server}" if progress.silent else ""
        return missing, {"acknowledged": progress.acknowledged, "failed": progress.failed}

    def collect(self) -> Iterator[Any]:
        """The families of metrics."""
        from prometheus_client.core import GaugeMetricFamily

        progress, rates = self.rates.latest, self.rates
        yield from _counted(progress)
        target = rates.target
        gauges = {
            "waiting": ("Records that have no answer yet.", progress.waiting),
            "silent_seconds": ("How long Kafka has left records without an answer.", progress.silent),
            "behind": ("Records that are due and have not been sent.", rates.behind),
            "rate": ("Records acknowledged a second.", rates.actual),
            **({} if target is None else {"target_rate": ("Records due a second.", target)}),
        }
        for name, (about, value) in gauges.items():
            yield GaugeMetricFamily(f"streamguard_produce_{name}", about, value=value)
        delivery = GaugeMetricFamily(
            "streamguard_produce_delivery_seconds", "From produce to acknowledgement, a sample.", labels=["quantile"]
        )
        for quantile in QUANTILES:
            seconds = percentile(progress.recent, quantile)
            if seconds is not None:
                delivery.add_metric([str(quantile)], seconds)
        yield delivery


def _counted(progress: Progress) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily

    yield CounterMetricFamily("streamguard_produce_records", "Records sent.", value=progress.produced)
    yield CounterMetricFamily("streamguard_produce_bytes", "Bytes of keys and values sent.", value=progress.size)
    yield CounterMetricFamily("streamguard_produce_acknowledged", "Records acknowledged.", value=progress.acknowledged)
    families = {
        "labelled": ("Acknowledged records by label.", "label", progress.counts),
        "campaigns": ("Acknowledged records of campaigns.", "campaign", progress.campaigns),
        "faults": ("Records with a fault.", "fault", progress.faults),
        "beside": ("Acknowledged records of truth and labels.", "topic", progress.beside),
        "failed": ("Records that Kafka did not acknowledge.", "reason", progress.reasons),
    }
    for name, (about, label, counts) in families.items():
        family = CounterMetricFamily(f"streamguard_produce_{name}", about, labels=[label])
        for value, number in counts.items():
            family.add_metric([value], number)
        yield family


@contextmanager
def served(about: About, port: int | None, *, address: str = LOOPBACK) -> Iterator[Counters]:
    """What is added to the counters' rates in this block can be asked for at the port, if there is one."""
    counters = Counters(about)
    if port is None:
        yield counters
        return
    with metrics.listen(port, "generator", address=address, remedy="choose another --metrics-port") as listener:
        metrics.serve(listener, "produce", None, counters.health, [counters])
        yield counters
