"""The frame does what a service decides, and counts every record on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused
from streamguard.kafka.exactly_once.batches import AskFirst
from streamguard.services.frame import Decision, Frame, Service
from tests.kafka.records import Written, record

DECISIONS: dict[bytes, Decision | RecordRefused] = {
    b"drop": "a-rule",
    b"refuse": RecordRefused("E_X", "it is bad"),
    b"nothing": (),
    b"two": [("one", b"1", b"k", 5, []), ("other", b"2", None, 6, [("h", b"v")])],
}


def decide(one: Message) -> Decision:
    decision = DECISIONS[one.value() or b""]
    if isinstance(decision, RecordRefused):
        raise decision
    return decision


def handled(frame: Frame, values: Sequence[bytes]) -> Written:
    written, batch = Written(), [record(value, topic="t", offset=number) for number, value in enumerate(values)]
    handle = frame.handle
    if isinstance(handle, AskFirst):
        handle.handle(batch, written, handle.ask(batch).result(5))
    else:
        handle(batch, written)
    frame.counts.commit()
    return written


def frame(*, asks: bool) -> Frame:
    def ask(batch: Sequence[Message]) -> Future[list[Decision | RecordRefused]]:
        answer: Future[list[Decision | RecordRefused]] = Future()
        answer.set_result([DECISIONS[one.value() or b""] for one in batch])
        return answer

    return Frame(Service("s", "g", "t", 0, ask=ask) if asks else Service("s", "g", "t", 0, decide=decide))


@given(st.lists(st.sampled_from(sorted(DECISIONS))), st.booleans())
def test_in_is_out_and_dead_letters_and_filtered(values: list[bytes], asks: bool) -> None:
    framed = frame(asks=asks)
    written = handled(framed, values)
    totals, _ = framed.counts.totals()
    sums = {
        name: sum(number for key, number in totals.items() if key[0] == name) for name in {key[0] for key in totals}
    }
    assert sums.get("in", 0) == len(values) == sum(sums.get(name, 0) for name in ("out", "dead_letter", "filtered"))
    assert sums.get("written", 0) + sums.get("dead_letter", 0) == len(written.records)


def test_what_is_written_is_what_was_decided_in_the_order_of_the_records() -> None:
    for asks in (False, True):
        written = handled(frame(asks=asks), [b"two", b"drop", b"refuse", b"nothing", b"two"])
        assert written.records[:2] == DECISIONS[b"two"] == written.records[3:]
        topic, value, *_, headers = written.records[2]
        assert (topic, value) == ("t-dead-letter", b"refuse")
        assert ("sg-dlq-code", b"E_X") in headers
        assert ("sg-dlq-service", b"s") in headers
