"""Deciders that break a promise, each in the way of a mistake that somebody has made; two that are only stopped.

Each function is called once, in a process of its own, before the decider is made.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from streamguard.postgres.connect import connect
from streamguard.services.decider import changes, store, writing
from streamguard.services.decider.batches import Batch, Item
from streamguard.services.decider.changes import AccountSums, Changes, _Work
from streamguard.services.decider.facts import Transaction
from streamguard.services.decider.letters import Letter
from streamguard.services.decider.outbox import MOST, MOST_BYTES, WAITING, Outbox
from streamguard.services.decider.profiles import Profiles
from streamguard.services.decider.store import Store

Transact = Callable[[Store, Batch], Any]
BUILDS: dict[str, Callable[[], None]] = {}


def build(function: Callable[[], None]) -> Callable[[], None]:
    BUILDS[function.__name__] = function
    return function


# ---- offsets


@build
def offsets_before() -> None:
    """Offsets are stored in a transaction of their own, before the rows: a kill between the two loses a batch."""
    without_offsets()
    around_transactions(before=write_offsets_alone)


@build
def offsets_after() -> None:
    """Offsets are stored in a transaction of their own, after the rows, and what is read again is added to the totals
    again: a kill between the two counts a batch twice."""
    without_offsets()
    around_transactions(after=write_offsets_alone)
    original = _Work._repeated

    def repeated(work: _Work, item: Item, row: Transaction, before: Transaction) -> None:
        stored, partition = work._known.decided.get(row.transaction_id), item.place[1]
        if stored is not None and (stored.partition, stored.offset) == (partition, item.offset):
            new = AccountSums(first=row.event_time, last=row.event_time)
            account = work.made.accounts.setdefault((row.account_id, partition), new)
            work._add(account, row, stored.decision.action, partition)
        original(work, item, row, before)

    replace(changes._Work, "_repeated", repeated)


@build
def stopped() -> None:
    """Nothing is broken, but the process is stopped with alerts in hand until somebody has it go on."""
    original, stops = Store._transact, [True]

    def transact(own: Store, batch: Batch) -> Any:
        if stops and any(topic.endswith("fraud-alerts") for topic, _ in batch.ends):
            stops.clear()
            os.kill(os.getpid(), signal.SIGSTOP)
        return original(own, batch)

    replace(Store, "_transact", transact)


@build
def stopped_without_fence() -> None:
    """The same, and a batch is stored wherever the database stands: after those that somebody else has stored."""
    original = Store._transact

    def transact(own: Store, batch: Batch) -> Any:
        begin = own._begin
        nothing = {place for place, start in batch.starts.items() if start < 0}

        def as_wanted(connection: Any) -> dict[Any, int]:
            return {place: at for place, at in {**begin(connection), **batch.starts}.items() if place not in nothing}

        with patch.object(own, "_begin", as_wanted):
            return original(own, batch)

    replace(Store, "_transact", transact)
    stopped()


@build
def stopped_with_old_profiles() -> None:
    """The same, and what was known of accounts counts, whoever has stored what meanwhile."""
    replace(Profiles, "at", lambda own, _starts: own._known)
    stopped()


# ---- what is published


@build
def published_before() -> None:
    """Decisions are published while their transaction is open: what is rolled back was told."""
    send = sending()

    def write(connection: Any, made: Changes, now: Any) -> None:
        send(made.outbox)
        made.outbox.clear()
        writing.write(connection, made, now)

    setattr(store, "write", write)  # noqa: B010


@build
def published_after() -> None:
    """Decisions are published from memory once their transaction is committed: a kill between the two loses them."""
    send, waiting = sending(), list[Letter]()

    def write(connection: Any, made: Changes, now: Any) -> None:
        waiting[:] = made.outbox
        made.outbox.clear()
        writing.write(connection, made, now)

    setattr(store, "write", write)  # noqa: B010
    around_transactions(after=lambda _store, _batch: send(waiting))


@build
def deleted_before() -> None:
    """Letters are taken out of the outbox before they are sent: a kill between the two loses them."""

    def publish(outbox: Outbox, connection: Any) -> int:
        rows = connection.execute(WAITING, [MOST, MOST_BYTES]).fetchall()
        if rows:
            connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", [[row[0] for row in rows]])
            outbox._failpoint.reached("after_publish")
            outbox._send([Letter(*row[1:]) for row in rows])
        return len(rows)

    replace(Outbox, "publish", publish)


# ---- decisions


@build
def late_alerts() -> None:
    """A decision is final: an alert that comes after its transaction changes nothing."""
    replace(changes._Work, "decide_again", lambda _work: None)


@build
def passed_over() -> None:
    """What can not be read is counted, and that is all."""

    def refuse(work: _Work, item: Item, _refusal: Any) -> None:
        work.made.counted["filtered", item.place[0]] += 1

    replace(changes._Work, "refuse", refuse)


# ---- how it is done


def without_offsets() -> None:
    """Transactions store no offsets."""
    setattr(store, "write_offsets", lambda *_: None)  # noqa: B010


def write_offsets_alone(own: Store, batch: Batch) -> None:
    """In a transaction of their own."""
    with connect(own.uri) as connection:
        writing.write_offsets(connection, own._service, batch.ends)


def around_transactions(
    before: Callable[[Store, Batch], None] | None = None, after: Callable[[Store, Batch], None] | None = None
) -> None:
    """Do something before the rows of every batch are written, or after they are committed."""
    write, transact = Store._write, Store._transact

    def writes(own: Store, connection: Any, batch: Batch) -> Any:
        if before is not None:
            before(own, batch)
        return write(own, connection, batch)

    def transacts(own: Store, batch: Batch) -> Any:
        done = transact(own, batch)
        if after is not None:
            after(own, batch)
        return done

    replace(Store, "_write", writes)
    replace(Store, "_transact", transacts)


def sending() -> Callable[[list[Letter]], None]:
    """What sends letters for the outbox, once there is one."""
    found: list[Callable[[list[Letter]], None]] = []
    original = Outbox.__init__

    def init(outbox: Outbox, own: Store, send: Any, *rest: Any) -> None:
        found.append(send)
        original(outbox, own, send, *rest)

    replace(Outbox, "__init__", init)

    def send(letters: list[Letter]) -> None:
        found[0](letters)

    return send


def replace(owner: type, name: str, function: Callable[..., Any]) -> None:
    """Put a function in the place of a method."""
    setattr(owner, name, function)
