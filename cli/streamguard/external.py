"""The servers of mode external, which are somebody else's: what each says when it is asked now."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from streamguard.connect.deploying.report import trouble
from streamguard.connect.rest.contexts import choose
from streamguard.connect.rest.credentials import client_at, open_client
from streamguard.engine.client import http
from streamguard.errors import StreamguardError
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings

SECONDS = 3.0
"""Longest wait for Connect's answer."""


@dataclass(frozen=True)
class Server:
    """A server as `status` shows it: ready, or not, and why."""

    name: str
    state: str
    url: str
    detail: str = ""

    def document(self) -> dict[str, Any]:
        """As a listing prints it."""
        return asdict(self)


def status(settings: Settings) -> list[Server]:
    """Kafka, Connect and the ksql server, all asked at once."""
    asked: dict[str, tuple[str, Callable[[], str]]] = {
        "kafka": (settings.kafka_bootstrap, lambda: _kafka(settings)),
        "connect": (settings.connect_url, lambda: _connect(settings)),
        "ksql": (settings.ksql_url, lambda: _ksql(settings)),
    }
    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(lambda each: _server(each[0], *each[1]), asked.items()))


def _server(name: str, url: str, ask: Callable[[], str]) -> Server:
    try:
        return Server(name, "ready", url.rpartition("@")[2], ask())
    except StreamguardError as exc:
        return Server(name, "not ready", url.rpartition("@")[2], str(exc))


def _kafka(settings: Settings) -> str:
    return f"{len(Cluster(settings).partitions())} topics that we may see"


def _connect(settings: Settings) -> str:
    """Its version, and the connectors that do not run."""
    limits: dict[str, Any] = {"deadline": 0.0, "patience": 0.0, "read_timeout": SECONDS}
    context = choose(settings, None)
    client = client_at(settings, **limits) if context is None else open_client(context, **limits)
    version = f"version {client.worker().version}"
    return trouble(client.connectors()) or version


def _ksql(settings: Settings) -> str:
    info = http.client_at(settings).info()
    return f"version {info.get('version', 'unknown')}"
