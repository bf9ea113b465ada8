"""The embedded ksql server: REST in front, queries behind, Kafka below.

The port is taken first, so a second start on the same port fails before it disturbs the first. Reading the command log
and starting the queries goes on while the HTTP part is imported; requests are answered 503 until it is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from streamguard import __version__
from streamguard.engine.language.syntax import PrintTopic
from streamguard.engine.runtime.metrics import exposition
from streamguard.engine.runtime.queries import Queries
from streamguard.engine.server import topic_lines
from streamguard.engine.server.commands import CommandLog
from streamguard.engine.server.execute import Statements, properties_of, require_query
from streamguard.engine.server.inserting import RowInserts, row_inserter
from streamguard.engine.server.pulling import Pulls
from streamguard.engine.server.push import Pushes
from streamguard.engine.server.rejection import NOT_FOUND, NOT_READY, Rejection, bad_statement, told
from streamguard.engine.server.request import RunningQuery, StatementRequest
from streamguard.engine.server.session import check_property
from streamguard.engine.server.streaming import Inserts
from streamguard.errors import Fenced, StatementError, StreamguardError
from streamguard.kafka import logs
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.metrics import listen
from streamguard.kafka.sender import Sender
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.engine.server")
T = TypeVar("T")
SPEAKS = "8.1.0"
"""The version of ksqlDB whose API is spoken: its clients compare it."""
STOP_SECONDS = 3.0


class Server:
    """What the endpoints call, see `rest.Api`. `end` is set when the server must end, `failure` says why."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.service_id = settings.ksql_service_id
        self.end = threading.Event()
        self.failure: BaseException | None = None
        self._ready = False
        self._cluster = Cluster(settings)
        self._cluster_id = ""
        self._log = CommandLog(settings, self.service_id, self._cluster)
        own = replace(settings, instance=f"{settings.instance}.{socket.gethostname()}.{settings.ksql_port}")
        self._queries = Queries(own, self.service_id, on_fenced=self._fenced, is_written=self._log.has)
        self._pushes = Pushes(settings, self._cluster)
        self._send = Sender(settings)
        self._pulls = Pulls(settings, self._cluster)
        fixed = {"ksql.service.id": self.service_id, "bootstrap.servers": settings.kafka_bootstrap}
        self._statements = Statements(self._log, self._queries, self._cluster, self._pushes, self._send, fixed=fixed)

    def open(self) -> None:
        """Read the command log and start the queries; a failure ends the server."""
        try:
            self._statements.restore()
            self._cluster_id = self._cluster.cluster_id()
        except BaseException as exc:  # noqa: BLE001  it ends the process, in the main thread
            self._fail(exc)
        else:
            self._ready = True
            threading.Thread(target=self._follow, name="follow", daemon=True).start()
            LOG.info("ready", extra={"service_id": self.service_id, "queries": len(self._statements.running)})

    def _follow(self) -> None:
        try:
            self._statements.follow(self.end)
        except BaseException as exc:  # noqa: BLE001  a server that does not know what the others did must not go on
            self._fail(exc)

    def end_pushes(self) -> None:
        """End the push queries, which have no end of their own; their clients get a proper last chunk."""
        self._pushes.close()

    def close(self) -> None:
        """End everything; transactions in hand are finished."""
        self._queries.stop(STOP_SECONDS)
        self._log.close()
        self._send.close()

    # ---- rest.Api

    def info(self) -> dict[str, Any]:
        self._require_ready()
        return {
            "version": f"{SPEAKS}-streamguard-{__version__}",
            "kafkaClusterId": self._cluster_id,
            "ksqlServiceId": self.service_id,
            "serverStatus": "DEGRADED" if self._statements.skipped else "RUNNING",
        }

    def health(self) -> dict[str, Any]:
        """As ksqlDB tells it, and one part more: a client that knows only ksqlDB's parts still reads the verdict."""
        kafka = self._cluster.answers()
        commands = self._ready and not self._statements.skipped
        queries = not self._queries.failing()
        details: dict[str, dict[str, Any]] = {
            "metastore": {"isHealthy": self._ready},
            "kafka": {"isHealthy": kafka},
            "commandRunner": {"isHealthy": commands},
            "queries": {"isHealthy": queries},
        }
        restoring = self._queries.restoring()
        if restoring:
            shown = {query_id: f"{count} of at most {total} records" for query_id, (count, total) in restoring.items()}
            details["queries"]["restoring"] = shown
        state = "READY" if self._ready else "STARTING"
        well = all(detail["isHealthy"] for detail in details.values())
        return {"isHealthy": well, "details": details, "serverState": state}

    def execute(self, request: StatementRequest) -> list[dict[str, Any]]:
        self._require_ready()
        entities = self._translated(lambda: self._statements.execute(request))
        self._pulls.views.keep(self._statements.metastore.sources)
        return entities

    def query(self, request: StatementRequest) -> RunningQuery | topic_lines.TopicLines:
        self._require_ready()
        return self._translated(lambda: self._transient(request))

    def inserts(self, target: str) -> Inserts:
        self._require_ready()
        return RowInserts(row_inserter(target, self._statements.metastore), self._send)

    def terminate(self, topics: Sequence[str]) -> list[dict[str, Any]]:
        self._require_ready()
        return self._translated(lambda: self._statements.terminate_all(topics))

    def close_query(self, query_id: str) -> None:
        self._require_ready()
        self._pushes.close_query(query_id)

    def status(self, command_id: str) -> dict[str, Any]:
        self._require_ready()
        if command_id not in self._statements.statuses:
            raise Rejection(NOT_FOUND, "Command not found")
        return self._statements.statuses[command_id]

    def statuses(self) -> dict[str, str]:
        self._require_ready()
        return {command_id: status["status"] for command_id, status in self._statements.statuses.items()}

    def check_property(self, name: str) -> None:
        check_property(name)

    def metrics(self) -> bytes:
        return exposition(self._queries, list(self._statements.running.values()), self._pushes, self._cluster)

    # ---- inside

    def _require_ready(self) -> None:
        if not self._ready:
            raise Rejection(NOT_READY, "KSQL is not yet ready to serve requests.")

    def _transient(self, request: StatementRequest) -> RunningQuery | topic_lines.TopicLines:
        """Start the one SELECT or PRINT of a request."""
        statements = self._statements.parsed(request)
        query = require_query(statements)
        if isinstance(query, PrintTopic):
            return topic_lines.start(self.settings, self._cluster, query)
        session = properties_of(request, statements)
        metastore = self._statements.metastore
        try:
            if query.query.emit_changes:
                return self._pushes.start(query, metastore, session)
            return self._pulls.start(query, metastore, session)
        except StatementError as exc:
            raise bad_statement(told(exc), query.text + ";") from exc

    def _translated(self, call: Callable[[], T]) -> T:
        """Errors of Kafka as a server error that says what is wrong."""
        try:
            return call()
        except StreamguardError as exc:
            raise Rejection(50000, str(exc)) from exc

    def _fenced(self, exc: Fenced) -> None:
        self._fail(exc)

    def _fail(self, exc: BaseException) -> None:
        if self.failure is None:
            self.failure = exc
        self.end.set()


def run(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        Fenced: another server has the same service id, port and STREAMGUARD_INSTANCE on a host of the same name.
        PortTaken: another process listens on the port.
        KafkaUnavailable: no broker answered at the start.
    """
    logs.configure(settings)
    with listen(settings.ksql_port, "ksql", address=settings.listen_address) as listener:
        server = Server(settings)
        opening = threading.Thread(target=server.open, name="open", daemon=True)
        opening.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.end.set())
        try:
            asyncio.run(_serve(server, listener))
        finally:
            server.close()
    if server.failure is not None:
        raise server.failure


async def _serve(server: Server, listener: socket.socket) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from streamguard.engine.server import phrases
    from streamguard.engine.server.rest import application

    phrases.install()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]  # hypercorn closes it
    config.accesslog = None
    config.errorlog = None
    config.graceful_timeout = 1.0
    config.include_server_header = False
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def watch() -> None:
        server.end.wait()
        server.end_pushes()
        with contextlib.suppress(RuntimeError):  # the loop may be gone already
            loop.call_soon_threadsafe(ended.set)

    watcher = threading.Thread(target=watch, name="end", daemon=True)
    watcher.start()
    try:
        await serve(application(server), config, shutdown_trigger=ended.wait)  # type: ignore[arg-type]
    finally:
        server.end.set()
