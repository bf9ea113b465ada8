"""Counters of what a service did with its records, and the small HTTP server that shows them.

Each record that was read and committed is counted once on each side of

    in = out + dead-letter + filtered

and only after its transaction is committed, so an aborted or repeated batch never shows. `written` counts the records
that those of `out` became.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from streamguard.errors import PortTaken
from streamguard.settings import LOOPBACK

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

    from prometheus_client.registry import Collector

Key = tuple[str, ...]
Health = Callable[[], tuple[str, Mapping[str, Any]]]
"""What is missing, "" if nothing is, and other facts."""


class Counts:
    """What one service did: counted in the batch in hand first, added to the totals by `commit`.

    A key is the name of a counter and its labels, as in ``("in", topic)``, ``("out",)``, ``("written", topic)``,
    ``("dead_letter", topic, code)``, ``("filtered", rule)``.
    """

    def __init__(self) -> None:
        self.batch: Counter[Key] = Counter()
        self._totals: Counter[Key] = Counter()
        self._commits = 0
        self._lock = threading.Lock()

    def begin(self) -> Counter[Key]:
        """A new batch: forget the last one if it was not committed."""
        self.batch = Counter()
        return self.batch

    def commit(self) -> None:
        """The batch in hand is committed."""
        with self._lock:
            self._totals.update(self.batch)
            self._commits += 1
        self.batch = Counter()

    def totals(self) -> tuple[dict[Key, int], int]:
        """All committed counts, and the number of commits: taken at one moment, so that the law above holds."""
        with self._lock:
            return dict(self._totals), self._commits


LABELS = {
    "in": ("Records read.", ("topic",)),
    "out": ("Records read and passed on.", ()),
    "written": ("Records written, other than dead letters.", ("topic",)),
    "dead_letter": ("Records written to a dead-letter topic.", ("topic", "code")),
    "filtered": ("Records dropped on purpose.", ("rule",)),
}


class _Collector:
    """Reads the totals when Prometheus asks."""

    def __init__(self, service: str, counts: Counts) -> None:
        self._service = service
        self._counts = counts

    def collect(self) -> list[Any]:
        from prometheus_client.core import CounterMetricFamily

        totals, commits = self._counts.totals()
        families = {
            name: CounterMetricFamily(f"streamguard_records_{name}", about, labels=("service", *labels))
            for name, (about, labels) in LABELS.items()
        }
        for (name, *labels), number in sorted(totals.items()):
            families[name].add_metric([self._service, *labels], number)
        transactions = CounterMetricFamily(
            "streamguard_transactions_committed", "Transactions committed.", labels=("service",)
        )
        transactions.add_metric([self._service], commits)
        return [*families.values(), transactions]


def listen(port: int, server: str, *, address: str = LOOPBACK, remedy: str | None = None) -> socket.socket:
    """A listening socket; `PortTaken`, with the remedy, if another process has the port."""
    try:
        return socket.create_server((address, port))
    except OSError as exc:
        raise PortTaken(
            f"the {server} can not listen on {address}:{port} ({exc.strerror}): "
            f"end what holds the port, or {remedy or f'set STREAMGUARD_{server.upper()}_PORT'}"
        ) from exc


def serve(
    listener: socket.socket, service: str, counts: Counts | None, health: Health, collectors: Sequence[Collector] = ()
) -> None:
    """Answer /health (200 as long as the process lives), /ready (200, or 503 if something is missing) and /metrics,
    which has the `counts`, if records are counted, and what `collectors` collect, in threads of their own."""
    records = [] if counts is None else [_Collector(service, counts)]

    def answer() -> None:
        try:
            _server(listener, service, health, [*records, *collectors]).serve_forever()
        except (OSError, ValueError):
            if listener.fileno() >= 0:  # else the service has ended meanwhile
                raise

    threading.Thread(target=answer, name="http", daemon=True).start()


def _server(
    listener: socket.socket, service: str, health: Health, collectors: Sequence[Collector]
) -> ThreadingHTTPServer:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # not needed before the first transaction

    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    ProcessCollector(registry=registry)

    class Answers(BaseHTTPRequestHandler):
        timeout = 10
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path in ("/health", "/ready"):
                missing, facts = health()
                body = json.dumps({"service": service, "ready": not missing, "missing": missing, **facts}).encode()
                bad = missing and self.path == "/ready"
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE if bad else HTTPStatus.OK, "application/json", body)
            elif self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"there are /health, /ready and /metrics\n")

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Probes come every second: nothing to log."""

    return _on(listener, ThreadingHTTPServer((LOOPBACK, 0), Answers, bind_and_activate=False))


def _on(listener: socket.socket, server: ThreadingHTTPServer) -> ThreadingHTTPServer:
    """The server on a socket that listens already."""
    server.socket.close()
    server.socket = listener
    server.server_address = listener.getsockname()
    server.daemon_threads = True
    return server
