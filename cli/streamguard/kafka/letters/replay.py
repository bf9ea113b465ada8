"""Replaying dead letters: writing records back to where they were refused, each exactly once.

Records and the position of their cause are committed in one transaction, under one transactional id for a topic: a
replay that is killed at any moment and started again goes on where it was, and of two at once the one that came first
is fenced. It ends where the topic ended when the plan was made, because a record that is refused again comes back as a
new dead letter.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streamguard.errors import Fenced, KafkaUnavailable, TopicError
from streamguard.errors import KafkaError as KafkaRefusal
from streamguard.kafka import clients
from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.kafka.exactly_once.steps import Limits, Steps
from streamguard.kafka.exactly_once.verdicts import Rebuild
from streamguard.kafka.letters.pace import Pace
from streamguard.kafka.letters.plan import Destination, Plan, destination
from streamguard.kafka.letters.reading import Letter, Replayed, replayed_headers
from streamguard.kafka.letters.topics import committed, group_of, ignore
from streamguard.settings import Settings

TRANSACTION_RECORDS = 200
TRANSACTION_BYTES = 16 * 1024 * 1024
"""Of values, about: dead letters are often the longest of records."""
METADATA_BYTES = 4096
"""What a broker keeps with an offset, unless its offset.metadata.max.bytes says otherwise."""
ROOM = 0.1
"""Seconds to wait for room in the producer's queue."""
AGAIN = "; run it again, and it goes on where it was"


class Replay:
    """Carries a plan out, once."""

    def __init__(self, settings: Settings, plan: Plan, *, rate: float | None = None) -> None:
        """`rate`: records a second, at most."""
        self._settings = settings
        self._plan = plan
        self._pace = Pace(rate)
        self._records = TRANSACTION_RECORDS if rate is None else max(1, min(TRANSACTION_RECORDS, int(rate)))
        self._group = group_of(plan.topic.name)
        self._failpoint = Failpoint(settings.failpoint)
        self._steps = Steps(threading.Event(), Limits(), self._give_up)
        self._producer: Producer = clients.transactional_producer(settings, self._group, error_cb=self._note_fatal)
        self._consumer: Consumer = clients.consumer(settings, self._group)  # has a place to commit to, reads nothing
        self._refusal: KafkaError | None = None
        self._written: Counter[Destination] = Counter()

    def run(self, on_written: Callable[[int], None]) -> Counter[Destination]:
        """Write everything; what was written, by cause and topic. `on_written` has the records committed so far.

        Raises:
            Fenced: another replay of the topic began after this one.
            KafkaUnavailable: Kafka went away; what is committed stays.
        """
        try:
            self._run(on_written)
        except KafkaException as exc:
            error = clients.cause(self._producer, exc.args[0] if self._refusal is None else self._refusal)
            self._abort()
            self._give_up(error)
        except Rebuild:
            raise self._resumable(clients.unavailable(self._settings)) from None
        except KafkaUnavailable as exc:
            raise self._resumable(exc) from exc
        except KeyboardInterrupt:
            self._abort()
            raise
        finally:
            clients.discard(self._producer)
            self._steps.end()
            self._consumer.close()
        return self._written

    def _run(self, on_written: Callable[[int], None]) -> None:
        plan, topic = self._plan, self._plan.topic
        self._steps.patiently(self._producer.init_transactions)
        places = Places(self._done())
        starts = {number: max(first, places.done[number].upto) for number, first in topic.first.items()}
        positions, letters, size = dict(starts), list[Letter](), 0
        for letter in topic.read(self._settings, starts, ignore):
            positions[letter.record.partition] = letter.record.offset + 1
            if plan.selects(letter, places.done):
                places.write(letter)
                letters.append(letter)
                size += len(letter.record.value or b"")
            else:
                places.leave(letter)
            if len(letters) == self._records or size > TRANSACTION_BYTES:
                self._transact(letters, places.after(positions))
                on_written(self._written.total())
                self._pace.pause_after(len(letters))
                letters, size = [], 0
        self._transact(letters, places.after(topic.ends))
        on_written(self._written.total())
        self._done()  # whoever asks after this one has ended is told of it

    def _done(self) -> dict[int, Replayed]:
        """How far the topic is replayed, when no transaction is open."""
        partitions = [TopicPartition(self._plan.topic.name, number) for number in self._plan.topic.first]
        return committed(self._group, self._steps.patiently(self._consumer.committed, partitions))

    def _transact(self, letters: Sequence[Letter], after: Mapping[int, Replayed]) -> None:
        producer, steps, reached = self._producer, self._steps, self._failpoint.reached
        offsets = offsets_of(self._plan.topic.name, after)
        producer.begin_transaction()
        reached("after_begin")
        for letter in letters:
            self._write(letter)
            reached("mid_produce")
        reached("before_offsets")
        membership = self._consumer.consumer_group_metadata()
        steps.in_transaction(producer.send_offsets_to_transaction, offsets, membership)
        reached("after_offsets")
        reached("during_commit")
        steps.in_transaction(producer.commit_transaction)
        reached("after_commit")
        for letter in letters:
            self._written[destination(letter, self._plan.to)] += 1

    def _write(self, letter: Letter) -> None:
        record = letter.record
        topic, partition = self._plan.place(letter)
        timestamp = max(record.timestamp if letter.origin is None else letter.origin.timestamp, 0)
        headers = replayed_headers(letter)
        while True:
            try:
                self._producer.produce(
                    topic, record.value, record.key, partition, self._note_refusal, None, timestamp, headers
                )
                return
            except BufferError:
                self._producer.poll(ROOM)

    def _note_fatal(self, error: KafkaError) -> None:
        """Later calls say no more than that there was one."""
        if error.fatal() and self._refusal is None:
            self._refusal = error

    def _note_refusal(self, error: KafkaError | None, _record: Message) -> None:
        if error is not None and self._refusal is None:
            self._refusal = error

    # ---- errors

    def _abort(self) -> None:
        """Let readers of the topics go on at once; if it fails, the transaction's time-out does."""
        try:
            self._steps.made(self._producer.abort_transaction, Limits().call, within=2 * Limits().call)
        except (KafkaException, Rebuild):
            return

    def _give_up(self, error: KafkaError) -> NoReturn:
        if error.code() in clients.FENCED:
            raise Fenced(f"another replay of {self._plan.topic.name} began after this one and has taken over")
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            wanted = ", ".join(sorted(self._plan.partitions))
            raise TopicError(
                f"a record of {self._plan.topic.name} is larger than {wanted} takes: raise its max.message.bytes{AGAIN}"
            )
        raise self._resumable(clients.translate(KafkaException(error), self._settings))

    def _resumable(self, error: Exception) -> KafkaRefusal:
        kind = type(error) if isinstance(error, KafkaRefusal) else KafkaRefusal
        return kind(f"{error}{AGAIN}")


class Places:
    """Where a replay is: from what was `done` when it began, what it has written and left since."""

    def __init__(self, done: Mapping[int, Replayed]) -> None:
        self.done = done
        self._causes: defaultdict[int, set[str]] = defaultdict(set)
        self._left: dict[int, int] = {}

    def write(self, letter: Letter) -> None:
        """It is in the next transaction."""
        self._causes[letter.record.partition].add(letter.cause)

    def leave(self, letter: Letter) -> None:
        """It is not written; it may be replayed already."""
        number, offset = letter.record.partition, letter.record.offset
        if not self.done[number].has(letter):
            self._left.setdefault(number, offset)

    def after(self, positions: Mapping[int, int]) -> dict[int, Replayed]:
        """How far partitions are replayed when they are read to before `positions`."""
        return {
            number: self.done[number].after(self._causes[number], position, self._left.get(number))
            for number, position in positions.items()
        }


def offsets_of(topic: str, after: Mapping[int, Replayed]) -> list[TopicPartition]:
    """What the group commits; `TopicError` if there are more positions than a broker keeps."""
    for it in after.values():
        if len(it.metadata) > METADATA_BYTES:
            raise TopicError(
                f"{topic} has {len(it.ahead)} causes that are replayed further than others, more than Kafka keeps: "
                f"replay it once without choosing any"
            )
    return [TopicPartition(topic, number, it.upto, it.metadata) for number, it in after.items()]
