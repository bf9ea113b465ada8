"""The decider on a real broker and a real PostgreSQL: what no pure function can show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from threading import Event, Thread

import pytest

from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.kafka.exactly_once.phase import PhaseFile
from streamguard.postgres.connect import connect
from streamguard.project import Project
from streamguard.services.decider.batches import Batch, batch_of
from streamguard.services.decider.letters import Letter
from streamguard.services.decider.outbox import Outbox
from streamguard.services.decider.rules import read_rules, rules_file
from streamguard.services.decider.store import Stale, Store, Stored
from streamguard.settings import Settings
from tests.kafka.records import record
from tests.services.decider.purchases import alert, purchase
from tests.services.decider.reference import Sent, expected
from tests.services.decider.rulebooks import rules
from tests.stack.decisions import TOPICS, RunningDecider, send, tables_of
from tests.stack.loops import wait_until
from tests.stack.postgres import Postgres, postgres
from tests.stack.records import OwnTopics, read

Start = Callable[..., RunningDecider]
ACCOUNTS = 40


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def uri(server: Postgres, own: OwnTopics) -> str:
    """A database of the test's own; the decider makes it."""
    return f"postgresql://postgres@127.0.0.1:{server.port}/{own.prefix.replace('-', '_')}test"


@pytest.fixture
def start(settings: Settings, project: Project, own: OwnTopics, uri: str) -> Iterator[Start]:
    """Starts deciders with topics of the test's own."""
    for name, partitions in TOPICS.items():
        own.create(name, partitions)
    pipeline = project.pipeline("card")
    with ExitStack() as running:

        def begin(instance: str = "0") -> RunningDecider:
            mine = replace(settings, postgres_uri=uri, instance=instance)
            decider = RunningDecider(mine, project, pipeline, own.prefix)
            running.callback(decider.end)
            return decider

        yield begin


def purchases(first: int, end: int) -> list[tuple[bytes | None, bytes | None]]:
    """Transactions with amounts that some rule has something to say about."""
    return [
        (
            f"c-{number % ACCOUNTS}".encode(),
            purchase(
                transaction_id=f"t-{number}",
                account_id=f"a-{number % ACCOUNTS // 2}",
                card_hash=f"c-{number % ACCOUNTS}",
                amount=(number * 7919 % 20_000) / 100 if number % 50 else 5_000,
            ),
        )
        for number in range(first, end)
    ]


def alerts(first: int, end: int) -> list[tuple[bytes | None, bytes | None]]:
    """Three versions of each alert, about more and more transactions."""
    return [
        alert(ALERT_ID=f"VELOCITY:{number}", TRANSACTION_IDS=[f"t-{number + each}" for each in range(version + 1)])
        for version in range(3)
        for number in range(first, end, 10)
    ]


def test_both_orders_of_alerts_and_transactions_give_the_rows_of_the_reference(
    settings: Settings, project: Project, own: OwnTopics, start: Start, uri: str
) -> None:
    topic, about = own.prefix + "transactions", own.prefix + "fraud-alerts"
    decider = start()
    told = send(settings, about, alerts(0, 500))
    sent = send(settings, topic, purchases(0, 1000))
    decider.wait_for(len(told) + len(sent))
    told += send(settings, about, alerts(500, 1000))
    send(settings, topic, [(b"c-1", b"{"), *purchases(0, 5)])
    decider.wait_for(len(told) + len(sent) + 6)
    wanted = expected(sent, told, read_rules(rules_file(project, project.pipeline("card"))))
    assert tables_of(uri).differences(wanted) == []
    assert [decider.counted(name) for name in ("filtered", "dead_letter")] == [5, 1]
    (dead,) = read(settings, topic + "-dead-letter")
    assert (dead.value, dict(dead.headers)["sg-dlq-code"]) == (b"{", b"E_JSON")
    assert decider.decider.measures.found.keys() >= {rule for row in wanted.decisions.values() for rule, _ in row[4]}
    published = decided(settings, own)
    acted = {key: row for key, row in wanted.decisions.items() if row[1] != "approve"}
    assert {key: published[key] for key in acted} == {key: row[1] for key, row in acted.items()}


def decided(settings: Settings, own: OwnTopics) -> dict[str, str]:
    """The last action that was published about each transaction."""
    records = [json.loads(each.value or b"") for each in read(settings, own.prefix + "fraud-decisions")]
    return {each["transaction_id"]: each["action"] for each in sorted(records, key=lambda each: each["revision"])}


def test_two_share_the_partitions_and_one_goes_on_alone(
    settings: Settings, project: Project, own: OwnTopics, start: Start, uri: str
) -> None:
    topic = own.prefix + "transactions"
    first = start("0")
    sent = send(settings, topic, purchases(0, 500))
    second = start("1")
    wait_until(lambda: first.decider.loop.ready.is_set() and second.decider.loop.ready.is_set(), "both have partitions")
    sent += send(settings, topic, purchases(500, 1500))
    wait_until(lambda: second.counted("in") > 0, "the second one stores some")
    first.end()
    sent += send(settings, topic, purchases(1500, 2000))
    wait_until(lambda: stored(uri) == len(sent), "all are stored")
    assert (
        tables_of(uri).differences(expected(sent, [], read_rules(rules_file(project, project.pipeline("card"))))) == []
    )


def stored(uri: str) -> int:
    with connect(uri) as connection:
        row = connection.execute("SELECT count(*) FROM transactions").fetchone()
    assert row is not None
    return int(row[0])


def test_a_record_that_the_database_refuses_becomes_a_dead_letter_and_the_others_are_stored(
    settings: Settings, own: OwnTopics, start: Start, uri: str
) -> None:
    decider = start()
    topic = own.prefix + "transactions"
    send(settings, topic, purchases(0, 1))
    decider.wait_for(1)
    with connect(uri) as connection:
        connection.execute("ALTER TABLE transactions ADD CHECK (amount <> 13.13 AND country <> 'XX')")
    poison = [(b"c-1", purchase(transaction_id=f"p-{number}", amount=13.13)) for number in range(2)]
    send(settings, topic, [*purchases(1, 50), *poison, *purchases(50, 100)])
    decider.wait_for(102)
    assert (stored(uri), decider.counted("dead_letter")) == (100, 2)
    assert {kind for kind, number in decider.decider.store.errors.items() if number} == {"refused"}
    wait_until(lambda: decider.decider.outbox.published >= 2, "they are published")
    dead = [dict(each.headers) for each in read(settings, topic + "-dead-letter")]
    assert [each["sg-dlq-code"] for each in dead] == [b"E_DATABASE"] * 2
    assert b"13.13" not in b"".join(each["sg-dlq-reason"] or b"" for each in dead)


@contextmanager
def opened(uri: str) -> Iterator[Store]:
    made = Store(
        uri,
        "decider",
        "fraud-decisions",
        rules=rules,
        now=lambda: datetime.now(UTC),
        stop=Event(),
        failpoint=Failpoint(""),
        phase=PhaseFile("", ""),
    )
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def store(uri: str) -> Iterator[Store]:
    with opened(uri) as made:
        yield made


def batch(first: int, end: int, *, start: int | None = None) -> Batch:
    """Transactions of a partition, as somebody reads them who stood at `start`."""
    place = ("transactions", 0)
    records = [
        record(value, topic="transactions", offset=first + number, key=key)
        for number, (key, value) in enumerate(purchases(first, end))
    ]
    return batch_of(records, {place: first if start is None else start}, {place: end}, alerts="fraud-alerts")


def test_a_batch_is_stored_only_where_the_database_stands(store: Store, uri: str) -> None:
    once = batch(0, 10, start=-1)
    done = store.store(once)
    assert isinstance(done, Stored)
    assert done.counted["out",] == 10
    assert store.store(once) is done, "its answer got lost: it is not stored, or counted, again"
    assert isinstance(store.store(batch(5, 15)), Stale), "somebody else has read on"
    assert isinstance(store.store(batch(20, 30)), Stale), "something is missing before it"
    assert isinstance(store.store(batch(10, 20)), Stored)
    assert store.positions([("transactions", 0), ("transactions", 1)]) == {("transactions", 0): 20}
    sent = [Sent(0, number, key, value or b"") for number, (key, value) in enumerate(purchases(0, 20))]
    assert tables_of(uri).differences(expected(sent, [], rules())) == []


def test_profiles_are_right_although_others_store_in_between(store: Store, uri: str) -> None:
    first = 0
    with opened(uri) as other:
        for number, one in enumerate((store, store, other, store, other, other)):
            assert isinstance(one.store(batch(first, first + 15, start=first if number else -1)), Stored)
            first += 15
    sent = [Sent(0, number, key, value or b"") for number, (key, value) in enumerate(purchases(0, first))]
    assert tables_of(uri).differences(expected(sent, [], rules())) == []


def test_another_one_publishes_while_the_one_that_did_is_stopped_and_then_that_one_goes_on(server: Postgres) -> None:
    """Stopped as by SIGSTOP: in the middle of its work, it asks the database for nothing."""
    sent: dict[str, list[bytes | None]] = {"first": [], "second": []}
    stops, goes_on = {name: Event() for name in sent}, Event()
    uri = f"postgresql://postgres@127.0.0.1:{server.port}/stopped"

    def send(name: str, letters: list[Letter]) -> None:
        sent[name] += [letter.value for letter in letters]
        assert name == "second" or goes_on.wait(10)

    def add(value: bytes) -> None:
        with connect(uri) as connection:
            connection.execute("INSERT INTO outbox (topic, value) VALUES ('t', %s)", [value])

    with opened(uri) as store:
        boxes = {name: Outbox(store, partial(send, name), stops[name], Failpoint(""), most_idle=1.0) for name in sent}
        threads = {name: Thread(target=box.run) for name, box in boxes.items()}
        add(b"one")
        threads["first"].start()
        wait_until(lambda: sent["first"] == [b"one"], "the first one has the lock")
        threads["second"].start()
        wait_until(lambda: boxes["second"].published == 1, "the second one publishes what the first one has left")
        goes_on.set()
        stops["second"].set()
        add(b"two")
        wait_until(lambda: boxes["first"].published == 1, "the first one connects again and publishes")
        stops["first"].set()
        for thread in threads.values():
            thread.join(5)
            assert not thread.is_alive()
    assert sent == {"first": [b"one", b"two"], "second": [b"one"]}


def test_the_whole_of_what_a_column_takes_is_stored(store: Store, uri: str) -> None:
    texts = {"merchant_id": 'm\\N "{}\u2028\U0001f600', "country": "\\", "account_id": "a" * 256}
    values = [
        purchase(transaction_id="t-1", amount=99_999_999_999.9999, timestamp="9999-12-31T23:59:59.999Z", **texts),
        purchase(transaction_id="t-2", amount=0.0001, timestamp="0001-01-01T00:00:00.000Z", **texts),
    ]
    key, value = alert(
        ALERT_ID='a"\\', TRANSACTION_IDS=["t-1", '\\"{,}'], REASON="\\.", SCORE=2**31 - 1, TX_COUNT=2**63 - 1
    )
    records = [record(each, topic="transactions", offset=number) for number, each in enumerate(values)]
    records.append(record(value, topic="fraud-alerts", key=key))
    ends = {("transactions", 0): 2, ("fraud-alerts", 0): 1}
    assert isinstance(store.store(batch_of(records, dict.fromkeys(ends, -1), ends, alerts="fraud-alerts")), Stored)
    sent = [Sent(0, number, None, each) for number, each in enumerate(values)]
    assert tables_of(uri).differences(expected(sent, [Sent(0, 0, key, value)], rules())) == []
