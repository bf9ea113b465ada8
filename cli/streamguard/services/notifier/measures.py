"""What the channels did, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamguard.services.notifier.delivery import Delivery

PREFIX = "streamguard_notifier"


class Measures(Collector):
    """Decisions and messages by channel and outcome. Decisions are counted once they are committed, so that for each
    channel the outcomes make together what it has read."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        self._deliveries = deliveries

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        labels = ("channel", "outcome")
        decisions = CounterMetricFamily(f"{PREFIX}_decisions", "Decisions read, by what became of them.", labels=labels)
        messages = CounterMetricFamily(f"{PREFIX}_messages", "Tries to send a message.", labels=labels)
        failing = GaugeMetricFamily(
            f"{PREFIX}_failing", "1 while the channel takes no message, otherwise 0.", labels=("channel",)
        )
        for delivery in self._deliveries:
            name = delivery.courier.channel.name
            for (outcome, *_), number in sorted(delivery.counts.totals()[0].items()):
                decisions.add_metric((name, outcome), number)
            for ending, number in sorted(dict(delivery.courier.messages).items()):
                messages.add_metric((name, ending), number)
            failing.add_metric((name,), float(bool(delivery.courier.missing())))
        yield from (decisions, messages, failing)
