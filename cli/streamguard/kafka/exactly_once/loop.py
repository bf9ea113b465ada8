"""The one read-process-write loop: records in, records out, exactly once.

A batch goes through six numbered steps, and everything it wrote is committed together with the offsets it read:

    1 consume    2 ask    3 begin    4 handle    5 offsets    6 commit

2 is for handlers that need an answer from somebody else; no transaction is open while they wait for it.

Rules, each of which has cost somebody records:

* The transactional id and the group instance id are the same at every start. A restart then ends the transaction of its
  killed predecessor at once, takes its partitions back without a rebalance, and fences a forgotten twin.
* Offsets go into the transaction as "last record + 1"; the consumer never commits by itself.
* There are three classes of errors. *Retriable*: the same call again. *Abortable*: abort, and seek back to the
  committed offsets, because aborting does not rewind a consumer. *Fatal or indeterminate* (a commit or abort that did
  not answer): drop producer and consumer, make new ones, ``init_transactions``, and go on from the committed offsets.
  librdkafka has no KIP-890; a new producer epoch is what keeps a delayed commit from hitting a later transaction.
* Being fenced is no error to retry: another process has taken over, and `Fenced` ends this one.
* A call that outlasts its time-out, or a stop, is left to itself: `steps`.
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
from concurrent.futures import Future, wait
from typing import Any, NoReturn, TypeVar

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from streamguard.errors import Fenced, TopicError
from streamguard.kafka import clients
from streamguard.kafka.exactly_once import verdicts
from streamguard.kafka.exactly_once.batches import AskFirst, Handle, offsets_after
from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.kafka.exactly_once.phase import Phase, PhaseFile
from streamguard.kafka.exactly_once.session import Clients, Membership, OnAssign, Prepare, Session
from streamguard.kafka.exactly_once.steps import GLANCE, Limits, Steps
from streamguard.kafka.exactly_once.verdicts import Rebuild, Stopped, Verdict
from streamguard.settings import Settings

T = TypeVar("T")
Metadata = Callable[[TopicPartition], str]

BATCH_RECORDS = 10_000
BATCH_WAIT = 0.05
IDLE_WAIT = 0.1
SLICE = 0.25
"""Seconds of `batch_wait` between two looks at the stop event."""
PAUSE_AFTER = 1.0
"""Seconds without an answer after which the partitions are paused: to pause throws away what was fetched ahead."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
SESSION_TIMEOUT = clients.SESSION_TIMEOUT_MS / 1000
TRANSACTION_TIMEOUT = clients.TRANSACTION_TIMEOUT_MS / 1000

LOG = logging.getLogger("streamguard.kafka.exactly_once.loop")


class Loop:
    """Reads `topics` as a member of `group`, hands batches to `handle`, commits what it wrote with what it read.

    `instance` names this copy; the transactional id and the group instance id are ``<group>.<instance>``. A batch holds
    at most `batch_records` records, and waits at most `batch_wait` seconds for more once it has one. `reset` is where a
    partition without a committed offset starts: earliest, latest, or error.

    `on_assign` receives the partitions with their committed offsets (``OFFSET_INVALID`` if there is none) and metadata,
    and returns those to read with the offsets to start from (``OFFSET_INVALID``: as `reset` says); it is asked again
    after every abort. `prepare` receives the same, before that, and does in small steps what takes long: Kafka is
    polled between them, so the place in the group is kept. `metadata` gives the text to commit with a partition, and
    receives it with the offset that is about to be committed. `on_commit` is called after the commit of a batch. All
    are called in the thread of `run`.

    `shared`: several processes, each with an `instance` of its own, divide the partitions of the group. One that dies
    is replaced by the others after the time of a session, one that ends at once; see `siblings`.

    An exception of `handle` aborts the transaction and ends `run`: a handler that knows a record to be bad writes it
    to the dead-letter topic, one that does not know must not go on.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        group: str,
        topics: Sequence[str],
        handle: Handle | AskFirst[Any],
        instance: str | None = None,
        batch_records: int = BATCH_RECORDS,
        batch_wait: float = BATCH_WAIT,
        reset: str = "earliest",
        on_assign: OnAssign | None = None,
        metadata: Metadata | None = None,
        on_commit: Callable[[], None] | None = None,
        prepare: Prepare | None = None,
        shared: bool = False,
        limits: Limits | None = None,
        source: Clients = clients,
    ) -> None:
        self.settings = settings
        self.group = group
        self.transactional_id = f"{group}.{instance or settings.instance}"
        self.topics = tuple(topics)
        self.ready = threading.Event()
        """Set while partitions are assigned: no longer when Kafka has not answered for the time of a session, 6 s."""
        self._handle = handle
        self._batch_records = batch_records
        self._batch_wait = batch_wait
        self._reset = reset
        self._on_assign = on_assign
        self._prepare = prepare
        self._shared = shared
        self._metadata = metadata
        self._on_commit = on_commit
        self._limits = limits or Limits()
        self._place = Membership(settings, group, self.transactional_id, source)
        self._phase = PhaseFile(settings.phase_dir, self.transactional_id)
        self._failpoint = Failpoint(settings.failpoint)
        self._errands: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._stop = threading.Event()
        self._steps: Steps
        self._session: Session
        self._begun = 0.0
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
        self._session.reposition()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set, then return within seconds; raise `Fenced` when another instance takes over.

        Kafka being away is waited out, at the start too.
        """
        self._stop = stop
        try:
            while not stop.is_set():
                self._run_until_rebuilt()
        except Stopped:  # also while it was asked, at a rebuild, who has our place
            return
        finally:
            while self._errands:
                self._errands.popleft()[0].cancel()

    def _run_until_rebuilt(self) -> None:
        self._begun = time.monotonic()
        self._steps = Steps(self._stop, self._limits, self._give_up, self._require_admission)
        self._session = Session(
            self._place,
            self._steps,
            self._stop,
            reset=self._reset,
            on_assign=self._on_assign,
            ready=self.ready,
            failpoint=self._failpoint,
            prepare=self._prepare,
            shared=self._shared,
        )
        try:
            self._session.open(self.topics)
            while not self._stop.is_set():
                self._run_errands()
                if self._session.preparing:
                    self._prepare_on()
                else:
                    self._run_batch()
        except Rebuild as exc:
            LOG.warning("rebuilding the Kafka clients of %s: %s", self.transactional_id, exc)
            if time.monotonic() - self._begun > SESSION_TIMEOUT and self._was_replaced():
                raise self._place.fenced("it had been silent for too long") from None
            self._pause()
        finally:
            self._phase.set(Phase.IDLE)
            if self._stop.is_set():
                self._failpoint.reached("on_stop")
            self._session.close()

    def _run_errands(self) -> None:
        while self._errands:
            future, errand = self._errands.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(errand())
                except Exception as exc:  # noqa: BLE001  it belongs to whoever waits for the future
                    future.set_exception(exc)

    def _prepare_on(self) -> None:
        """A step of what comes before reading. A record that comes meanwhile is read again: nobody handles it."""
        session = self._session
        session.prepare()
        if session.preparing:
            self._glance()
            if session.astray:
                session.reposition()

    # ---- one batch, one transaction

    def _run_batch(self) -> None:
        batch = self._consume()
        handle = self._handle_for(batch) if batch else None
        if handle is None:
            return
        try:
            self._transact(batch, handle)
        except KafkaException as exc:
            self._abort(exc)
        except Fenced:
            raise
        except Exception:
            self._abort_quietly()
            raise
        else:
            self._failures = 0
            if self._session.astray:
                self._session.reposition()
        self._phase.set(Phase.IDLE)

    def _consume(self) -> list[Message]:
        """1 consume: wait for one record, then take what is there or comes within `batch_wait`."""
        session, before = self._session, 0
        batch: list[Message] = []
        try:
            batch = session.consumer.consume(1, IDLE_WAIT)
            before = session.assignments  # whatever was served before that record, it is of the present assignment
            if batch and self._batch_records > 1:
                batch += self._more()
        except KafkaException as exc:
            self._judge_consumer(exc.args[0])
        if batch and session.assignments != before:  # some of these may belong to another member by now
            session.reposition()
            return []
        if not batch and not session.assigned:
            clients.require_admission(self.settings)
        good = [record for record in batch if record.error() is None]
        if len(good) != len(batch):
            for record in batch:
                error = record.error()
                if error is not None:
                    self._judge_consumer(error)
        if good:
            self._phase.set(Phase.CONSUMED)
            self._failpoint.reached("after_poll")
        return good

    def _more(self) -> list[Message]:
        """What comes within `batch_wait`, up to a whole batch; a stop is not kept waiting."""
        found: list[Message] = []
        slices = max(1, math.ceil(self._batch_wait / SLICE))
        for _ in range(slices):
            found += self._session.consumer.consume(self._batch_records - 1 - len(found), self._batch_wait / slices)
            if self._stop.is_set() or len(found) == self._batch_records - 1:
                break
        return found

    def _handle_for(self, batch: list[Message]) -> Handle | None:
        """2 ask: what handles this batch; None if its partitions are not ours any longer."""
        if not isinstance(self._handle, AskFirst):
            return self._handle
        session, before = self._session, self._session.assignments
        self._phase.set(Phase.ASKING)
        answer = self._handle.ask(batch)
        try:
            pause_at = time.monotonic() + PAUSE_AFTER
            while not wait([answer], GLANCE).done:
                if self._stop.is_set():
                    raise Stopped
                if time.monotonic() > pause_at:
                    self._keep_place()
                if session.assignments != before:
                    session.reposition()
                    return None
        finally:
            answer.cancel()
            session.resume()
        self._failpoint.reached("after_ask")
        answered, result = self._handle.handle, answer.result()
        return lambda batch, produce: answered(batch, produce, result)

    def _keep_place(self) -> None:
        """Be a member of the group that wants no records."""
        self._session.pause()
        self._glance()

    def _glance(self) -> None:
        """Let Kafka say what it has to say, other than records."""
        try:
            found = self._session.consumer.consume(1, 0)
        except KafkaException as exc:
            self._judge_consumer(exc.args[0])
            return
        for record in found:
            error = record.error()
            if error is None:  # it was on its way before the pause
                self._session.astray = True
            else:
                self._judge_consumer(error)

    def _transact(self, batch: list[Message], handle: Handle) -> None:
        session, steps, reached = self._session, self._steps, self._failpoint.reached
        self._begin()  # 3
        reached("after_begin")
        try:
            handle(batch, self._failpoint.watched(session.produce))  # 4
            session.refusals.check()
        except KafkaException as exc:
            raise KafkaException(self._cause(exc.args[0], batch)) from exc
        reached("before_offsets")
        offsets = self._offsets_after(batch)
        membership = session.consumer.consumer_group_metadata()
        steps.in_transaction(session.producer.send_offsets_to_transaction, offsets, membership)  # 5
        reached("after_offsets")
        self._phase.set(Phase.COMMITTING)
        reached("during_commit")
        steps.in_transaction(session.producer.commit_transaction)  # 6
        reached("after_commit")
        self._place.committed |= {(o.topic, o.partition): o for o in offsets}
        session.producer.poll(0)  # serves the events of broken connections
        if self._on_commit is not None:
            self._on_commit()
        if steps.disturbed:
            raise Rebuild("a connection broke during a transaction: a late commit must not hit the next one")

    def _begin(self) -> None:
        self._begun = time.monotonic()
        self._steps.disturbed = False
        self._session.refusals.forget()
        self._session.producer.begin_transaction()
        self._phase.set(Phase.IN_TRANSACTION)

    def _offsets_after(self, batch: list[Message]) -> list[TopicPartition]:
        """The offsets to commit, with what is committed beside them."""
        offsets = offsets_after(batch, len(self._session.assigned))
        siblings = self._session.siblings
        if self._metadata is None and siblings is None:
            return offsets
        texts = ["" if self._metadata is None else self._metadata(each) for each in offsets]
        if siblings is not None:
            texts = list(map(siblings.sign, texts))
        return [TopicPartition(o.topic, o.partition, o.offset, text) for o, text in zip(offsets, texts, strict=True)]

    # ---- errors

    def _cause(self, error: KafkaError, batch: list[Message]) -> KafkaError:
        """What a transaction has failed of, which a refused record does not say. It is aborted in any case."""
        if error.code() != KafkaError._STATE:
            return error
        session = self._session
        try:
            membership = session.consumer.consumer_group_metadata()
            session.producer.send_offsets_to_transaction(self._offsets_after(batch), membership, self._limits.call)
        except KafkaException as exc:
            return exc.args[0]  # type: ignore[no-any-return]
        return error

    def _abort(self, exc: KafkaException) -> None:
        """Abort, go back to the committed offsets, and wait a little: longer each time it happens in a row."""
        error = exc.args[0]
        verdict = verdicts.of_abort(error)
        if verdict is Verdict.HOPELESS:  # readers of what we write need not wait for our successor
            self._abort_quietly()
        if verdict is not Verdict.ABORT:
            self._give_up(error)
        LOG.warning("transaction of %s aborted: %s", self.transactional_id, error.str())
        try:
            self._steps.in_transaction(self._session.producer.abort_transaction)
        except KafkaException as second:
            self._give_up(second.args[0])
        self._session.reposition()
        self._pause()

    def _abort_quietly(self) -> None:
        """After an exception of the handler, which is what matters: our successor ends what stays open."""
        seconds = self._limits.call
        try:
            self._steps.made(self._session.producer.abort_transaction, seconds, within=2 * seconds)
        except (KafkaException, Rebuild, Stopped) as exc:
            LOG.warning("the transaction of %s could not be aborted: %s", self.transactional_id, exc)

    def _give_up(self, error: KafkaError) -> NoReturn:
        """Of an error that neither a retry nor an abort can cure: ends the process, or the clients."""
        verdict = verdicts.of_end(error)
        if verdict is Verdict.HOPELESS:
            raise clients.translate(KafkaException(error), self.settings)
        if verdict is Verdict.REBUILD:
            raise Rebuild(error.str())
        if error.code() in verdicts.REPLACED:
            self._replaced(error)
        at_once = not self._shared and time.monotonic() - self._begun < TRANSACTION_TIMEOUT  # else it may be a sibling
        if at_once or self._was_replaced():
            raise self._place.fenced(error.str())
        raise Rebuild("Kafka gave up a transaction that took too long")

    def _require_admission(self) -> None:
        """Raise if Kafka does not let us in: a call that nobody answered does not say so."""
        clients.require_admission(self.settings)

    def _judge_consumer(self, error: KafkaError) -> None:
        """Of an error that was consumed instead of a record."""
        if error.code() in verdicts.REPLACED:
            self._replaced(error)
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise TopicError(f"{self.group} can not go on, its next records are no longer in the topic: {error.str()}")
        if error.code() in verdicts.HOPELESS or error.code() == KafkaError._MAX_POLL_EXCEEDED:
            self._give_up(error)
        LOG.warning("%s: %s", self.group, error.str())

    def _replaced(self, error: KafkaError) -> NoReturn:
        """Somebody has our place in the group."""
        if self._place.may_be_itself():
            self._begun = time.monotonic()  # that we were silent for too long is said by this as well
            raise Rebuild(error.str())
        raise self._place.fenced(error.str())

    def _was_replaced(self) -> bool:
        return self._place.was_replaced(self._steps, self._stop)

    def _pause(self) -> None:
        self._stop.wait(min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**self._failures))
        self._failures += 1
