"""Whatever the batches, and whichever topic is ahead: the rows are those of the reference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.kafka.exactly_once.produce import Record
from streamguard.services.decider.batches import batch_of
from streamguard.services.decider.changes import Changes, changes
from tests.kafka.records import record
from tests.services.decider.memory import Memory, cut
from tests.services.decider.purchases import alert, iso, purchase
from tests.services.decider.reference import Sent, expected
from tests.services.decider.rulebooks import rules
from tests.services.decider.samples import NOON

NOW = datetime(2026, 6, 24, 12, tzinfo=UTC)
RULES = rules()
RULE_NAMES = ["HIGH_AMOUNT", "VELOCITY", "RISK", "OTHER"]

PURCHASES = st.builds(
    lambda number, account, amount, second, currency: purchase(
        transaction_id=f"t-{number}",
        account_id=account,
        amount=amount / 100,
        timestamp=iso(NOON + 1000 * second),
        currency=currency,
    ),
    st.integers(0, 12),
    st.sampled_from(["a-1", "a-2", "a-666"]),
    st.integers(0, 500_000),
    st.integers(-100_000, 100_000),
    st.sampled_from(["EUR", "USD"]),
)
ALERTS = st.builds(
    lambda number, rule, about, action, score: alert(
        ALERT_ID=f"alert-{number}",
        RULE=rule,
        TRANSACTION_IDS=[f"t-{each}" for each in about],
        ACTION_REQUIRED=action,
        SCORE=score,
        REASON=f"{rule} of {len(about)}",
    ),
    st.integers(0, 5),
    st.sampled_from(RULE_NAMES),
    st.lists(st.integers(0, 15), max_size=5),
    st.sampled_from(["BLOCK", "REVIEW"]),
    st.integers(0, 5),
)


def sent_purchases(values: Sequence[bytes]) -> list[Sent]:
    """Each on the partition of its transaction id, which is once on each."""
    offsets = [0, 0]
    made: dict[str, Sent] = {}
    for value in values:
        identity = json.loads(value)["transaction_id"]
        partition = len(identity) % 2
        if identity not in made:  # another one of the same id would be a dead letter
            made[identity] = Sent(partition, offsets[partition], b"k", value)
            offsets[partition] += 1
    return list(made.values())


def sent_alerts(pairs: Sequence[tuple[bytes, bytes]]) -> list[Sent]:
    return [Sent(key[-1] % 2, offset, key, value) for offset, (key, value) in enumerate(pairs)]


def read(topic: str, sent: Sent) -> Record:
    return record(sent.value, topic=topic, partition=sent.partition, offset=sent.offset, key=sent.key)


def interleaved(purchases: Sequence[Sent], alerts: Sequence[Sent], random: Random) -> list[Record]:
    """An order in which partitions of both topics may be read."""
    queues: list[list[Record]] = [
        [read(topic, sent) for sent in records if sent.partition == partition]
        for topic, records in (("transactions", purchases), ("fraud-alerts", alerts))
        for partition in (0, 1)
    ]
    order: list[Record] = []
    while waiting := [queue for queue in queues if queue]:
        order.append(random.choice(waiting).pop(0))
    return order


def stored(memory: Memory, records: Sequence[Record]) -> Changes:
    """Store a batch."""
    ends = {(one.topic() or "", one.partition() or 0): (one.offset() or 0) + 1 for one in records}
    batch = batch_of(records, dict.fromkeys(ends, 0), ends, alerts="fraud-alerts")
    made = changes(batch, memory.known(batch), RULES, NOW, topic="fraud-decisions", service="decider")
    memory.apply(made)
    return made


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(
    st.lists(PURCHASES, max_size=25),
    st.lists(ALERTS, max_size=12),
    st.lists(st.integers(0, 40), max_size=8),
    st.randoms(use_true_random=False),
)
def test_however_records_are_cut_into_batches_the_rows_are_the_same(
    values: list[bytes], pairs: list[tuple[bytes, bytes]], at: list[int], random: Random
) -> None:
    purchases, alerts = sent_purchases(values), sent_alerts(pairs)
    memory = Memory()
    for piece in cut(interleaved(purchases, alerts, random), at):
        stored(memory, piece)
    assert memory.tables().differences(expected(purchases, alerts, RULES)) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(PURCHASES, max_size=25), st.lists(ALERTS, max_size=12), st.randoms(use_true_random=False))
def test_the_last_that_is_published_of_a_decision_is_what_is_stored(
    values: list[bytes], pairs: list[tuple[bytes, bytes]], random: Random
) -> None:
    memory = Memory()
    for one in interleaved(sent_purchases(values), sent_alerts(pairs), random):
        stored(memory, [one])
    last = {json.loads(letter.value or b"")["transaction_id"]: letter for letter in memory.outbox}
    assert last.keys() == {key for key, taken in memory.taken.items() if taken.published}
    for key, letter in last.items():
        told, taken = json.loads(letter.value or b""), memory.taken[key]
        assert (told["revision"], told["action"]) == (taken.revision, taken.decision.action)
        assert told["alert_ids"] == list(taken.decision.alert_ids)
    revisions = [json.loads(letter.value or b"") for letter in memory.outbox]
    assert len({(each["decision_id"], each["revision"]) for each in revisions}) == len(revisions)


def letter_of(made: Changes) -> dict[str, Any]:
    (letter,) = made.outbox
    read: dict[str, Any] = json.loads(letter.value or b"")
    return read


def transaction(offset: int = 0, partition: int = 0, **changed: Any) -> Record:
    return record(purchase(**changed), topic="transactions", partition=partition, offset=offset, key=b"c-1")


def velocity(offset: int = 0, **changed: Any) -> Record:
    key, value = alert(**changed)
    return record(value, topic="fraud-alerts", offset=offset, key=key)


def test_an_alert_makes_a_decision_another_revision_and_it_is_published() -> None:
    memory = Memory()
    assert stored(memory, [transaction()]).outbox == []
    told = letter_of(stored(memory, [velocity()]))
    assert (told["decision_id"], told["revision"], told["action"]) == ("d-t-1", 2, "review")
    assert told["reasons"] == [{"rule": "VELOCITY", "text": "4 transactions within a minute"}]
    assert (told["event_time"], told["is_fraud"]) == ("2026-06-24T12:00:00.000Z", False)


def test_an_alert_that_is_repeated_changes_nothing() -> None:
    memory = Memory()
    stored(memory, [transaction(), velocity()])
    made = stored(memory, [velocity(1)])
    assert (made.outbox, made.changed, made.linked, made.rules) == ([], [], [], {})
    assert made.counted["out",] == 1


def test_an_alert_that_is_no_longer_about_a_transaction_takes_its_reason_back_and_that_is_told() -> None:
    memory = Memory()
    stored(memory, [transaction(), velocity()])
    told = letter_of(stored(memory, [velocity(1, TRANSACTION_IDS=["t-2"])]))
    assert (told["revision"], told["action"], told["reasons"]) == (2, "approve", [])


def test_an_equal_transaction_is_dropped_and_another_one_of_its_id_is_a_dead_letter() -> None:
    memory = Memory()
    made = stored(memory, [transaction(), transaction(1), transaction(2, amount=1)])
    again = stored(memory, [transaction(3), transaction(4, country="FR")])
    for counted in (made.counted, again.counted):
        assert counted["filtered", "duplicate"] == 1
        assert counted["dead_letter", "transactions-dead-letter", "E_DUPLICATE"] == 1
    assert memory.accounts["a-1", 0].transactions == 1


def test_a_dead_letter_is_the_record_with_headers_that_say_why() -> None:
    bad = record(b"{", topic="transactions", partition=3, offset=8, key=b"k", headers=[("run", b"\xff"), ("run", None)])
    (letter,) = stored(Memory(), [bad]).outbox
    assert (letter.topic, letter.key, letter.value, letter.time) == (
        "transactions-dead-letter",
        b"k",
        b"{",
        1700000000000,
    )
    assert letter.plain_headers[:2] == [("run", b"\xff"), ("run", None)]
    told = dict(letter.plain_headers[2:])
    assert (told["sg-dlq-code"], told["sg-dlq-offset"], told["sg-dlq-service"]) == (b"E_JSON", b"8", b"decider")


def test_every_record_is_counted_on_both_sides() -> None:
    records = [
        transaction(),
        transaction(1),
        transaction(2, amount=1),
        velocity(),
        velocity(1),
        transaction(3, amount="x"),
    ]
    counted = stored(Memory(), records).counted
    sums = {side: sum(number for key, number in counted.items() if key[0] == side) for side in ("in", "out")}
    others = sum(number for key, number in counted.items() if key[0] in ("dead_letter", "filtered"))
    assert sums["in"] == len(records) == sums["out"] + others


@pytest.mark.parametrize("amount", [0, 0.0001, 99_999_999_999.9999])
def test_sums_are_exact_to_four_decimals(amount: float) -> None:
    memory = Memory()
    stored(memory, [transaction(number, transaction_id=f"t{number}", amount=amount) for number in range(7)])
    assert memory.accounts["a-1", 0].amount == 7 * round(amount * 10_000)
