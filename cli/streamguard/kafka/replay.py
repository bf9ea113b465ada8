"""Replaying dead letters: writing records back to where they were refused, each exactly once.

A replay first looks (`prepare`) and then writes (`Replay`). Records and the position of their cause are committed in
one transaction, under one transactional id for a topic: a replay that is killed at any moment and started again goes
on where it was, and of two at once the one that came first is fenced. It ends where the topic ended when it looked,
because a record that is refused again comes back as a new dead letter.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streamguard.errors import Fenced, KafkaUnavailable, Refused, TopicError, UnknownName
from streamguard.errors import KafkaError as KafkaRefusal
from streamguard.kafka import clients, dead_letters, topics
from streamguard.kafka.failpoint import Failpoint
from streamguard.kafka.letter_topics import LetterTopic, OnRead, committed, group_of, ignore, look
from streamguard.kafka.letters import Letter, Replayed, Sender
from streamguard.kafka.produce import Headers
from streamguard.kafka.steps import Limits, Steps
from streamguard.kafka.verdicts import Rebuild
from streamguard.project import did_you_mean
from streamguard.settings import Settings

TRANSACTION_RECORDS = 200
TRANSACTION_BYTES = 16 * 1024 * 1024
"""Of values, about: dead letters are often the longest of records."""
ROOM = 0.1
"""Seconds to wait for room in the producer's queue."""
ANY_PARTITION = -1
AGAIN = "; run it again, and it goes on where it was"

Destination = tuple[str, str, str]
"""Who refused the records, with which code, and the topic that they go to."""


@dataclass(frozen=True)
class Plan:
    """What a replay is to write: the letters of `topic` with one of `codes` (none: all) that are not replayed yet.

    `to` is another topic than that of their origin; `partitions` has the number of partitions of each topic that is
    written to; `records` counts the letters that there are.
    """

    topic: LetterTopic
    codes: frozenset[str]
    to: str | None
    partitions: Mapping[str, int]
    records: Counter[Destination]

    def selects(self, letter: Letter, done: Mapping[int, Replayed]) -> bool:
        """Whether it is to be written, if that much is done."""
        return (not self.codes or letter.code in self.codes) and not done[letter.record.partition].has(letter)

    def place(self, letter: Letter) -> tuple[str, int]:
        """The topic and the partition that the record goes to: where it was, or by its key."""
        topic, origin = target_of(letter, self.to), letter.origin
        if self.to is not None or origin is None or origin.partition >= self.partitions[topic]:
            return topic, ANY_PARTITION
        return topic, origin.partition


def prepare(settings: Settings, name: str, codes: Collection[str], to: str | None, on_read: OnRead) -> Plan:
    """Look what there is to replay; nothing is written.

    Raises:
        TopicError: the dead-letter topic, or one to be written to, does not exist.
        UnknownName: no letter has that code.
        Refused: the letters do not say where they came from, or a connector refused them, and `to` is not given.
    """
    if to == name:
        raise Refused(f"{name} is what would be replayed: --to takes another topic")
    topic = look(settings, name)
    chosen = Plan(topic, frozenset(codes), to, {}, Counter())
    seen: set[str] = set()
    for letter in topic.read(settings, topic.first if codes else topic.open, on_read):
        seen.add(letter.code)
        if chosen.selects(letter, topic.replayed):
            _require_target(letter, name, to)
            chosen.records[letter.refused_by, letter.code, target_of(letter, to)] += 1
    for code in codes:
        if code not in seen and code not in dead_letters.CODES:
            raise UnknownName(f"no record in {name} was refused with {code}{did_you_mean(code, seen)}")
    return Plan(topic, chosen.codes, to, _partitions(settings, chosen.records, name), chosen.records)


def target_of(letter: Letter, to: str | None) -> str:
    """The topic that the record of a letter goes to."""
    return to or (letter.origin.topic if letter.origin is not None else "")


def _require_target(letter: Letter, name: str, to: str | None) -> None:
    if to is not None:
        return
    where = f"{name} {letter.record.partition}:{letter.record.offset}"
    if letter.sender is Sender.CONNECTOR:
        topic = target_of(letter, None)
        raise Refused(
            f"{where} was refused by the connector {letter.refused_by}: written back to {topic} it would reach all "
            f"other sinks of that topic a second time; say with --to where it should go"
        )
    if letter.origin is None:
        raise Refused(f"{where} does not say where it came from: say with --to where it should go, or choose --cause")


def _partitions(settings: Settings, records: Collection[Destination], name: str) -> dict[str, int]:
    with clients.translated(settings):
        known = clients.admin(settings).list_topics(timeout=topics.ANSWER_SECONDS).topics
    wanted = sorted({topic for _, _, topic in records})
    for topic in wanted:
        if topic not in known:
            visible = [other for other in known if not other.startswith("__")]
            raise TopicError(
                f"records of {name} go to {topic}, and there is no such topic{did_you_mean(topic, visible)}"
            )
    return {topic: len(known[topic].partitions) for topic in wanted}


class Replay:
    """Carries a plan out, once."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self._settings = settings
        self._plan = plan
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
            error = exc.args[0] if self._refusal is None else self._refusal
            self._abort()
            self._give_up(error)
        except Rebuild:
            raise self._resumable(clients.unavailable(self._settings)) from None
        except KafkaUnavailable as exc:
            raise self._resumable(exc) from exc
        finally:
            clients.discard(self._producer)
            self._steps.end()
            self._consumer.close()
        return self._written

    def _run(self, on_written: Callable[[int], None]) -> None:
        plan, topic = self._plan, self._plan.topic
        self._steps.patiently(self._producer.init_transactions)
        done = self._done()
        starts = {number: max(first, done[number].upto) for number, first in topic.first.items()}
        positions, letters, size = dict(starts), list[Letter](), 0
        for letter in topic.read(self._settings, starts, ignore):
            positions[letter.record.partition] = letter.record.offset + 1
            if plan.selects(letter, done):
                letters.append(letter)
                size += len(letter.record.value or b"")
            if len(letters) == TRANSACTION_RECORDS or size > TRANSACTION_BYTES:
                self._transact(letters, done, positions)
                on_written(self._written.total())
                letters, size = [], 0
        self._transact(letters, done, topic.ends)
        on_written(self._written.total())
        self._done()  # whoever asks after this one has ended is told of it

    def _done(self) -> dict[int, Replayed]:
        """How far the topic is replayed, when no transaction is open."""
        partitions = [TopicPartition(self._plan.topic.name, number) for number in self._plan.topic.first]
        return committed(self._group, self._steps.patiently(self._consumer.committed, partitions))

    def _transact(self, letters: Sequence[Letter], done: Mapping[int, Replayed], positions: Mapping[int, int]) -> None:
        producer, steps, reached = self._producer, self._steps, self._failpoint.reached
        name, codes = self._plan.topic.name, self._plan.codes
        after = {number: done[number].after(codes, position) for number, position in positions.items()}
        offsets = [TopicPartition(name, number, it.upto, it.metadata) for number, it in after.items()]
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
            self._written[letter.refused_by, letter.code, target_of(letter, self._plan.to)] += 1

    def _write(self, letter: Letter) -> None:
        record = letter.record
        topic, partition = self._plan.place(letter)
        timestamp = max(record.timestamp if letter.origin is None else letter.origin.timestamp, 0)
        headers: Headers = list(letter.headers)
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
