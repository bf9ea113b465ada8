"""Deciders that can be killed, records for them, and what is wrong with what they have stored and published."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, Self

from psycopg import sql

from streamguard.kafka.exactly_once.phase import Phase, read_phase
from streamguard.kafka.positions import Positions
from streamguard.postgres.connect import connect
from streamguard.services.decider.rules import Rules
from streamguard.settings import Settings, inherited_environment
from tests.services.decider.purchases import alert, iso, purchase
from tests.services.decider.reference import Sent, expected
from tests.services.decider.samples import NOON
from tests.stack.decisions import send, tables_of
from tests.stack.records import read

ACCOUNTS = 5_000
BAD = b'{"transaction_id": 7}'
Pair = tuple[bytes | None, bytes | None]


class Process:
    """A decider that can be killed; with `build`, one of tests/sabotage/decider.py."""

    def __init__(  # noqa: PLR0917
        self, settings: Settings, uri: str, prefix: str, instance: str, failpoint: str = "", build: str = ""
    ) -> None:
        self._settings, self._uri, self._prefix, self._instance = settings, uri, prefix, instance
        self._member = f"sg.{prefix}card.decider.{instance}"
        self.start(failpoint, build)

    def start(self, failpoint: str = "", build: str = "") -> None:
        own = {"POSTGRES_URI": self._uri, "INSTANCE": self._instance, "FAILPOINT": failpoint}
        settings = {**self._settings.environment(), **{f"STREAMGUARD_{name}": value for name, value in own.items()}}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stack.decider_process", self._prefix, *filter(None, [build])],
            env={**inherited_environment(), **settings},
            cwd=Path(__file__).parents[2],
            stderr=subprocess.DEVNULL,
        )

    @property
    def phase(self) -> Phase:
        """What it does; IDLE before it has begun."""
        return read_phase(self._settings.phase_dir, self._member) or Phase.IDLE

    def kill(self) -> Phase:
        """What it was doing."""
        phase = self.phase
        self._process.kill()
        self._process.wait()
        (Path(self._settings.phase_dir) / self._member).unlink(missing_ok=True)  # else its successor seems to do that
        return phase

    def dies(self) -> bool:
        """Whether it kills itself within a minute."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(60) == -signal.SIGKILL
        return False

    def is_stopped(self) -> bool:
        """Whether it has stopped itself since somebody asked."""
        pid, status = os.waitpid(self._process.pid, os.WNOHANG | os.WUNTRACED)
        return pid != 0 and os.WIFSTOPPED(status)

    def go_on(self) -> None:
        """After it was stopped."""
        self._process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left of it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)


def purchases(random: Random, first: int, end: int) -> list[Pair]:
    """Transactions on cards of two to an account; some are above what rules look at, some no transactions at all."""
    made: list[Pair] = []
    for number in range(first, end):
        card = random.randrange(2 * ACCOUNTS)
        amount = round(random.lognormvariate(3.5, 1.2), 2)
        value = purchase(
            transaction_id=f"t-{number}",
            account_id=f"a-{card // 2}",
            card_hash=f"c-{card}",
            country=random.choice(["DE", "DE", "DE", "FR", "KP"]),
            currency=random.choice(["EUR", "USD"]),
            amount=amount,
            timestamp=iso(NOON + 400 * number),
        )
        made.append((b"c-%d" % card, value))
        if number % 1000 == 0:
            made += [(b"c-%d" % card, BAD), (b"c-%d" % card, value)]
    return made


def alerts(random: Random, first: int, end: int) -> list[Pair]:
    """Alerts about transactions of a range, in several versions, the last of which takes some of it back."""
    made: list[Pair] = []
    for number in range(first, end, 40):
        about = [f"t-{random.randrange(first, end)}" for _ in range(random.randint(1, 6))]
        rule = random.choice(["VELOCITY", "HIGH_AMOUNT", "RISK", "SCORE"])
        action = random.choice(["BLOCK", "REVIEW", "REVIEW"])
        for version in range(1, len(about) + 1):
            told = about[max(0, version - 4) : version]
            changed = {"TRANSACTION_IDS": told, "TX_COUNT": version, "ACTION_REQUIRED": action, "SCORE": version % 5}
            made.append(alert(ALERT_ID=f"{rule}:{number}", RULE=rule, REASON=f"version {version}", **changed))
    return made


class Feed:
    """Sends the records in chunks: alerts two chunks before their transactions, or two after them."""

    def __init__(self, settings: Settings, prefix: str, random: Random, *, chunks: int, chunk: int) -> None:
        """So many chunks of so many transactions, and of the alerts about them."""
        self._settings, self._random = settings, random
        self._chunks, self._size = chunks, chunk
        self.transactions, self.alerts = prefix + "transactions", prefix + "fraud-alerts"
        self.sent: list[Sent] = []
        self.told: list[Sent] = []
        self._chunk = 0

    def next(self) -> None:
        """A chunk of transactions, the alerts that come before a later one, those that come after an earlier one."""
        self._send_with_early_alerts(self._chunk)
        self._send_late_alerts(self._chunk - 2)
        self._chunk += 1

    def all_but_late_alerts(self) -> None:
        """Every transaction, and the alerts that come before theirs; the others are left to `late_alerts`."""
        for chunk in range(self._chunks):
            self._send_with_early_alerts(chunk)

    def late_alerts(self) -> None:
        """Those about the next chunk of which there are any."""
        self._chunk += self._chunk % 2 == 0
        self._send_late_alerts(self._chunk)
        self._chunk += 1

    def _send_with_early_alerts(self, chunk: int) -> None:
        later = chunk + 2
        if later < self._chunks and later % 2 == 0:
            self.told += send(self._settings, self.alerts, alerts(self._random, *self._range(later)))
        if chunk < self._chunks:
            self.sent += send(self._settings, self.transactions, purchases(self._random, *self._range(chunk)))

    def _send_late_alerts(self, chunk: int) -> None:
        if 0 <= chunk < self._chunks and chunk % 2:
            self.told += send(self._settings, self.alerts, alerts(self._random, *self._range(chunk)))

    def _range(self, chunk: int) -> tuple[int, int]:
        return chunk * self._size, (chunk + 1) * self._size

    def is_stored(self, uri: str) -> bool:
        """Whether everything that is in the topics is stored."""
        positions_in_kafka = Positions(self._settings)
        places = positions_in_kafka.places([self.transactions, self.alerts])
        return positions(uri) == {
            place: end for place, end in positions_in_kafka.ends(places, committed=True).items() if end
        }


def positions(uri: str) -> dict[tuple[str, int], int]:
    with suppress(Exception), connect(uri) as connection:
        rows = connection.execute("SELECT topic, partition, next_offset FROM kafka_offsets").fetchall()
        return {(topic, partition): offset for topic, partition, offset in rows}
    return {}


def count(uri: str, table: str) -> int:
    with connect(uri) as connection:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def place_of(headers: Any) -> tuple[int, int]:
    found = dict(headers)
    return int(found["sg-dlq-partition"]), int(found["sg-dlq-offset"])


def differences(settings: Settings, prefix: str, uri: str, feed: Feed, rules: Rules) -> list[str]:
    """What is not as the reference has it: each begins with the name of a table, `dead-letters` or `published`."""
    wanted = expected(feed.sent, feed.told, rules, lambda one: one.value != BAD)
    found = tables_of(uri).differences(wanted)
    bad = {(each.partition, each.offset) for each in feed.sent if each.value == BAD}
    dead = {place_of(each.headers) for each in read(settings, feed.transactions + "-dead-letter")}
    found += [f"dead-letters {place}" for place in bad ^ dead]
    return found + [f"published {each}" for each in _wrongly_published(settings, prefix, uri)]


def _wrongly_published(settings: Settings, prefix: str, uri: str) -> Iterator[str]:
    """Of each decision the last revision must be the stored one; what came again must be the same, byte for byte."""
    with connect(uri) as connection:
        rows = connection.execute(
            "SELECT decision_id, revision, action, score FROM fraud_decisions WHERE published"
        ).fetchall()
    texts: dict[tuple[str, int], bytes] = {}
    last: dict[str, tuple[Any, ...]] = {}
    for each in read(settings, prefix + "fraud-decisions"):
        value = each.value or b""
        told = json.loads(value)
        identity = (told["decision_id"], told["revision"])
        if texts.setdefault(identity, value) != value:
            yield f"{identity} in two texts"
        last[told["decision_id"]] = (told["revision"], told["action"], told["score"])
    stored = {row[0]: row[1:] for row in rows}
    for key in stored.keys() | last.keys():
        if stored.get(key) != last.get(key):
            yield f"{key}: {last.get(key)}, {stored.get(key)} is stored"
