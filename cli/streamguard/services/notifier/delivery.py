"""What the loop of a channel does with a batch: a thread tells what is to be told, then offsets are committed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from streamguard.errors import RecordRefused
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.metrics import Counts
from streamguard.services.notifier.courier import Cancelled, Courier, Refused, Wait
from streamguard.services.notifier.decision import parse
from streamguard.services.notifier.grouping import Item
from streamguard.services.notifier.told import Told

if TYPE_CHECKING:
    from streamguard.kafka.exactly_once.produce import Produce, Record
    from streamguard.kafka.metrics import Key

NAME = "notifier"


@dataclass
class Outcome:
    """What became of the decisions of a batch: numbers by outcome, and what the channel refused."""

    counted: Counter[Key] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)


Job = tuple[Sequence["Record"], "Future[Outcome]"]


class Delivery:
    """The channel of `courier`, with what it has `told`. `counts` say of each decision that was read what became of it.

    `ask` and `handle` are for the loop. What is under way when the loop wants its answer no longer is finished and
    written down, so that it need not be told again.
    """

    def __init__(self, courier: Courier, told: Told) -> None:
        self.courier = courier
        self.counts = Counts()
        self.told = told
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=courier.channel.name, daemon=True)
        self._thread.start()

    def ask(self, batch: Sequence[Record]) -> Future[Outcome]:
        """Begin to tell the decisions of a batch."""
        future: Future[Outcome] = Future()
        self._jobs.put((batch, future))
        return future

    def handle(self, batch: Sequence[Record], produce: Produce, outcome: Outcome) -> None:
        """Everything is told; what the channel refuses becomes a dead letter."""
        counted = self.counts.begin()
        counted.update(outcome.counted)
        for refused in outcome.refused:
            reason = f"the channel {self.courier.channel.name} refuses it: {refused.reason}"
            dead_letters.write(produce, batch[refused.item.index], RecordRefused("E_CHANNEL", reason), NAME)

    def close(self, seconds: float) -> None:
        """No more batches; what is under way gets so many seconds."""
        self._jobs.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, future = job
            try:
                outcome = self._outcome(batch, _waiting(future))
            except Cancelled:
                continue
            except BaseException as exc:  # noqa: BLE001  it ends the loop, which asks for the outcome
                if future.set_running_or_notify_cancel():
                    future.set_exception(exc)
            else:
                if future.set_running_or_notify_cancel():
                    future.set_result(outcome)

    def _outcome(self, batch: Sequence[Record], wait: Wait) -> Outcome:
        outcome = Outcome()
        items = self._wanted(batch, outcome.counted)
        outcome.refused = self.courier.deliver(items, wait)
        outcome.counted["refused",] += len(outcome.refused)
        outcome.counted["told",] += len(items) - len(outcome.refused)
        return outcome

    def _wanted(self, batch: Sequence[Record], counted: Counter[Key]) -> list[Item]:
        """What is to be told; the others are counted. Those that are no decisions become dead letters elsewhere."""
        items: list[Item] = []
        seen: set[tuple[str, int]] = set()
        for index, record in enumerate(batch):
            try:
                decision = parse(record.value())
            except RecordRefused:
                counted["unreadable",] += 1
                continue
            unwanted = self.courier.channel.filter.refuses(decision)
            revision = decision.decision_id, decision.revision
            if unwanted:
                counted[f"filtered_{unwanted}",] += 1
            elif revision in seen or self.told.has(decision):
                counted["repeated",] += 1
            else:
                seen.add(revision)
                items.append(Item(index, decision))
        return items


def _waiting(future: Future[Outcome]) -> Wait:
    """Waits, unless the future is cancelled."""
    cancelled = threading.Event()
    future.add_done_callback(lambda _: cancelled.set())

    def wait(seconds: float) -> None:
        if cancelled.wait(seconds):
            raise Cancelled

    return wait
