"""What the validator counts, as Prometheus reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from streamguard.services.validator.answers import Validator

PREFIX = "streamguard_validator"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics(Collector):
    """Calls by path and status, their latency, verdicts, rules that were read again, the process."""

    def __init__(self, validator: Validator, faults: Mapping[str, int], paths: Sequence[str]) -> None:
        self._validator = validator
        self._faults = faults
        self._calls: Counter[tuple[str, int]] = Counter()
        self._registry = CollectorRegistry(auto_describe=False)
        seconds = Histogram(
            f"{PREFIX}_call_seconds",
            "From the first byte to the answer.",
            ["path"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._seconds = {path: seconds.labels(path) for path in paths}
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def observe(self, path: str, status: int, seconds: float) -> None:
        """A call was answered."""
        self._calls[path, status] += 1
        self._seconds[path].observe(seconds)

    def exposition(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        validator, rulebook = self._validator, self._validator.rulebook
        verdicts = {"fraudulent": validator.fraudulent, "legitimate": validator.legitimate}
        reloads = {"taken": rulebook.taken, "refused": rulebook.refused}
        calls = _family("calls", "Calls answered.", "path", "status")
        for (path, status), number in sorted(self._calls.items()):
            calls.add_metric((path, str(status)), number)
        yield calls
        yield _by_kind("verdicts", "Verdicts, without repeated ones.", "verdict", verdicts)
        yield _by_kind("reloads", "Changed rules and blacklists.", "outcome", reloads)
        yield _by_kind("faults", "Calls by what was done to them on purpose.", "fault", self._faults)
        repeated = _family("repeated", "Verdicts that were given before to the same key.")
        repeated.add_metric((), validator.repeated)
        yield repeated


def _family(name: str, about: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"{PREFIX}_{name}", about, labels=labels)


def _by_kind(name: str, about: str, label: str, numbers: Mapping[str, int]) -> CounterMetricFamily:
    family = _family(name, about, label)
    for kind, number in numbers.items():
        family.add_metric((kind,), number)
    return family
