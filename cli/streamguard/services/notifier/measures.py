"""What the channels did, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from streamguard.services.notifier.tellers import Tellers
from streamguard.services.watched import Watched

PREFIX = "streamguard_notifier"


class Measures(Collector):
    """Decisions and messages by channel and outcome. Decisions are counted once they are committed, so that for each
    channel the outcomes make together what it has read."""

    def __init__(self, tellers: Tellers, watched: Watched[Any]) -> None:
        self._tellers = tellers
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        labels = ("channel", "outcome")
        decisions = CounterMetricFamily(f"{PREFIX}_decisions", "Decisions read, by what became of them.", labels=labels)
        messages = CounterMetricFamily(f"{PREFIX}_messages", "Tries to send a message.", labels=labels)
        failing = GaugeMetricFamily(
            f"{PREFIX}_failing", "1 while the channel takes no message, otherwise 0.", labels=("channel",)
        )
        for delivery in [each.delivery for each in self._tellers.now]:
            name = delivery.courier.channel.name
            for (outcome, *_), number in sorted(delivery.counts.totals()[0].items()):
                decisions.add_metric((name, outcome), number)
            for ending, number in sorted(dict(delivery.courier.messages).items()):
                messages.add_metric((name, ending), number)
            failing.add_metric((name,), float(bool(delivery.courier.missing())))
        yield from (decisions, messages, failing)
        valid = "Whether the file of channels as it is now is in force."
        yield GaugeMetricFamily(f"{PREFIX}_channels_valid", valid, value=0 if self._watched.trouble else 1)
