"""Is a server ready? A probe returns "" when it is, else what it saw instead. It never raises for a server's state."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from streamguard.cloud import is_about_names
from streamguard.errors import PostgresError, PostgresUnavailable, SettingsError
from streamguard.postgres.connect import connect, in_database
from streamguard.stack.credentials import S3_ACCESS_KEY, S3_SECRET_KEY

Probe = Callable[[], str]
TIMEOUT = 2.0  # seconds for one look


def http_ok(url: str, headers: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT) -> str:
    """Answers 200."""
    request = urllib.request.Request(url, headers=dict(headers or {}))  # noqa: S310  our own http addresses
    try:
        with _OPENER.open(request, timeout=timeout) as answer:
            return "" if answer.status == 200 else f"{url} answers {answer.status}"
    except urllib.error.HTTPError as exc:
        exc.close()
        return f"{url} answers {exc.code}"
    except (OSError, http.client.HTTPException) as exc:
        return f"{url}: {getattr(exc, 'reason', exc)}"


def service(url: str) -> str:
    """One of our services says that it misses nothing; else what it says."""
    try:
        with _OPENER.open(f"{url}/ready", timeout=TIMEOUT):
            return ""
    except urllib.error.HTTPError as exc:
        with exc, contextlib.suppress(ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
            return str(json.load(exc)["missing"])
        return f"{url}/ready answers {exc.code}"
    except (OSError, http.client.HTTPException) as exc:
        return f"{url}: {getattr(exc, 'reason', exc)}"


def refused(url: str) -> str:
    """What a service that is ready says of a file that was edited, and is not in force for a mistake in it."""
    try:
        with _OPENER.open(f"{url}/health", timeout=TIMEOUT / 2) as answer:
            told = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    facts = told.items() if isinstance(told, dict) else ()
    files = ((key.removeprefix("refused_"), why) for key, why in facts if key.startswith("refused_") and why)
    return "; ".join(f"changed {what} are refused: {why}" for what, why in files)


def suspended(pid: int) -> str:
    """The process is not held by a signal: it could answer. One that has ended is not."""
    import psutil

    with contextlib.suppress(psutil.Error):
        if psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
            return f"the process is suspended: kill -CONT {pid} lets it go on"
    return ""


def ksql(url: str) -> str:
    """Says that it is healthy: a server that restores its queries already answers 200, with `isHealthy` false.

    A query that fails is not the server's matter: whoever mends it needs the server.
    """
    try:
        with _OPENER.open(f"{url}/healthcheck", timeout=TIMEOUT) as answer:
            details = json.load(answer)["details"]
            ill = [name for name, part in details.items() if not part["isHealthy"] and name != "queries"]
            return f"{url} is not healthy yet ({', '.join(ill)})" if ill else ""
    except (OSError, http.client.HTTPException) as exc:
        return f"{url}: {getattr(exc, 'reason', exc)}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{url} is no ksql server"


def kafka(host: str, port: int) -> str:
    """Answers a metadata request with at least one broker in it."""
    body = struct.pack(">hhih", 3, 4, 1, -1) + struct.pack(">ib", 0, 0)  # Metadata v4, no client id, no topics
    try:
        with socket.create_connection((host, port), timeout=TIMEOUT) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = connection.makefile("rb").read(16)  # length, correlation id, throttle time, number of brokers
    except OSError as exc:
        return f"{host}:{port}: {exc.strerror or exc}"
    if len(answer) < 16:
        return f"{host}:{port} closed the connection"
    return "" if struct.unpack(">iiii", answer)[3] > 0 else f"{host}:{port} knows no broker yet"


def s3(url: str, region: str, credentials: Mapping[str, str]) -> str:
    """Lists its buckets to who has the credentials."""
    return _signed(url + "/", region, credentials)


def catalog(url: str, warehouse: str, region: str, credentials: Mapping[str, str]) -> str:
    """Knows the warehouse."""
    return _signed(f"{url}/v1/config?warehouse={warehouse}", region, credentials)


def _signed(url: str, region: str, credentials: Mapping[str, str]) -> str:
    """AWS signature version 4, for the service s3."""
    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("GET", url, headers={"x-amz-content-sha256": _EMPTY_SHA256})
    keys = Credentials(credentials.get(S3_ACCESS_KEY, ""), credentials.get(S3_SECRET_KEY, ""))
    S3SigV4Auth(keys, "s3", region).add_auth(request)
    return http_ok(url, dict(request.headers.items()))


def mongodb(uri: str, *, timeout: float = 1.0) -> str:
    """Answers a ping to who has the credentials. The URI is never part of the answer."""
    import pymongo
    from pymongo.errors import OperationFailure, PyMongoError

    wait = int(timeout * 1000)
    try:
        client: pymongo.MongoClient[dict[str, Any]]
        with pymongo.MongoClient(
            uri, serverSelectionTimeoutMS=wait, connectTimeoutMS=wait, socketTimeoutMS=wait
        ) as client:
            client.admin.command("ping")
            client.admin.command("listDatabases", nameOnly=True)
    except OperationFailure as exc:
        return f"refused: {exc.details.get('codeName', 'no reason') if exc.details else 'no reason'}"
    except PyMongoError as exc:
        return "nobody knows its host" if is_about_names(str(exc)) else "no answer"
    return ""


def postgres(uri: str) -> str:
    """Answers to who has the credentials. The URI is never part of the answer."""
    try:
        with connect(in_database(uri, "postgres"), autocommit=True):
            return ""
    except (PostgresError, SettingsError) as exc:
        return str(exc).partition(":")[0] if isinstance(exc, PostgresUnavailable) else str(exc)


def connect_worker(url: str) -> str:
    """Kafka Connect: /health is 200; before its resources are loaded it is 404."""
    return http_ok(f"{url}/health")


_EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy: loopback
