"""What the loop does about each class of errors, by clients that play a script."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from streamguard.errors import Fenced, StreamguardError, TopicError
from streamguard.errors import KafkaError as KafkaRefusal
from streamguard.kafka import clients
from streamguard.kafka.door import Door
from streamguard.kafka.exactly_once.batches import AskFirst, Handle
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.exactly_once.produce import Produce
from streamguard.kafka.exactly_once.steps import Limits
from streamguard.settings import Settings, load
from tests.kafka.records import record
from tests.kafka.scripted import HANGS, TOPIC, Script, error

LIMITS = Limits(call=0.05, step=0.05, steps=0.3, late=0.1, grace=0.1, close=0.1)
RETRIABLE = error(KafkaError.COORDINATOR_LOAD_IN_PROGRESS, retriable=True)
ABORTABLE = error(KafkaError.UNKNOWN_MEMBER_ID, abortable=True)
FATAL = error(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, fatal=True)
STATE = error(KafkaError._STATE)
TIMED_OUT = error(KafkaError._TIMED_OUT, retriable=True)
FENCED = error(KafkaError._FENCED, fatal=True)
FORBIDDEN = error(KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, fatal=True)
STEPS = ("offsets", "commit")
ALL = [b"%d" % number for number in range(10)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(tmp_path, environ={})


@pytest.fixture
def script() -> Iterator[Script]:
    script = Script()
    yield script
    script.let_go.set()


def copy(batch: Sequence[Message], produce: Produce) -> None:
    for one in batch:
        produce("out", one.value())


def run(settings: Settings, script: Script, **options: Any) -> None:
    """Run a loop that copies until everything is committed."""
    stop = threading.Event()

    def stop_at_the_end() -> None:
        if script.committed == len(script.log):
            stop.set()

    chosen: dict[str, Any] = {"handle": copy, "batch_records": 4, "on_commit": stop_at_the_end} | options
    timer = threading.Timer(5, stop.set)
    timer.start()
    Loop(settings, group="g", topics=[TOPIC], limits=LIMITS, source=script.source, **chosen).run(stop)
    timer.cancel()


def test_without_errors_everything_is_written_once_in_steps(settings: Settings, script: Script) -> None:
    run(settings, script)
    assert script.written == ALL
    steps = [call for call in script.calls if call not in ("produce", "purge", "poll")]
    batch = ["consume", "consume", "begin", "offsets", "commit"]
    assert steps == ["init", "consume", "committed", *batch[1:], *batch, *batch, "close"]


@pytest.mark.parametrize("step", ["init", *STEPS])
def test_a_retriable_error_means_the_same_call_again(settings: Settings, script: Script, step: str) -> None:
    script.answer(step, RETRIABLE, RETRIABLE)
    run(settings, script)
    assert script.written == ALL
    assert "abort" not in script.calls
    first = script.calls.index(step)
    assert script.calls[first : first + 3] == [step] * 3


@pytest.mark.parametrize("step", STEPS)
def test_after_a_repetition_in_a_transaction_the_clients_are_new(settings: Settings, script: Script, step: str) -> None:
    script.answer(step, RETRIABLE)
    run(settings, script)
    assert (script.count("init"), script.clients) == (2, 2)


@pytest.mark.parametrize("step", ["produce", *STEPS])
def test_an_abortable_error_aborts_and_seeks_back_so_that_nothing_is_skipped(
    settings: Settings, script: Script, step: str
) -> None:
    script.answer(step, None, ABORTABLE)
    run(settings, script)
    assert script.written == ALL
    assert script.count("abort") == 1
    after = script.calls[script.calls.index("abort") :]
    assert after[1] == "committed"
    assert script.clients == 1


def test_every_abort_in_a_row_is_followed_by_a_longer_pause(settings: Settings, script: Script) -> None:
    script.answer("commit", *[ABORTABLE] * 3)
    begun = time.monotonic()
    run(settings, script)
    assert script.written == ALL
    assert 0.05 + 0.1 + 0.2 < time.monotonic() - begun < 2


@pytest.mark.parametrize("answer", [FATAL, STATE], ids=["fatal", "neither retriable nor abortable"])
@pytest.mark.parametrize("step", STEPS)
def test_what_no_abort_cures_means_new_clients_from_the_committed_offsets(
    settings: Settings, script: Script, step: str, answer: KafkaError
) -> None:
    script.answer(step, None, answer)
    run(settings, script)
    assert script.written == ALL
    assert (script.clients, script.count("init"), script.count("abort")) == (2, 2, 0)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("answer", [TIMED_OUT, HANGS], ids=["a time-out", "no return"])
def test_a_step_without_an_answer_is_never_repeated_but_done_anew_by_new_clients(
    settings: Settings, script: Script, step: str, answer: KafkaError | str
) -> None:
    script.answer(step, answer)
    run(settings, script)
    assert script.written == ALL
    first = script.calls.index(step)
    assert script.calls[first + 1 : first + 5] == ["purge", "poll", "close", "init"]


def test_a_producer_that_is_discarded_for_a_fatal_error_may_say_so_again(settings: Settings, script: Script) -> None:
    script.answer("commit", FATAL)
    script.answer("poll", FATAL)
    run(settings, script)
    assert script.written == ALL
    assert script.clients == 2


def test_an_abort_that_times_out_means_new_clients(settings: Settings, script: Script) -> None:
    script.answer("commit", ABORTABLE)
    script.answer("abort", TIMED_OUT)
    run(settings, script)
    assert script.written == ALL
    assert (script.clients, script.count("abort")) == (2, 1)


@pytest.mark.parametrize("step", ["init", "begin", "produce", *STEPS])
def test_being_fenced_ends_the_loop(settings: Settings, script: Script, step: str) -> None:
    script.answer(step, FENCED)
    with pytest.raises(Fenced, match=r"another process runs as g\.0 and has taken over"):
        run(settings, script)
    assert script.written == []
    assert "abort" not in script.calls


@pytest.mark.parametrize("code", [KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID])
def test_a_consumer_whose_place_is_taken_is_fenced(settings: Settings, script: Script, code: int) -> None:
    script.log[5] = record(None, topic=TOPIC, offset=5, error=error(code))
    with pytest.raises(Fenced):
        run(settings, script)


def disturbed_once(script: Script) -> Handle:
    """Copies; while it has the first batch, a connection breaks, and Kafka gives us another member id."""

    def handle(batch: Sequence[Message], produce: Produce) -> None:
        copy(batch, produce)
        if script.count("begin") == 1:
            script.disturb()
            script.group["g.0"] = "made by a repeated request to join"

    return handle


def test_a_place_that_is_taken_after_a_broken_connection_may_be_taken_by_ourselves(
    settings: Settings, script: Script
) -> None:
    script.answer("consume", None, None, error(KafkaError._FATAL))
    run(settings, script, handle=disturbed_once(script))
    assert script.written == ALL


def test_so_may_one_that_is_taken_when_we_were_silent_for_too_long(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamguard.kafka.exactly_once.loop.SESSION_TIMEOUT", 0.0)
    run(settings, script, handle=disturbed_once(script))
    assert script.written == ALL


def test_a_place_that_is_taken_twice_is_taken_by_another_process(settings: Settings, script: Script) -> None:
    script.log[5] = record(None, topic=TOPIC, offset=5, error=error(KafkaError._FATAL))

    def broken(batch: Sequence[Message], produce: Produce) -> None:
        copy(batch, produce)
        script.disturb()

    with pytest.raises(Fenced):
        run(settings, script, handle=broken)
    assert script.clients == 3


def test_records_that_are_gone_are_no_reason_to_go_on(settings: Settings, script: Script) -> None:
    script.log[0] = record(None, topic=TOPIC, error=error(KafkaError._AUTO_OFFSET_RESET))
    with pytest.raises(TopicError, match="no longer in the topic"):
        run(settings, script)


def test_what_only_an_operator_can_change_ends_the_loop_with_the_reason(settings: Settings, script: Script) -> None:
    script.answer("init", FORBIDDEN)
    with pytest.raises(KafkaRefusal, match="refused"):
        run(settings, script)


@pytest.mark.parametrize("step", STEPS)
def test_what_is_not_allowed_in_a_transaction_aborts_it_and_ends_the_loop_instead_of_trying_for_ever(
    settings: Settings, script: Script, step: str
) -> None:
    script.answer(step, error(KafkaError.TOPIC_AUTHORIZATION_FAILED, abortable=True))
    with pytest.raises(KafkaRefusal, match="refused us: as the script says; have who runs it allow"):
        run(settings, script)
    assert script.count("abort") == 1
    assert script.written == []


def test_a_refused_record_that_does_not_say_why_ends_the_loop_if_the_transaction_says_that_it_is_not_allowed(
    settings: Settings, script: Script
) -> None:
    """librdkafka registers a partition in the background: records after that fail with the state of the transaction."""
    script.answer("produce", STATE)
    script.answer("offsets", error(KafkaError.TOPIC_AUTHORIZATION_FAILED, abortable=True))
    with pytest.raises(KafkaRefusal, match="refused us: as the script says; have who runs it allow"):
        run(settings, script)
    assert (script.count("offsets"), script.count("abort"), script.written) == (1, 1, [])


def test_a_loop_that_is_not_let_in_ends_once_that_has_lasted(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "SHUT_SECONDS", 0.0)
    script.answer("init", *[error(KafkaError._TIMED_OUT, retriable=True)] * 3)
    refused = KafkaError(KafkaError._AUTHENTICATION, "SASL authentication error: invalid credentials")
    door = Door()
    door.note(settings, refused)
    monkeypatch.setattr(clients, "DOOR", door)
    with pytest.raises(KafkaRefusal, match="does not take this user and password"):
        run(settings, script)
    assert script.count("init") == 1


def test_a_handlers_exception_aborts_and_commits_nothing(settings: Settings, script: Script) -> None:
    def breaks(batch: Sequence[Message], produce: Produce) -> None:
        copy(batch, produce)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(settings, script, handle=breaks)
    assert (script.written, script.count("abort"), script.count("offsets")) == ([], 1, 0)


@pytest.mark.parametrize("step", ["init", "offsets", "commit", "abort", "members", "close"])
def test_a_stop_ends_a_loop_in_time_whichever_call_does_not_return(
    settings: Settings, script: Script, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script.answer(step, HANGS)
    if step == "abort":
        script.answer("commit", ABORTABLE)
    if step == "members":  # asked for by a loop that was silent for too long
        monkeypatch.setattr("streamguard.kafka.exactly_once.loop.SESSION_TIMEOUT", 0.0)
        script.answer("commit", STATE)
    stop = threading.Event()
    patient = Limits(call=30, step=30, grace=0.1, close=0.1)
    loop = Loop(settings, group="g", topics=[TOPIC], handle=copy, limits=patient, source=script.source)
    ended: list[StreamguardError | None] = []

    def work() -> None:
        loop.run(stop)
        ended.append(None)

    thread = threading.Thread(target=work)
    thread.start()
    if step == "close":
        while script.committed < len(script.log):
            time.sleep(0.001)
        stop.set()
    while step not in script.calls:
        time.sleep(0.001)
    begun = time.monotonic()
    stop.set()
    thread.join(5)
    assert ended == [None]
    assert time.monotonic() - begun < 1


def test_a_loop_that_was_silent_too_long_asks_before_it_takes_its_place_back(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamguard.kafka.exactly_once.loop.SESSION_TIMEOUT", 0.0)
    script.answer("commit", STATE)

    def somebody_came(batch: Sequence[Message], produce: Produce) -> None:
        copy(batch, produce)
        script.group["g.0"] = "another"

    with pytest.raises(Fenced, match="silent for too long"):
        run(settings, script, handle=somebody_came)
    assert script.written == []


class Asked:
    """Somebody who is asked about batches: `answers` says when."""

    def __init__(self) -> None:
        self.questions: list[tuple[list[bytes | None], Future[str]]] = []
        self.asked = threading.Event()

    def ask(self, batch: Sequence[Message]) -> Future[str]:
        answer: Future[str] = Future()
        self.questions.append(([one.value() for one in batch], answer))
        self.asked.set()
        return answer

    def handle(self, batch: Sequence[Message], produce: Produce, answer: str) -> None:
        for one in batch:
            produce("out", (one.value() or b"") + answer.encode())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamguard.kafka.exactly_once.loop.PAUSE_AFTER", 0.0)


def answering(asked: Asked, script: Script, *, questions: int = 3) -> threading.Thread:
    """A thread that answers each question once the partitions are paused, unless it was cancelled by then."""

    def work() -> None:
        for number in range(questions):
            while len(asked.questions) <= number:
                time.sleep(0.001)
            script.paused.clear()
            assert script.paused.wait(5)
            if asked.questions[number][1].set_running_or_notify_cancel():
                asked.questions[number][1].set_result("!")

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.usefixtures("impatient")
def test_while_an_answer_is_waited_for_partitions_are_paused_and_no_transaction_is_open(
    settings: Settings, script: Script
) -> None:
    asked = Asked()
    thread = answering(asked, script)
    run(settings, script, handle=AskFirst(asked.ask, asked.handle))
    thread.join(5)
    assert script.written == [number + b"!" for number in ALL]
    assert [batch for batch, _ in asked.questions] == [ALL[:4], ALL[4:8], ALL[8:]]
    assert (script.count("pause"), script.count("resume"), script.clients) == (3, 3, 1)
    opened = [call for call in script.calls if call in ("pause", "resume", "begin", "commit")]
    assert opened == ["pause", "resume", "begin", "commit"] * 3


def test_a_quick_answer_pauses_nothing(settings: Settings, script: Script) -> None:
    def ask(_batch: Sequence[Message]) -> Future[str]:
        answer: Future[str] = Future()
        answer.set_result("")
        return answer

    run(settings, script, handle=AskFirst(ask, Asked().handle))
    assert (script.written, script.count("pause")) == (ALL, 0)


def test_a_stop_cancels_what_was_asked(settings: Settings, script: Script) -> None:
    asked, stop = Asked(), threading.Event()
    loop = Loop(
        settings,
        group="g",
        topics=[TOPIC],
        handle=AskFirst(asked.ask, asked.handle),
        limits=LIMITS,
        source=script.source,
    )
    thread = threading.Thread(target=loop.run, args=(stop,))
    thread.start()
    assert asked.asked.wait(5)
    begun = time.monotonic()
    stop.set()
    thread.join(5)
    assert time.monotonic() - begun < 1
    assert asked.questions[0][1].cancelled()
    assert (script.written, script.count("begin")) == ([], 0)


@pytest.mark.usefixtures("impatient")
def test_an_answer_for_partitions_that_went_to_another_member_is_not_used(settings: Settings, script: Script) -> None:
    asked = Asked()
    script.reassign_when_paused = True
    thread = answering(asked, script, questions=4)
    run(settings, script, handle=AskFirst(asked.ask, asked.handle))
    thread.join(5)
    assert asked.questions[0][1].cancelled()
    assert script.written == [number + b"!" for number in ALL]


@pytest.mark.usefixtures("impatient")
def test_partitions_that_are_taken_while_they_are_paused_are_read_when_they_come_back(
    settings: Settings, script: Script
) -> None:
    asked = Asked()
    script.revoke_when_paused = True
    thread = answering(asked, script, questions=4)
    run(settings, script, handle=AskFirst(asked.ask, asked.handle))
    thread.join(5)
    assert script.written == [number + b"!" for number in ALL]


def test_an_answer_that_is_an_error_ends_the_loop_before_a_transaction(settings: Settings, script: Script) -> None:
    def ask(_batch: Sequence[Message]) -> Future[str]:
        answer: Future[str] = Future()
        answer.set_exception(ZeroDivisionError())
        return answer

    with pytest.raises(ZeroDivisionError):
        run(settings, script, handle=AskFirst(ask, Asked().handle))
    assert (script.count("begin"), script.count("abort")) == (0, 0)


@pytest.fixture
def hanging_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamguard.kafka.exactly_once.session.HANGING_AFTER", 0.0)


@pytest.mark.usefixtures("hanging_at_once")
def test_offsets_that_kafka_withholds_are_committed_again_as_they_are_known(settings: Settings, script: Script) -> None:
    script.answer("commit", None, None, ABORTABLE)
    script.answer("committed", None, TIMED_OUT)
    run(settings, script)
    assert script.written == ALL
    again = script.calls.index("members")
    assert script.calls[again - 2 : again + 5] == [
        "abort",
        "committed",
        "members",
        "begin",
        "offsets",
        "commit",
        "committed",
    ]


@pytest.mark.usefixtures("hanging_at_once")
@pytest.mark.parametrize("others", [True, False], ids=["somebody else is a member", "nothing is known"])
def test_offsets_that_kafka_withholds_are_waited_for_where_they_may_have_changed(
    settings: Settings, script: Script, others: bool
) -> None:
    if others:
        script.group["g.1"] = "another"
        script.answer("commit", None, ABORTABLE)
        script.answer("committed", None, *[TIMED_OUT] * 5)
    else:
        script.answer("committed", *[TIMED_OUT] * 5)
    run(settings, script)
    assert script.written == ALL
    assert script.count("begin") == len(ALL) // 4 + 1 + (1 if others else 0)


def test_what_takes_long_before_reading_is_done_in_steps_between_polls(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamguard.kafka.exactly_once.session.AT_ONCE", 0.0)
    polls: list[int] = []

    def prepare(_committed: list[TopicPartition]) -> Iterator[None]:
        for _ in range(3):
            polls.append(script.count("consume"))
            time.sleep(0.001)
            yield

    run(settings, script, prepare=prepare)
    assert script.written == ALL
    assert len(polls) == 3
    assert len(set(polls)) > 1


def test_a_stop_ends_what_takes_long_before_reading(settings: Settings, script: Script) -> None:
    stop = threading.Event()

    def prepare(_committed: list[TopicPartition]) -> Iterator[None]:
        while True:
            stop.set()
            yield

    Loop(settings, group="g", topics=[TOPIC], handle=copy, limits=LIMITS, source=script.source, prepare=prepare).run(
        stop
    )
    assert script.written == []


def shared(settings: Settings, script: Script, **options: Any) -> None:
    run(settings, script, shared=True, instance="two", **options)


def test_in_a_shared_group_a_commit_says_who_made_it_and_handlers_do_not_see_that(
    settings: Settings, script: Script
) -> None:
    seen: list[str] = []

    def on_assign(committed: list[TopicPartition]) -> list[TopicPartition]:
        seen.extend(each.metadata or "" for each in committed)
        return committed

    script.answer("commit", None, ABORTABLE)
    shared(settings, script, metadata=lambda at: f"at {at.offset}", on_assign=on_assign)
    assert script.metadata == "at 10 by two"
    assert seen == ["", "at 4"]
    assert script.written == ALL


@pytest.mark.parametrize(("members", "ended"), [({}, ["g.one"]), ({"g.one": "member"}, [])])
def test_the_transaction_of_an_owner_that_is_gone_is_ended(
    settings: Settings, script: Script, members: dict[str, str], ended: list[str]
) -> None:
    script.committed, script.metadata = 4, "text by one"
    script.group.update(members)
    shared(settings, script)
    assert script.written == ALL[4:]
    assert [name for name in script.producers if name != "g.two"] == ended


def test_fenced_in_a_shared_group_a_member_that_nobody_replaced_begins_again(
    settings: Settings, script: Script
) -> None:
    script.answer("commit", FENCED)
    shared(settings, script)
    assert script.written == ALL
    assert script.clients == 2


def test_a_server_that_ends_leaves_a_group_that_has_others(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[tuple[str, ...]] = []
    monkeypatch.setattr("streamguard.kafka.exactly_once.siblings.leave", lambda _settings, *who: left.append(who))
    shared(settings, script)
    assert left == []
    script.committed, script.written = 0, []
    script.group["g.one"] = "member"
    shared(settings, script)
    assert left == [("g", "member-2", "g.two")]


@pytest.mark.usefixtures("hanging_at_once")
@pytest.mark.parametrize(("last", "again"), [("two", 1), ("one", 0)], ids=["we had them", "somebody else had them"])
def test_withheld_offsets_are_committed_again_only_by_their_last_owner(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch, last: str, again: int
) -> None:
    class Reader:
        def committed(self, partitions: list[TopicPartition], _seconds: float) -> list[TopicPartition]:
            return [TopicPartition(each.topic, each.partition, 4, f"text by {last}") for each in partitions]

        def close(self) -> None:
            pass

    monkeypatch.setattr("streamguard.kafka.clients.offsets_reader", lambda *_: Reader())
    script.answer("commit", None, ABORTABLE)
    script.answer("committed", None, TIMED_OUT)
    shared(settings, script)
    assert script.written == ALL
    assert script.count("commit") == 4 + again
    assert ("g.one" in script.producers) == (last == "one")


@pytest.mark.parametrize("stops", [False, True])
def test_a_batch_waits_long_for_more_records_and_for_a_stop_not_at_all(
    settings: Settings, script: Script, monkeypatch: pytest.MonkeyPatch, stops: bool
) -> None:
    more, play, sizes, stop = script.log[6:], script.play, list[int](), threading.Event()
    del script.log[6:]

    def play_and_go_on(call: str) -> None:
        play(call)
        if call == "consume" and script.calls.count("consume") == 3:  # 1: a record, 2: the first slice
            if stops:
                stop.set()
            script.log.extend(more)

    def count(batch: Sequence[Message], produce: Produce) -> None:
        sizes.append(len(batch))
        copy(batch, produce)

    monkeypatch.setattr(script, "play", play_and_go_on)
    begun = time.monotonic()
    Loop(
        settings,
        group="g",
        topics=[TOPIC],
        limits=LIMITS,
        source=script.source,
        handle=AskFirst(lambda _batch: Future(), lambda *_: None) if stops else count,
        batch_records=10,
        batch_wait=1_000.0,
        on_commit=stop.set,
    ).run(stop)
    assert time.monotonic() - begun < 5
    assert (script.written, sizes) == (([], []) if stops else (ALL, [10]))
