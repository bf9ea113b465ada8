"""Calls into librdkafka that end when they should: in time, and soon after a stop is wanted.

librdkafka does not always keep to the time-outs that it is given: ``send_offsets_to_transaction`` may wait for ever for
a broker that has died under it. So every call that waits for Kafka is made by a thread of its own; if it does not come
back, it is left to itself, together with its client. Nothing is lost by that: the next producer with the same
transactional id ends whatever was open, and fences the old one.

Two calls are left to themselves only when the process ends: ``init_transactions``, which would fence that next producer
when Kafka is back, and the closing of a consumer, which would take its place in the group.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, NoReturn, TypeVar

from confluent_kafka import KafkaError, KafkaException

from streamguard.kafka import clients
from streamguard.kafka.exactly_once import verdicts
from streamguard.kafka.exactly_once.verdicts import Rebuild, Stopped, Verdict

T = TypeVar("T")
GLANCE = 0.05
"""Seconds between two looks at the stop event while a call is under way."""
PAUSE = 0.01
"""Seconds before a call is made again that failed at once."""


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds."""

    call: float = 1.0
    """One call that is made again until it succeeds."""
    step: float = 4.0
    """One step of a transaction."""
    steps: float = clients.TRANSACTION_TIMEOUT_MS / 1000
    """One step with its repetitions: after that Kafka has given up the transaction."""
    late: float = 4.0
    """What a step gets above its own time-out before it is left to itself: one that is later does not come back."""
    grace: float = 2.0
    """What is under way gets in all, once a stop is wanted: with the rest of a shutdown less than 5 s."""
    close: float = 1.0
    """Closing a consumer, after that."""


class Steps:
    """Makes calls for one loop; `disturbed` is set by every error that was followed by a repetition.

    `give_up` is called with an error that neither a retry nor an abort can cure, and raises what follows from it.
    `in_vain` is called before a call is made again, and raises if there is no sense in that.
    """

    def __init__(
        self,
        stop: threading.Event,
        limits: Limits,
        give_up: Callable[[KafkaError], NoReturn],
        in_vain: Callable[[], None] = lambda: None,
    ) -> None:
        self.disturbed = False
        self.limits = limits
        self._stop = stop
        self._give_up = give_up
        self._in_vain = in_vain
        self._stop_seen = math.inf
        self._thread: _Calls | None = None

    def patiently(
        self,
        call: Callable[..., T],
        *arguments: Any,
        timeout: float | None = None,
        here: bool = False,
        within: float = math.inf,
    ) -> T:
        """Make a call again until it answers; what requires an abort is raised. Its last argument is its time-out.

        `within`: after so many seconds in which it did not answer its time-out is raised.
        `here`: in this thread. A consumer's callbacks run inside ``consume``, and until they return every other
        thread waits for that consumer.
        """
        timeout, end = self.limits.call if timeout is None else timeout, time.monotonic() + within
        while True:
            try:
                if here:
                    return call(*arguments, timeout)
                return self.made(call, *arguments, timeout)
            except KafkaException as exc:
                self._require_repeatable(exc)
                if verdicts.timed_out(exc.args[0]) and time.monotonic() > end:
                    raise
                self._in_vain()
            timeout = min(2 * timeout, self.limits.call)

    def in_transaction(self, call: Callable[..., None], *arguments: Any) -> None:
        """A step of a transaction; a time-out is never followed by a repetition, for its outcome is unknown."""
        end = time.monotonic() + self.limits.steps
        while True:
            try:
                self.made(call, *arguments, self.limits.step, within=self.limits.step + self.limits.late)
                return
            except KafkaException as exc:
                self._require_repeatable(exc)
                if time.monotonic() > end or verdicts.timed_out(exc.args[0]):
                    raise Rebuild(f"no answer in time: {exc.args[0].str()}") from exc

    def made(self, call: Callable[..., T], *arguments: Any, within: float = math.inf, more_grace: float = 0.0) -> T:
        """Make one call; if it has not come back `within` seconds, or soon after a stop, leave it to itself."""
        if self._thread is None:
            self._thread = _Calls()
        self._thread.begin(call, arguments)
        end = time.monotonic() + within
        while True:
            try:
                answer, error = self._thread.outcomes.get(timeout=GLANCE)
            except Empty:
                self._require_time(end, more_grace)
                continue
            if error is not None:
                raise error
            return answer  # type: ignore[no-any-return]

    def end(self) -> None:
        """No more calls."""
        if self._thread is not None:
            self._thread.end()
            self._thread = None

    def _require_repeatable(self, exc: KafkaException) -> None:
        """Return if the call may be made again."""
        verdict = verdicts.of_call(exc.args[0])
        if verdict is Verdict.ABORT:
            raise exc
        if verdict is not Verdict.AGAIN:
            self._give_up(exc.args[0])
        self.disturbed = True
        if not verdicts.timed_out(exc.args[0]):
            self._stop.wait(PAUSE)
        if self._stop.is_set():
            raise Stopped from exc

    def _require_time(self, end: float, more_grace: float) -> None:
        now, stopping = time.monotonic(), self._stop.is_set()
        if stopping:
            self._stop_seen = min(self._stop_seen, now)
            end = min(end, self._stop_seen + self.limits.grace + more_grace)
        if now < end:
            return
        self.end()  # as soon as the call comes back, if ever
        if stopping:
            raise Stopped
        raise Rebuild("a call did not come back")


class _Calls:
    """A thread that makes one call after another."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = SimpleQueue()
        self.outcomes: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        threading.Thread(target=self._run, name="kafka calls", daemon=True).start()

    def begin(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._calls.put((call, arguments))

    def end(self) -> None:
        self._calls.put(None)

    def _run(self) -> None:
        while (asked := self._calls.get()) is not None:
            call, arguments = asked
            outcome: tuple[Any, BaseException | None]
            try:
                outcome = call(*arguments), None
            except BaseException as exc:  # noqa: BLE001  it is raised where the outcome is waited for
                outcome = None, exc
            self.outcomes.put(outcome)
            del asked, call, arguments, outcome  # they hold a client, which ends with its last reference
