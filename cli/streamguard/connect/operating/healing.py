"""The loop of heal: look, restart what is due, tell, count."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streamguard.connect.operating.heal import History, Kind, Part, Step, decide
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.rest.globs import matching
from streamguard.errors import ConnectError, ConnectorNotFound, PortTaken
from streamguard.kafka import metrics
from streamguard.settings import LOOPBACK

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

Tell = Callable[[str, Mapping[str, object]], None]

SERVICE = "heal"
DEADLINE = 10.0
"""Seconds for one request with its repeats: the next look comes soon."""
REASONS: dict[Kind, str] = {
    "outage": "by an outage",
    "config": "its config or a class of it is wrong",
    "denied": "it is refused: rights or credentials are wrong",
    "other": "failed three times in the same way, and not by an outage",
}


class Healer:
    """Restarts what `decide` says. `patterns` choose connectors, all if there are none; they may come later."""

    def __init__(
        self,
        client: ConnectClient,
        patterns: Sequence[str] = (),
        *,
        tell: Tell,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._patterns = patterns
        self._tell = tell
        self._clock = clock
        self._jitter = jitter
        self._memory: dict[Part, History] = {}
        self._away = ""
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._failed: dict[str, int] = {}
        self._running: dict[str, bool] = {}
        self._states: dict[str, Counter[str]] = {}

    def run(self, stop: threading.Event, interval: float) -> None:
        """Look every `interval` seconds until `stop` is set; wait for a worker that is away."""
        while not stop.is_set():
            try:
                self.look()
            except ConnectError as exc:
                self._is_away(str(exc))
            else:
                self._is_away("")
            stop.wait(interval)

    def look(self) -> None:
        """One request, and one for each restart that is due. What can not be restarted now is tried in the next look;
        the first error is raised at the end."""
        listed = self._client.connectors()
        names = matching(self._patterns, listed) if self._patterns else sorted(listed)
        decision = decide([listed[name] for name in names], self._memory, self._clock(), self._jitter())
        self._memory = dict(decision.memory)
        statuses = {name: listed[name].status for name in names}
        with self._lock:
            self._failed = {
                name: len(status.failed) + (status.state == "FAILED") for name, status in statuses.items() if status
            }
            self._states = {
                name: Counter(task.state for task in status.tasks) for name, status in statuses.items() if status
            }
            self._running = {name: bool(status and status.is_running) for name, status in statuses.items()}
        trouble: ConnectError | None = None
        for step in decision.steps:
            try:
                self._carry_out(step)
            except ConnectError as exc:
                self._memory[step.part] = replace(self._memory[step.part], restarted=False, restarted_at=None)
                trouble = trouble or exc
        if trouble is not None:
            raise trouble

    def _is_away(self, why: str) -> None:
        with self._lock:
            before, self._away = self._away, why
        if why and not before:
            self._tell("waiting for Kafka Connect", {"reason": why})
        if before and not why:
            self._tell("Kafka Connect answers again", {})

    def _carry_out(self, step: Step) -> None:
        name = step.part.connector
        facts: dict[str, object] = {"part": str(step.part), "cause": step.cause, "failures": step.failures}
        if step.act == "recovered":
            self._tell("runs again", facts)
        elif step.act == "give up":
            facts["next"] = f"mend it, then: streamguard connectors restart {name}"
            self._tell(f"left alone: {REASONS[step.kind]}", facts)
        else:
            self._tell("restarting", facts)
            self._restart(step.part)
        with self._lock:
            self._counts[step.act, name] += 1

    def _restart(self, part: Part) -> None:
        try:
            if part.task is None:
                self._client.restart(part.connector, only_failed=True)
            else:
                self._client.restart_task(part.connector, part.task)
        except ConnectorNotFound:
            self._tell("is gone", {"part": str(part)})

    def health(self) -> tuple[str, Mapping[str, Any]]:
        """Nothing is missing, and facts: that Connect is away is for Connect's own health to say."""
        with self._lock:
            failed = sum(self._failed.values())
            return "", {"connectors": len(self._failed), "failed": failed, "connect": self._away or "answers"}

    def collect(self) -> list[Any]:
        """The metrics, when Prometheus asks."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        about = {
            "restart": ("restarts", "Restarts of connectors and tasks."),
            "give up": ("left_alone", "Connectors and tasks that restarting does not mend, each time that was found."),
            "recovered": ("recovered", "Connectors and tasks that ran for two minutes after failures."),
        }
        families = {
            act: CounterMetricFamily(f"streamguard_heal_{name}", text, labels=("connector",))
            for act, (name, text) in about.items()
        }
        failed = GaugeMetricFamily(
            "streamguard_heal_failed", "Connectors and tasks that are FAILED now.", labels=("connector",)
        )
        up = GaugeMetricFamily("streamguard_heal_connect_up", "1 if Kafka Connect answered the last look.")
        running = GaugeMetricFamily(
            "streamguard_connector_up", "1 if a connector and all its tasks run.", labels=("connector",)
        )
        tasks = GaugeMetricFamily(
            "streamguard_connector_tasks", "Tasks of a connector by their state.", labels=("connector", "state")
        )
        with self._lock:
            for (act, name), number in sorted(self._counts.items()):
                families[act].add_metric([name], number)
            for name, count in sorted(self._failed.items()):
                failed.add_metric([name], count)
            up.add_metric([], 0 if self._away else 1)
            for name, is_running in sorted(self._running.items()):
                running.add_metric([name], is_running and not self._away)
            for name, states in sorted(self._states.items()):
                for state in sorted({"RUNNING", "FAILED", *states}):
                    tasks.add_metric([name, state], states[state])
        return [*families.values(), failed, up, running, tasks]


@contextmanager
def served(
    healer: Healer, port: int | None, *, address: str = LOOPBACK, collectors: Sequence[Collector] = ()
) -> Iterator[None]:
    """Answer /metrics, /health and /ready on `port` while inside; nowhere if it is None."""
    if port is None:
        yield
        return
    try:
        listener = metrics.listen(port, SERVICE, address=address)
    except PortTaken as exc:
        raise PortTaken(f"{exc} or --metrics-port") from exc
    with listener:
        metrics.serve(listener, SERVICE, None, healer.health, [healer, *collectors])
        yield
