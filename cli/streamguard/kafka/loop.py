"""The one read-process-write loop: records in, records out, exactly once.

A batch goes through five numbered steps, and everything it wrote is committed together with the offsets it read:

    1 consume    2 begin    3 handle    4 offsets    5 commit

Rules, each of which has cost somebody records:

* The transactional id and the group instance id are the same at every start. A restart then ends the transaction of its
  killed predecessor at once, takes its partitions back without a rebalance, and fences a forgotten twin.
* Offsets go into the transaction as "last record + 1"; the consumer never commits by itself.
* There are three classes of errors. *Retriable*: the same call again. *Abortable*: abort, and seek back to the
  committed offsets, because aborting does not rewind a consumer. *Fatal or indeterminate* (a commit or abort that did
  not answer): drop producer and consumer, make new ones, ``init_transactions``, and go on from the committed offsets.
  librdkafka has no KIP-890; a new producer epoch is what keeps a delayed commit from hitting a later transaction.
* Being fenced is no error to retry: another process has taken over, and `Fenced` ends this one.
* Nobody waits for delivery reports: ``commit_transaction`` flushes first, and fails if any record of the transaction
  was not delivered.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NoReturn, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streamguard.errors import Fenced, TopicError
from streamguard.errors import KafkaError as KafkaRefusal
from streamguard.kafka import clients
from streamguard.kafka.phase import Phase, PhaseFile
from streamguard.settings import Settings

T = TypeVar("T")
Record = Message
"""A consumed record, for those outside `kafka`, who do not import confluent_kafka."""
Headers = list[tuple[str, str | bytes | None]]

BATCH_RECORDS = 10_000
BATCH_WAIT = 0.05
IDLE_WAIT = 0.1
CALL_TIMEOUT = 1.0
"""Seconds that one call into librdkafka may block, so that a stop is noticed even while Kafka is away."""
STEP_TIMEOUT = 4.0
"""Seconds for one step of a transaction: short of the 5 s in which a stop must be done."""
INIT_TIMEOUT = 0.03
"""The first of a row that doubles. Kafka is busy for some 50 ms with ending the transaction of a killed predecessor;
librdkafka would ask again after 500 ms, a new call asks at once."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
SESSION_TIMEOUT = clients.SESSION_TIMEOUT_MS / 1000
TRANSACTION_TIMEOUT = clients.TRANSACTION_TIMEOUT_MS / 1000

LOG = logging.getLogger("streamguard.kafka.loop")


class Produce(Protocol):
    """Writes one record into the open transaction; waits while the producer's queue is full."""

    def __call__(  # noqa: PLR0917  the order of the values in a record; handlers write thousands a second
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        timestamp: int = 0,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None: ...


Handle = Callable[[Sequence[Message], Produce], None]
OnAssign = Callable[[list[TopicPartition]], list[TopicPartition]]
Metadata = Callable[[TopicPartition], str]


class _Stopped(BaseException):
    """The stop event was set while waiting for Kafka. No Exception: no handler may take it for a bad record."""


class _Rebuild(BaseException):
    """The outcome of a call is unknown, or a client is of no more use: begin again at the committed offsets."""


class Loop:
    """Reads `topics` as a member of `group`, hands batches to `handle`, commits what it wrote with what it read.

    `instance` names this copy; the transactional id and the group instance id are ``<group>.<instance>``. A batch holds
    at most `batch_records` records, and waits at most `batch_wait` seconds for more once it has one. `reset` is where a
    partition without a committed offset starts: earliest, latest, or error.

    `on_assign` receives the partitions with their committed offsets (``OFFSET_INVALID`` if there is none) and metadata,
    and returns them with the offsets to start from (``OFFSET_INVALID``: as `reset` says); it is asked again after every
    abort. `metadata` gives the text to commit with a partition, and receives it with the offset that is about to be
    committed. `on_commit` is called after the commit of a batch. All are called in the thread of `run`.

    An exception of `handle` aborts the transaction and ends `run`: a handler that knows a record to be bad writes it
    to the dead-letter topic, one that does not know must not go on.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        group: str,
        topics: Sequence[str],
        handle: Handle,
        instance: str | None = None,
        batch_records: int = BATCH_RECORDS,
        batch_wait: float = BATCH_WAIT,
        reset: str = "earliest",
        on_assign: OnAssign | None = None,
        metadata: Metadata | None = None,
        on_commit: Callable[[], None] | None = None,
    ) -> None:
        self.settings = settings
        self.group = group
        self.transactional_id = f"{group}.{instance or settings.instance}"
        self.topics = tuple(topics)
        self.ready = threading.Event()
        """Set while partitions are assigned."""
        self._handle = handle
        self._batch_records = batch_records
        self._batch_wait = batch_wait
        self._reset = reset
        self._on_assign = on_assign
        self._metadata = metadata
        self._on_commit = on_commit
        self._phase = PhaseFile(settings.phase_dir, self.transactional_id)
        self._errands: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._stop = threading.Event()
        self._producer: Producer
        self._consumer: Consumer
        self._produce: Produce
        self._assigned: list[TopicPartition] = []
        self._assignments = 0
        self._member: str | None = None
        self._begun = 0.0
        self._disturbed = False
        self._failed: Exception | None = None
        self._failures = 0

    @property
    def phase(self) -> Phase:
        """What the loop is doing right now."""
        return self._phase.now

    def between(self, errand: Callable[[], T]) -> Future[T]:
        """Have `errand` run in the loop's thread between two transactions; callable from any thread."""
        future: Future[T] = Future()
        self._errands.append((future, errand))
        return future

    def reposition(self) -> None:
        """Ask `on_assign` again and go on from where it says; to be called by an errand."""
        if self._assigned:
            self._start(self._assigned)

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then return within seconds; raise `Fenced` when another instance takes over.

        Kafka being away is waited out, at the start too.
        """
        self._stop = stop
        try:
            while not stop.is_set():
                self._run_until_rebuilt()
        finally:
            while self._errands:
                self._errands.popleft()[0].cancel()

    def _run_until_rebuilt(self) -> None:
        try:
            self._open()
            while not self._stop.is_set():
                self._run_errands()
                self._run_batch()
        except _Stopped:
            return
        except _Rebuild as exc:
            LOG.warning("rebuilding the Kafka clients of %s: %s", self.transactional_id, exc)
            if time.monotonic() - self._begun > SESSION_TIMEOUT and self._was_replaced():
                raise self._fenced("it had been silent for too long") from None
            self._pause()
        finally:
            self._close()

    def _run_errands(self) -> None:
        while self._errands:
            future, errand = self._errands.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(errand())
                except Exception as exc:  # noqa: BLE001  it belongs to whoever waits for the future
                    future.set_exception(exc)

    # ---- one batch, one transaction

    def _run_batch(self) -> None:
        batch = self._consume()
        if not batch:
            return
        try:
            self._transact(batch)
        except KafkaException as exc:
            self._abort(exc)
        except Exception:
            self._abort_quietly()
            raise
        else:
            self._failures = 0
        self._phase.set(Phase.IDLE)

    def _consume(self) -> list[Message]:
        """1 consume: wait for one record, then take what is there or comes within `batch_wait`."""
        before = 0
        try:
            batch = self._consumer.consume(1, IDLE_WAIT)
            before = self._assignments  # whatever was served before that record, it is of the present assignment
            if batch and self._batch_records > 1:
                batch += self._consumer.consume(self._batch_records - 1, self._batch_wait)
        except KafkaException as exc:
            self._judge_consumer(exc.args[0])
        if batch and self._assignments != before:  # some of these may belong to another member by now
            self.reposition()
            return []
        good = [record for record in batch if record.error() is None]
        if len(good) != len(batch):
            for record in batch:
                error = record.error()
                if error is not None:
                    self._judge_consumer(error)
        if good:
            self._phase.set(Phase.CONSUMED)
        return good

    def _transact(self, batch: list[Message]) -> None:
        self._begin()  # 2
        self._handle(batch, self._produce)  # 3
        if self._failed is not None:
            raise self._failed
        offsets = self._offsets_after(batch)
        membership = self._consumer.consumer_group_metadata()
        self._transactionally(self._producer.send_offsets_to_transaction, offsets, membership)  # 4
        self._commit()  # 5
        if self._on_commit is not None:
            self._on_commit()
        if self._disturbed:
            raise _Rebuild("a connection broke during a transaction: a late commit must not hit the next one")

    def _begin(self) -> None:
        self._begun = time.monotonic()
        self._disturbed = False
        self._failed = None
        self._producer.begin_transaction()
        self._phase.set(Phase.IN_TRANSACTION)

    def _offsets_after(self, batch: list[Message]) -> list[TopicPartition]:
        """The offsets to commit: last + 1 of each partition in the batch."""
        after: dict[tuple[str | None, int | None], int] = {}
        for record in reversed(batch):
            partition = (record.topic(), record.partition())
            if partition not in after:
                after[partition] = (record.offset() or 0) + 1
                if len(after) == len(self._assigned):
                    break
        offsets = [TopicPartition(topic or "", partition or 0, offset) for (topic, partition), offset in after.items()]
        if self._metadata is not None:
            offsets = [TopicPartition(o.topic, o.partition, o.offset, self._metadata(o)) for o in offsets]
        return offsets

    def _commit(self) -> None:
        self._phase.set(Phase.COMMITTING)
        self._transactionally(self._producer.commit_transaction)
        self._producer.poll(0)  # serves the events of broken connections

    # ---- errors

    def _transactionally(self, call: Callable[..., None], *arguments: Any) -> None:
        """A step of a transaction: it answers in time, or its outcome is unknown."""
        self._patiently(call, *arguments, limit=TRANSACTION_TIMEOUT, timeout=STEP_TIMEOUT)

    def _patiently(
        self, call: Callable[..., T], *arguments: Any, limit: float = math.inf, timeout: float = CALL_TIMEOUT
    ) -> T:
        """Call until it answers; retriable errors are retried, those that require an abort are raised.

        With a `limit`, in seconds, a call that times out has an unknown outcome and is not repeated: librdkafka 2.16
        may hang for ever in the second ``send_offsets_to_transaction`` after the broker was killed during the first.
        """
        end = time.monotonic() + limit
        while True:
            try:
                return call(*arguments, timeout)
            except KafkaException as exc:
                error = exc.args[0]
                if error.txn_requires_abort():
                    raise
                if not error.retriable() and error.code() != KafkaError._TIMED_OUT:
                    self._judge(error)
                self._disturbed = True
                timeout = min(2 * timeout, CALL_TIMEOUT)
                if self._stop.is_set():
                    raise _Stopped from exc
                if time.monotonic() > end or (limit < math.inf and error.code() == KafkaError._TIMED_OUT):
                    raise _Rebuild(f"no answer within {limit:.0f} s: {error.str()}") from exc

    def _abort(self, exc: KafkaException) -> None:
        """Abort, go back to the committed offsets, and wait a little: longer each time it happens in a row."""
        error = exc.args[0]
        if error.fatal() or error.code() in clients.FENCED:
            self._judge(error)
        LOG.warning("transaction of %s aborted: %s", self.transactional_id, error.str())
        try:
            self._transactionally(self._producer.abort_transaction)
        except KafkaException as second:
            self._judge(second.args[0])
        self.reposition()
        self._pause()

    def _abort_quietly(self) -> None:
        """After an exception of the handler, which is what matters: our successor ends what stays open."""
        try:
            self._producer.abort_transaction(CALL_TIMEOUT)
        except KafkaException as exc:
            LOG.warning("the transaction of %s could not be aborted: %s", self.transactional_id, exc)

    def _judge(self, error: KafkaError) -> NoReturn:
        """Of an error that neither a retry nor an abort can cure: ends the process, or the clients."""
        if error.code() in HOPELESS:
            raise clients.translate(KafkaException(error), self.settings)
        if error.code() not in clients.FENCED:
            raise _Rebuild(error.str())
        if time.monotonic() - self._begun < TRANSACTION_TIMEOUT or self._was_replaced():
            raise self._fenced(error.str())
        raise _Rebuild("Kafka gave up a transaction that took too long")

    def _judge_consumer(self, error: KafkaError) -> None:
        """Of an error that was consumed instead of a record."""
        if error.code() in REPLACED:
            raise self._fenced(error.str())
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise TopicError(f"{self.group} can not go on, its next records are no longer in the topic: {error.str()}")
        if error.code() in HOPELESS or error.code() == KafkaError._MAX_POLL_EXCEEDED:
            self._judge(error)
        LOG.warning("%s: %s", self.group, error.str())

    def _fenced(self, why: str) -> Fenced:
        return Fenced(f"another process runs as {self.transactional_id} and has taken over ({why}); this one ends")

    def _was_replaced(self) -> bool:
        """Whether another process has our group instance id: asked when a silence of ours may explain an error as well.

        Only asked, not tried out: joining the group again would drive the other one away.
        """
        while not self._stop.is_set():
            try:
                members = clients.members(self.settings, self.group)
            except KafkaRefusal:  # away, or back and without a coordinator for the group yet
                self._stop.wait(SHORTEST_PAUSE)
                continue
            return members.get(self.transactional_id, self._member) != self._member
        raise _Stopped

    def _pause(self) -> None:
        self._stop.wait(min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**self._failures))
        self._failures += 1

    # ---- clients and partitions

    def _open(self) -> None:
        """Join the group while the transactions are being initialised: the assignment is served only after that."""
        self._begun = time.monotonic()
        self._consumer = clients.consumer(
            self.settings, self.group, instance=self.transactional_id, **{"auto.offset.reset": self._reset}
        )
        self._consumer.subscribe(list(self.topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)
        self._producer = clients.transactional_producer(
            self.settings, self.transactional_id, error_cb=self._note_disturbance
        )
        self._produce = self._guarded(self._producer)
        self._patiently(self._producer.init_transactions, timeout=INIT_TIMEOUT)

    def _close(self) -> None:
        self._phase.set(Phase.IDLE)
        self._assigned = []
        self.ready.clear()
        if hasattr(self, "_producer"):
            clients.discard(self._producer)
            del self._producer, self._produce
        if hasattr(self, "_consumer"):
            self._consumer.close()

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._start(partitions)
        self._member = consumer.memberid()
        self._assigned = partitions
        self._assignments += 1
        self.ready.set()

    def _revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """Served by `consume`, so never inside a transaction: the batch in hand has been committed or aborted."""
        self._assigned = []
        self._assignments += 1
        self.ready.clear()

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Kafka has not heard from us for too long. librdkafka joins again, unless somebody has our place."""
        self._revoke(consumer, partitions)
        if self._was_replaced():
            raise self._fenced("it had been silent for too long")

    def _start(self, partitions: list[TopicPartition]) -> None:
        """Go on from the committed offsets, or from where `on_assign` says."""
        committed = self._patiently(self._consumer.committed, partitions)
        starts = committed if self._on_assign is None else self._on_assign(committed)
        self._consumer.assign([TopicPartition(p.topic, p.partition, p.offset) for p in starts])

    def _guarded(self, producer: Producer) -> Produce:
        """`producer.produce` that waits while the queue is full, and remembers a refusal in case a handler hides it."""
        write, poll, stop = producer.produce, producer.poll, self._stop

        def produce(  # noqa: PLR0917
            topic: str,
            value: bytes | None = None,
            key: bytes | None = None,
            timestamp: int = 0,
            headers: Headers | None = None,
            partition: int = -1,
        ) -> None:
            while True:
                try:
                    write(topic, value, key, partition, None, None, timestamp, headers)
                    return
                except BufferError:
                    if stop.is_set():
                        raise _Stopped from None
                    poll(0.1)
                except Exception as exc:
                    self._failed = exc
                    raise

        return produce

    def _note_disturbance(self, _error: KafkaError) -> None:
        self._disturbed = True


REPLACED = frozenset({KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL})
"""What a consumer says when another process has its group instance id: its only fatal error."""
HOPELESS = frozenset(
    {
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.INVALID_TRANSACTION_TIMEOUT,
        KafkaError.UNSUPPORTED_VERSION,
    }
)
"""Neither a retry nor new clients help: somebody has to change something."""
