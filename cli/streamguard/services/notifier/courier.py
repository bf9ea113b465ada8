"""Brings the messages of one channel out: one after the other, no faster than it may, until the channel has them."""

from __future__ import annotations

import logging
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from streamguard.errors import KafkaError
from streamguard.services.notifier.channels import Channel
from streamguard.services.notifier.decision import Decision
from streamguard.services.notifier.grouping import Group, Item, groups
from streamguard.services.notifier.messages import message
from streamguard.services.notifier.pacing import Bucket, pause
from streamguard.services.notifier.sending import MessageRefused, NotDelivered, Send

LOG = logging.getLogger("streamguard.services.notifier")
MARK_SECONDS = 1.0
"""Between two tries to write down what was told."""


class Cancelled(Exception):
    """The decisions in hand are somebody else's now, or the process ends."""


class Wait(Protocol):
    """Waits so many seconds; raises `Cancelled` when it shall not go on, at once and while it waits."""

    def __call__(self, seconds: float, /) -> None: ...


class Remember(Protocol):
    """Writes down that decisions were told by a message, at a time in milliseconds since 1970. Raises KafkaError."""

    def __call__(self, decisions: Sequence[Decision], message_id: str, milliseconds: int, /) -> None: ...


@dataclass(frozen=True)
class Refused:
    """A decision that the channel will not take."""

    item: Item
    reason: str


class Courier:
    """`clock` counts seconds, `now` milliseconds since 1970; `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        channel: Channel,
        pipeline: str,
        send: Send,
        remember: Remember,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.channel = channel
        self.messages: Counter[str] = Counter()
        """How many tries ended how: sent, failed, refused."""
        self.sent_decisions = 0
        self._pipeline = pipeline
        self._send = send
        self._remember = remember
        self._clock = clock
        self._now = now
        self._chance = chance
        self._bucket = Bucket(channel.rate.per_minute, channel.rate.burst, clock())
        self._failures = 0
        self._failing_since = 0.0
        self._reason = ""

    def missing(self) -> str:
        """What is wrong with the channel, "" if nothing is; callable from any thread."""
        if not self._failures:
            return ""
        seconds = self._clock() - self._failing_since
        return f"{self.channel.name} has taken no message for {seconds:.0f} s: {self._reason}"

    def deliver(self, items: Sequence[Item], wait: Wait) -> list[Refused]:
        """Return when the channel has every decision, or refused it for good; raise `Cancelled` before that."""
        grouping = self.channel.grouping
        left, refused = deque(groups(items, grouping.by, grouping.size)), list[Refused]()
        while left:
            group = left.popleft()
            reason = self._until_answered(group, wait)
            if reason and len(group.items) > 1:
                left.extendleft(reversed(group.halves()))
            elif reason and self.messages["sent"]:
                refused.append(Refused(group.items[0], reason))
            elif reason:  # it has never taken any: its address or template may be wrong, and not this decision
                left.append(group)
                self._failed(reason)
                wait(pause(self._failures, self._chance()))
        return refused

    def _until_answered(self, group: Group, wait: Wait) -> str:
        """Send it until it is taken: ""; or refused: why."""
        while True:
            wait(self._bucket.wait(self._clock()))
            self._bucket.take(self._clock())
            told = message(self.channel, self._pipeline, group)
            try:
                self._send(told)
            except MessageRefused as exc:
                self.messages["refused"] += 1
                return str(exc)
            except NotDelivered as exc:
                self.messages["failed"] += 1
                self._failed(str(exc))
                wait(max(exc.retry_after, pause(self._failures, self._chance())))
            else:
                self._taken(group, told.message_id, wait)
                return ""

    def _failed(self, reason: str) -> None:
        if not self._failures:
            self._failing_since = self._clock()
            LOG.warning("%s takes no message: %s; what it is to tell waits", self.channel.name, reason)
        self._reason = reason
        self._failures += 1

    def _taken(self, group: Group, message_id: str, wait: Wait) -> None:
        if self._failures:
            LOG.info("%s takes messages again after %.1f s", self.channel.name, self._clock() - self._failing_since)
        self._failures = 0
        self.messages["sent"] += 1
        self.sent_decisions += len(group.items)
        decisions = [item.decision for item in group.items]
        while True:
            try:
                self._remember(decisions, message_id, self._now())
            except KafkaError as exc:
                LOG.warning("what %s has told is not written down yet: %s", self.channel.name, exc)
                wait(MARK_SECONDS)
            else:
                return
