"""Publishing what was stored for Kafka: in the order in which it was stored, at least once, and then it is deleted.

One process of all that share a database publishes, whoever holds the lock; the others wait for it. Since transactions
are serial (`store`), an id is never behind one that is published already. Whoever dies between Kafka's answer and the
deletion leaves records that are published again: a decision has the same id and revision then, a dead letter the same
place. A record that Kafka refuses stops the publishing, and /ready says so: nothing is passed over.

Whoever has the lock and is not heard of (its host vanished, its process is stopped) is disconnected, and another one
publishes. If it goes on later, it may publish once more what it was about to: older revisions behind newer ones.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg

from streamguard.errors import StreamguardError
from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.postgres.connect import postgres_errors
from streamguard.services.decider.letters import Letter

if TYPE_CHECKING:
    from streamguard.services.decider.store import Store

Send = Callable[[list[Letter]], None]
"""Has Kafka acknowledge records, in their order, or raises."""

LOCK = 0x53475F4F5554424F
"""The advisory lock of who publishes: "SG_OUTBO"."""
MOST = 2_000
"""Records published at a time."""
MOST_BYTES = 8_000_000
IDLE = 0.5
"""Seconds between two looks when nobody says that there is something."""
LONGEST_PAUSE = 5.0
MOST_IDLE = 45.0
"""Seconds after which PostgreSQL disconnects who publishes and does not ask: more than Kafka may take to answer."""
LIMITS = """
SELECT set_config(name, wanted.value, false) FROM pg_settings JOIN (VALUES
  ('idle_session_timeout', %(idle)s || 'ms'),
  ('tcp_user_timeout', %(idle)s || 'ms'),
  ('tcp_keepalives_idle', '15'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3')
) AS wanted (name, value) USING (name)
"""
"""Those that this server has: the first since PostgreSQL 14. It is for who is stopped, whose system still answers; the
others are for a host that is gone, or takes no more of an answer."""
WAITING = """
SELECT id, topic, key, value, timestamp_ms, headers FROM (
  SELECT *, sum(coalesce(length(value), 0)) OVER (ORDER BY id) - coalesce(length(value), 0) AS before
  FROM (SELECT * FROM outbox ORDER BY id LIMIT %s) AS next
) AS next
WHERE before < %s
ORDER BY id
"""

LEFT = "SELECT coalesce(max(id) - min(id) + 1, 0) FROM outbox"
"""Two looks into an index, however many there are; an id that a transaction took and gave up counts as well."""

LOG = logging.getLogger("streamguard.services.decider.outbox")


class Outbox:
    """Publishes what waits, with `send`; `run` is for a thread of its own."""

    def __init__(
        self,
        store: Store,
        send: Send,
        stop: threading.Event,
        failpoint: Failpoint,
        most_idle: float = MOST_IDLE,
    ) -> None:
        self.trouble = ""
        """Why nothing is published, "" if there is no reason."""
        self.published = 0
        self.waiting = 0
        """How many wait, as far as this process knows: it is the one that publishes who looks."""
        self._store = store
        self._send = send
        self._stop = stop
        self._failpoint = failpoint
        self._most_idle = most_idle
        self._news = threading.Event()

    def notify(self) -> None:
        """There may be something to publish; callable from any thread."""
        self._news.set()

    def run(self) -> None:
        """Publish until the stop event is set. Neither database nor Kafka being away ends it."""
        pause = IDLE
        while not (self._stop.is_set() or self._store.prepared.wait(IDLE)):
            continue
        while not self._stop.is_set():
            try:
                with postgres_errors(self._store.uri), self._store.pool.connection() as connection:
                    self._publish_on(connection)
            except StreamguardError as exc:
                self._note(str(exc))
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                pause = IDLE

    def _publish_on(self, connection: psycopg.Connection[Any]) -> None:
        """Publish over one connection, which has the lock, until the stop event is set."""
        connection.autocommit = True
        try:
            connection.execute(LIMITS, {"idle": str(round(1000 * self._most_idle))})
            while not self._stop.is_set():
                row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
                if row == (True,):
                    break
                self.waiting = 0
                self._note("")
                self._stop.wait(IDLE)
            while not self._stop.is_set():
                if not self.publish(connection):
                    self._news.wait(IDLE)
                self._news.clear()
        finally:
            with suppress(psycopg.Error):  # of a connection that is gone, and the lock with it
                connection.execute("SELECT pg_advisory_unlock_all()")
                connection.execute("RESET ALL")
                connection.autocommit = False

    def publish(self, connection: psycopg.Connection[Any]) -> int:
        """Publish what is next, and delete it; how many records that were."""
        rows = connection.execute(WAITING, [MOST, MOST_BYTES]).fetchall()
        self.waiting = len(rows)
        if rows:
            [(self.waiting,)] = connection.execute(LEFT).fetchall()
            self._send([Letter(*row[1:]) for row in rows])
            self._failpoint.reached("after_publish")
            connection.execute("DELETE FROM outbox WHERE id = ANY(%s)", [[row[0] for row in rows]])
            self.published += len(rows)
            self.waiting = max(0, self.waiting - len(rows))
        self._note("")
        return len(rows)

    def _note(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            LOG.warning("decisions and dead letters wait to be published: %s", trouble)
        self.trouble = trouble
