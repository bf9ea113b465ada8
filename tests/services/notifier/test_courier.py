"""The messages of a channel go out one after the other, until it has them; the clock is the test's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import KafkaUnavailable
from streamguard.services.notifier.channels import Channel, Grouping, Rate
from streamguard.services.notifier.courier import Cancelled, Courier
from streamguard.services.notifier.decision import Decision
from streamguard.services.notifier.messages import Message
from streamguard.services.notifier.sending import MessageRefused, NotDelivered
from tests.services.notifier.made import channel, items, told


class Desk:
    """A channel's other end, its marks and its clock: waiting is what makes time go by."""

    def __init__(self, answer: Callable[[Message], None] = lambda _message: None) -> None:
        self.time = 0.0
        self.answer = answer
        self.tried: list[tuple[float, Message]] = []
        self.taken: list[list[str]] = []
        self.marked: list[str] = []
        self.cancelled_at = 1e9

    def send(self, message: Message) -> None:
        self.tried.append((self.time, message))
        self.answer(message)
        self.taken.append(told(message))

    def remember(self, decisions: Sequence[Decision], _message_id: str, _milliseconds: int) -> None:
        self.marked += [decision.decision_id for decision in decisions]

    def wait(self, seconds: float) -> None:
        self.time += seconds
        if self.time >= self.cancelled_at:
            raise Cancelled

    def courier(self, where: Channel | None = None) -> Courier:
        return Courier(
            where or channel(),
            "card",
            self.send,
            self.remember,
            clock=lambda: self.time,
            now=lambda: 0,
            chance=lambda: 1.0,
        )


def failing_until(desk: Desk, end: float, exc: Exception) -> Callable[[Message], None]:
    def answer(_message: Message) -> None:
        if desk.time < end:
            raise exc

    return answer


def all_of(desk: Desk) -> list[str]:
    return [each for message in desk.taken for each in message]


def test_a_burst_becomes_grouped_messages_and_every_decision_is_marked() -> None:
    desk = Desk()
    assert desk.courier().deliver(items(1000), desk.wait) == []
    assert [len(message) for message in desk.taken] == [50] * 20
    assert desk.marked == all_of(desk) == [f"d-{number}" for number in range(1000)]


def test_a_channel_that_fails_for_half_a_minute_loses_nothing_and_gets_nothing_twice() -> None:
    desk = Desk()
    desk.answer = failing_until(desk, 30.0, NotDelivered("HTTP 503"))
    courier = desk.courier()
    assert courier.deliver(items(200), desk.wait) == []
    assert sorted(all_of(desk)) == sorted(f"d-{number}" for number in range(200))
    assert 30 <= desk.time < 36
    assert 8 <= courier.messages["failed"] <= 20


def test_what_is_wrong_is_told_while_it_is() -> None:
    desk = Desk()
    courier = desk.courier()
    seen: list[str] = []

    def answer(_message: Message) -> None:
        seen.append(courier.missing())
        if desk.time < 3:
            raise NotDelivered("HTTP 404 no_service")

    desk.answer = answer
    courier.deliver(items(1), desk.wait)
    assert seen[0] == ""
    assert seen[-1].startswith("desk has taken no message for 3 s: HTTP 404 no_service")
    assert courier.missing() == ""


def test_the_server_is_left_alone_for_as_long_as_it_asks() -> None:
    desk = Desk()
    desk.answer = failing_until(desk, 17.0, NotDelivered("HTTP 429", retry_after=17.0))
    desk.courier().deliver(items(1), desk.wait)
    assert [time for time, _ in desk.tried] == [0.0, 17.0]


def test_a_message_that_is_sent_again_has_the_same_id() -> None:
    desk = Desk()
    desk.answer = failing_until(desk, 2.0, NotDelivered("x"))
    desk.courier().deliver(items(3), desk.wait)
    assert len({message.message_id for _, message in desk.tried}) == 1


def test_no_more_messages_go_than_the_rate_allows() -> None:
    desk = Desk()
    slow = channel(grouping=Grouping("all", 0, 1), rate=Rate(60, 5))
    desk.courier(slow).deliver(items(20), desk.wait)
    assert [time for time, _ in desk.tried] == [0.0] * 5 + [pytest.approx(second) for second in range(1, 16)]


@given(st.sets(st.integers(0, 99), max_size=5), st.integers(1, 50))
def test_a_decision_that_is_refused_keeps_no_other_from_being_told(bad: set[int], size: int) -> None:
    ids = {f"d-{number}" for number in bad}

    def answer(message: Message) -> None:
        if ids.intersection(told(message)):
            raise MessageRefused("HTTP 400")

    desk = Desk(answer)
    refused = desk.courier(channel(grouping=Grouping("all", 0, size))).deliver(items(100), desk.wait)
    assert {each.item.decision.decision_id for each in refused} == ids
    assert sorted(all_of(desk)) == sorted({f"d-{number}" for number in range(100)} - ids)


def test_a_channel_that_has_never_taken_anything_makes_no_dead_letters() -> None:
    desk = Desk()
    desk.answer = failing_until(desk, 60.0, MessageRefused("HTTP 400"))
    assert desk.courier().deliver(items(10), desk.wait) == []
    assert len(all_of(desk)) == 10


def test_a_cancelled_delivery_ends_at_once_and_what_was_taken_is_marked() -> None:
    desk = Desk()
    slow = channel(grouping=Grouping("all", 0, 1), rate=Rate(60, 5))
    desk.cancelled_at = 3.5
    with pytest.raises(Cancelled):
        desk.courier(slow).deliver(items(20), desk.wait)
    assert desk.marked == all_of(desk) == [f"d-{number}" for number in range(8)]


def test_while_kafka_is_away_nothing_more_is_sent() -> None:
    desk = Desk()
    courier = desk.courier()

    def remember(decisions: Sequence[Decision], message_id: str, milliseconds: int) -> None:
        if desk.time < 5:
            raise KafkaUnavailable("away")
        desk.remember(decisions, message_id, milliseconds)

    courier._remember = remember
    courier.deliver(items(100), desk.wait)
    assert [time for time, _ in desk.tried] == [0.0, 5.0]
    assert len(desk.marked) == 100
