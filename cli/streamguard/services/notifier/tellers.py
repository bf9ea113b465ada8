"""The channels at work: each has a loop and a thread of its own, and begins and ends while the others go on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from streamguard.errors import KafkaError, TopicError
from streamguard.kafka import group_offsets
from streamguard.kafka.exactly_once.batches import AskFirst
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.positions import Positions
from streamguard.services.notifier.channels import Channel
from streamguard.services.notifier.delivery import Delivery
from streamguard.services.together import Together
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.services.notifier")
BATCH_RECORDS = 1_000
"""Decisions that a channel has in hand at most."""
LAST_MESSAGE_SECONDS = 2.0
"""What is under way gets when its channel ends."""
RETRY_SECONDS = 1.0


class Ending(Protocol):
    """A channel at work, as far as somebody must know it who begins and ends channels."""

    @property
    def channel(self) -> Channel: ...
    def stop(self) -> None: ...
    def close(self, seconds: float) -> None: ...


class Teller:
    """Tells the decisions of a topic through the channel of `delivery`, as the consumer group `group`."""

    def __init__(self, settings: Settings, group: str, topic: str, delivery: Delivery, together: Together) -> None:
        self.delivery = delivery
        self._settings = settings
        self._topic = topic
        self.loop = Loop(
            settings,
            group=group,
            topics=[topic],
            handle=AskFirst(delivery.ask, delivery.handle),
            batch_records=BATCH_RECORDS,
            batch_wait=self.channel.grouping.seconds,
            prepare=delivery.told.prepare(settings),
            on_commit=delivery.counts.commit,
        )
        self._stop = threading.Event()
        self._thread = together.start(self._run, stop=self._stop)

    @property
    def channel(self) -> Channel:
        """As the file said when it began."""
        return self.delivery.courier.channel

    def stop(self) -> None:
        """Begin nothing more."""
        self._stop.set()

    def close(self, seconds: float) -> None:
        """Return when the loop has ended; a message that is under way gets so many seconds."""
        end = time.monotonic() + seconds
        self._thread.join()
        self.delivery.close(max(0.0, end - time.monotonic()))

    def _run(self, stop: threading.Event) -> None:
        while self.channel.start == "now" and not stop.is_set():
            try:
                begin_now(self._settings, self.loop.group, self._topic)
                break
            except TopicError:
                raise
            except KafkaError as exc:
                LOG.warning("%s waits: %s", self.channel.name, exc)
                stop.wait(RETRY_SECONDS)
        self.loop.run(stop)


class Tellers:
    """The channels of a file that may change; `now` are those at work. `begin` has one work."""

    def __init__(self, begin: Callable[[Channel], Teller]) -> None:
        self.now: tuple[Teller, ...] = ()
        """Replaced as a whole, so it may be read by any thread."""
        self._begin = begin

    def take(self, channels: Sequence[Channel]) -> None:
        """Have these work: those that are the same go on, those that are not any more are ended first."""
        kept = {each.channel.name: each for each in self.now if each.channel in channels}
        gone = [each for each in self.now if each.channel.name not in kept]
        _end(gone)
        self.now = tuple(kept.values())
        for channel in channels:
            if channel.name not in kept:
                self.now = (*self.now, self._begin(channel))
                LOG.info("channel", extra={"channel": channel.name, "kind": channel.kind})
        for each in gone:
            if all(each.channel.name != channel.name for channel in channels):
                LOG.info("%s is no channel any more: it is told nothing", each.channel.name)

    def stop(self) -> None:
        """Have all begin nothing more."""
        for each in self.now:
            each.stop()

    def close(self) -> None:
        """End all."""
        _end(self.now)


def _end(tellers: Sequence[Ending]) -> None:
    """End these at the same time."""
    for each in tellers:
        each.stop()
    end = time.monotonic() + LAST_MESSAGE_SECONDS
    for each in tellers:
        each.close(max(0.0, end - time.monotonic()))


def begin_now(settings: Settings, group: str, topic: str) -> None:
    """Have a group that has never read anything begin with what comes next.

    Committed before anything is read: otherwise what comes before the first message would be lost with a process that
    dies until then. A partition that is added later is read from its beginning.
    """
    places = Positions(settings).places([topic])
    readers = group_offsets.GroupReaders(settings)
    try:
        if readers.committed(group, places):
            return
    finally:
        readers.close()
    bounds = group_offsets.bounds(settings, places)
    group_offsets.commit(settings, group, {place: bounds[place].end for place in places})
