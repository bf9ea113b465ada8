"""What becomes of each decision of a batch: told, filtered, repeated, refused or unreadable, and never nothing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from confluent_kafka import Message as Record

from streamguard.errors import ProjectError
from streamguard.services.notifier.channels import Channel, Filter, Grouping
from streamguard.services.notifier.courier import Courier
from streamguard.services.notifier.delivery import Delivery
from streamguard.services.notifier.measures import Measures
from streamguard.services.notifier.messages import Message
from streamguard.services.notifier.sending import MessageRefused
from streamguard.services.notifier.tellers import Tellers
from streamguard.services.notifier.told import Told
from streamguard.services.watched import Watched
from tests.kafka.records import Written, record
from tests.services.notifier.made import channel, told, value

Make = Callable[..., Delivery]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes deliveries, which are closed in the end."""
    made: list[Delivery] = []

    def one(send: Callable[[Message], None], where: Channel | None = None) -> Delivery:
        remembered = Told("card", "desk", lambda _marks: None)
        made.append(Delivery(Courier(where or channel(), "card", send, remembered.add), remembered))
        return made[-1]

    yield one
    for each in made:
        each.close(5)


def batch(*values: bytes | None) -> list[Record]:
    return [record(each, topic="fraud-decisions", offset=number) for number, each in enumerate(values)]


def committed(delivery: Delivery, records: Sequence[Record]) -> tuple[Written, dict[str, int]]:
    written = Written()
    delivery.handle(records, written, delivery.ask(records).result(10))
    delivery.counts.commit()
    return written, {key[0]: number for key, number in delivery.counts.totals()[0].items() if number}


def test_every_decision_is_told_once_however_often_it_comes(make: Make) -> None:
    sent: list[str] = []
    delivery = make(lambda message: sent.extend(told(message)))
    records = batch(value(1), value(1), value(2), value(1, revision=2))
    assert committed(delivery, records)[1] == {"told": 3, "repeated": 1}
    assert committed(delivery, records)[1] == {"told": 3, "repeated": 5}
    assert sent == ["d-1", "d-2", "d-1"]


def test_the_outcomes_are_all_that_was_read(make: Make) -> None:
    def send(message: Message) -> None:
        if "d-7" in told(message):
            raise MessageRefused("HTTP 400")

    where = channel(filter=Filter("medium", frozenset(), frozenset({"decline"})), grouping=Grouping("all", 0, 2))
    delivery = make(send, where)
    records = batch(
        *(value(number) for number in range(9)),
        value(9, severity="low"),
        value(10, action="review"),
        b"{",
        None,
        value(0),
    )
    written, counted = committed(delivery, records)
    assert counted == {
        "told": 8, "refused": 1, "filtered_severity": 1, "filtered_action": 1, "unreadable": 2, "repeated": 1
    }  # fmt: skip
    (letter,) = written.records
    assert letter[:2] == ("fraud-decisions-dead-letter", value(7))
    assert dict(letter[4])["sg-dlq-code"] == b"E_CHANNEL"
    assert b"desk refuses it: HTTP 400" in dict(letter[4])["sg-dlq-reason"]


def test_a_message_that_is_under_way_when_the_answer_is_no_longer_wanted_is_not_sent_again(make: Make) -> None:
    under_way, go_on, sent = threading.Event(), threading.Event(), list[str]()

    def send(message: Message) -> None:
        under_way.set()
        assert go_on.wait(10)
        sent.extend(told(message))

    delivery = make(send, channel(grouping=Grouping("all", 0, 2)))
    records = batch(*map(value, range(4)))
    first = delivery.ask(records)
    assert under_way.wait(10)
    first.cancel()  # as the loop does when its partitions are somebody else's, or after an error
    second = delivery.ask(records)
    go_on.set()
    assert second.result(10).counted["repeated",] == 2
    assert sent == ["d-0", "d-1", "d-2", "d-3"]


def test_an_error_that_nobody_expects_ends_the_loop_and_loses_nothing(make: Make) -> None:
    def send(_message: Message) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(send).ask(batch(value())).result(10)


def test_metrics_say_what_each_channel_did(make: Make, tmp_path: Path) -> None:
    delivery = make(lambda _message: None)
    tellers = cast(Tellers, SimpleNamespace(now=[SimpleNamespace(delivery=delivery)]))
    watched = Watched(tmp_path / "notifications.yml", refuse_changes, what="channels", log=logging.getLogger())
    committed(delivery, batch(value(1), value(1)))
    samples = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in Measures(tellers, watched).collect()
        for sample in family.samples
    }
    assert samples["streamguard_notifier_decisions_total", "desk", "told"] == 1
    assert samples["streamguard_notifier_decisions_total", "desk", "repeated"] == 1
    assert samples["streamguard_notifier_messages_total", "desk", "sent"] == 1
    assert samples["streamguard_notifier_failing", "desk"] == 0
    assert samples["streamguard_notifier_channels_valid",] == 1
    watched.path.write_text("a mistake")
    watched.refresh()
    watched.refresh()
    (valid,) = [each for each in Measures(tellers, watched).collect() if each.name.endswith("valid")]
    assert valid.samples[0].value == 0


def refuse_changes(content: bytes | None) -> None:
    if content is not None:
        raise ProjectError("line 1: it is wrong")
