"""Storing batches in PostgreSQL, each in one transaction with the offsets that it was read to.

Why that is safe, whoever else runs, however it dies:

* Every transaction begins with the same advisory lock, so those of all deciders of a database are serial: none waits
  for a row, there is no deadlock, and an alert and its transaction never miss each other in two that run at once.
* Then the offsets that are stored must be those where the batch begins. If they are those where it ends, an earlier
  try was committed and its answer got lost. Otherwise somebody else has read on, a rebalance has moved the partition:
  the batch is stale, nothing of it is written, and its partitions are read from what is stored.
* So each record is stored by exactly one transaction, in the order of its partition.

The database being away is waited out, by trying the same batch again. What it refuses for what is in it is cut in
halves until the one record is found, which becomes a dead letter. Nothing is passed over.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from streamguard.errors import PostgresError, RecordRefused
from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.kafka.exactly_once.phase import Phase, PhaseFile
from streamguard.model import Place
from streamguard.postgres.connect import address, is_outage, open_pool, postgres_errors
from streamguard.postgres.migrate import migrate
from streamguard.services.decider.batches import Batch
from streamguard.services.decider.changes import Changes, changes
from streamguard.services.decider.known import known_of
from streamguard.services.decider.profiles import Profiles
from streamguard.services.decider.writing import write, write_offsets

if TYPE_CHECKING:
    from streamguard.kafka.metrics import Key
    from streamguard.services.decider.rules import Rules

T = TypeVar("T")

LOCK = 0x53475F4445434944
"""The advisory lock of the transactions of all deciders: "SG_DECID"."""
LIMITS = """
SELECT
  set_config('lock_timeout', '20s', true), set_config('statement_timeout', '50s', true),
  set_config('idle_in_transaction_session_timeout', '30s', true)
"""
"""The last one frees the lock of a decider that was stopped in the middle and not killed."""
OFFSETS = "SELECT topic, partition, next_offset FROM kafka_offsets WHERE service = %s"
OUTAGE, REFUSED, TABLES = "outage", "refused", "tables"
NOT_YET = "the tables are not ready yet"
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
CONNECTIONS = 2
"""One writes rows, one publishes."""

LOG = logging.getLogger("streamguard.services.decider.store")


class Stopped(Exception):
    """The service ends while the database is waited for."""


@dataclass(frozen=True)
class Stored:
    """A batch that is stored; what was counted in it, its decisions by action, and their reasons by rule."""

    ends: Mapping[Place, int]
    counted: Counter[Key] = field(default_factory=Counter)
    decided: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)


class Stale:
    """A batch that begins where the database no longer is."""


class Store:
    """The tables of a pipeline; `prepare`, `positions` and `store` are for one thread."""

    def __init__(  # noqa: PLR0917
        self,
        uri: str,
        service: str,
        topic: str,
        rules: Callable[[], Rules],
        now: Callable[[], datetime],
        stop: threading.Event,
        failpoint: Failpoint,
        phase: PhaseFile,
    ) -> None:
        """`service` names the offsets; `topic` is where decisions are published; `rules` are those in force."""
        self.uri = uri
        self.trouble = NOT_YET
        """What the database says instead of doing it, "" if it does."""
        self.prepared = threading.Event()
        """Set once the tables are there."""
        self.errors = Counter(dict.fromkeys((OUTAGE, REFUSED, TABLES), 0))
        """Tries that failed: an outage, a batch that PostgreSQL does not take, tables that are not as they must be."""
        self.retries = 0
        """Tries that were made again after one of the first or the last kind."""
        self._service = service
        self._topic = topic
        self._rules = rules
        self._now = now
        self._stop = stop
        self._failpoint = failpoint
        self._phase = phase
        self._profiles = Profiles()
        self._tried = Stored({})
        """What the last try to store a batch came to, if it was committed."""
        self.pool: ConnectionPool[psycopg.Connection[Any]] = open_pool(uri, CONNECTIONS)

    def close(self) -> None:
        """Close the connections."""
        self.pool.close(timeout=1.0)

    def prepare(self) -> None:
        """Have the tables as this version knows them."""
        self._patiently(lambda: migrate(self.uri))
        self.prepared.set()

    def positions(self, places: Collection[Place]) -> dict[Place, int]:
        """The next offset of each partition; none for one of which nothing was ever stored."""
        found = self._patiently(self._positions)
        return {place: found[place] for place in places if place in found}

    def store(self, batch: Batch) -> Stored | Stale:
        """Store a batch, or parts of it one after the other."""
        try:
            return self._patiently(lambda: self._transact(batch))
        except PostgresError as exc:
            if len(batch.items) > 1:
                return self._store_halves(batch)
            if isinstance(batch.items[0].row, RecordRefused):
                raise
            LOG.warning("a record becomes a dead letter: %s", exc)
            return self.store(batch.refused(RecordRefused("E_DATABASE", f"it does not fit the tables: {exc}")))

    def _store_halves(self, batch: Batch) -> Stored | Stale:
        counted: Counter[Key] = Counter()
        decided: Counter[str] = Counter()
        found: Counter[str] = Counter()
        for half in batch.halves():
            stored = self.store(half)
            if isinstance(stored, Stale):
                return stored
            counted += stored.counted
            decided += stored.decided
            found += stored.found
        return Stored(batch.ends, counted, decided, found)

    def _transact(self, batch: Batch) -> Stored | Stale:
        with self.pool.connection() as connection:
            stored = self._begin(connection)
            at = {place: stored.get(place, -1) for place in batch.ends}
            if at == batch.ends:
                return self._tried if self._tried.ends is batch.ends else Stored(batch.ends)
            if at != batch.starts:
                return Stale()
            self._phase.set(Phase.IN_TRANSACTION)
            made = self._write(connection, batch)
            self._failpoint.reached("before_offsets")
            write_offsets(connection, self._service, batch.ends)
            self._phase.set(Phase.COMMITTING)
            self._failpoint.reached("during_commit")
        self._failpoint.reached("after_commit")
        self._profiles.note({key: sums.profile for key, sums in made.accounts.items() if sums.transactions}, batch.ends)
        self._phase.set(Phase.IDLE)
        return self._tried

    def _write(self, connection: psycopg.Connection[Any], batch: Batch) -> Changes:
        now, known = self._now(), known_of(connection, batch, self._profiles.at(batch.starts))
        made = changes(batch, known, self._rules(), now, topic=self._topic, service=self._service)
        write(connection, made, now)
        self._tried = Stored(batch.ends, made.counted, made.decided(), made.found())
        return made

    def _positions(self) -> dict[Place, int]:
        with self.pool.connection() as connection:
            return self._begin(connection)

    def _begin(self, connection: psycopg.Connection[Any]) -> dict[Place, int]:
        """Wait for everybody else's transactions; the offsets that are stored after them."""
        connection.prepare_threshold = None  # a plan that was kept from when a table was small would read all of it
        connection.execute(LIMITS)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        rows = connection.execute(OFFSETS, [self._service])
        return {(topic, partition): offset for topic, partition, offset in rows}

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do it, again and again while the database is away; PostgresError for what it will never take."""
        pause = FIRST_PAUSE
        while True:
            try:
                done = work()
            except PostgresError as exc:  # of a migration: somebody has to mend the server, or install another version
                self.errors[TABLES] += 1
                self._note(str(exc))
            except (psycopg.Error, PoolTimeout) as exc:
                self._profiles.forget()
                told = _told(exc, self.uri)
                if not is_outage(exc):
                    self.errors[REFUSED] += 1
                    raise told from None
                self.errors[OUTAGE] += 1
                self._note(str(told))
            else:
                self._note("")
                return done
            if self._stop.wait(pause):
                raise Stopped
            self.retries += 1
            pause = min(2 * pause, LONGEST_PAUSE)

    def _note(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            LOG.warning("%s waits: %s", self._service, trouble)
        elif self.trouble not in ("", NOT_YET) and not trouble:
            LOG.info("%s goes on: PostgreSQL at %s answers", self._service, address(self.uri))
        self.trouble = trouble


def _told(exc: Exception, uri: str) -> PostgresError:
    """An error in a sentence, without a secret or a value of a row."""
    try:
        with postgres_errors(uri):
            raise exc
    except PostgresError as told:
        return told
