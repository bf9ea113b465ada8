"""ksqlDB's REST API as a client sees it: one method an endpoint. It serves ours and ksqlDB's own servers alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.auth import HTTPBasicAuth

from streamguard.errors import KsqlUnavailable, SettingsError, StatementRefused
from streamguard.settings import HERE, Settings

EARLIEST: Mapping[str, str] = {"ksql.streams.auto.offset.reset": "earliest"}
TIMEOUT = (5.0, 60.0)
"""Seconds to connect, and to wait for the answer of a statement."""

MEDIA_TYPE = "application/vnd.ksql.v1+json"
DELIMITED = "application/vnd.ksqlapi.delimited.v1"


def client_at(settings: Settings, url: str | None = None) -> KsqlClient:
    """The server of the settings, or another one, to which nobody's password is sent."""
    meant = url is None or url.rstrip("/") == settings.ksql_url.rstrip("/")
    user, password = (settings.ksql_user, settings.ksql_password) if meant else ("", "")
    ca = None if settings.ksql_ca == Path() else settings.ksql_ca
    if ca is not None and not ca.is_file():
        raise SettingsError(f"there is no file {ca}: STREAMGUARD_KSQL_CA names it")
    return KsqlClient(url or settings.ksql_url, user=user, password=password, ca=ca)


@dataclass(frozen=True)
class Rows:
    """A running push query: its columns, and an iterator that ends when the server ends it."""

    query_id: str
    names: list[str]
    types: list[str]
    rows: Iterator[list[Any]]
    close: Callable[[], None] = lambda: None
    """Let go of the connection; the server ends the query then."""


@dataclass(frozen=True)
class Lines:
    """A running PRINT."""

    lines: Iterator[str]
    close: Callable[[], None]


class KsqlClient:
    """One ksql server at `url`, for one thread; `user` with `password` if it wants to know who asks, `ca` if its
    certificate is of an authority of one's own.
    """

    def __init__(
        self,
        url: str,
        *,
        session: requests.Session | None = None,
        user: str = "",
        password: str = "",
        ca: Path | None = None,
    ) -> None:
        if not _is_address(url):
            raise KsqlUnavailable(f"{url} is no address of a ksql server: it is like http://127.0.0.1:8088")
        if "@" in urlsplit(url).netloc:
            raise KsqlUnavailable(
                f"the address of the ksql server at {urlsplit(url).hostname} holds credentials: they belong in "
                "STREAMGUARD_KSQL_USER and STREAMGUARD_KSQL_PASSWORD"
            )
        self.url = url.rstrip("/")
        self._access: dict[str, Any] = {"user": user, "password": password, "ca": ca}
        self._session = session or _session(user, password, ca)

    def twin(self) -> KsqlClient:
        """Another client of the same server, for another thread."""
        return KsqlClient(self.url, **self._access)

    def info(self) -> dict[str, Any]:
        """Version, service id and status of the server."""
        document = self._send("GET", "/info").json()
        if not isinstance(document, dict) or not isinstance(document.get("KsqlServerInfo"), dict):
            raise KsqlUnavailable(f"{self.url}/info is not a ksql server's answer: is it the right address?")
        return dict(document["KsqlServerInfo"])

    def is_ours(self) -> bool:
        """Whether the server is streamguard's own: its version says so."""
        return "streamguard" in str(self.info().get("version", ""))

    def ksql(
        self,
        text: str,
        *,
        properties: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
        after: int = -1,
    ) -> list[dict[str, Any]]:
        """Run statements; the server's answers in their order. `after` waits for that command number first."""
        body = {
            "ksql": text,
            "streamsProperties": dict(properties or {}),
            "sessionVariables": dict(variables or {}),
            "commandSequenceNumber": after,
        }
        answer = self._send("POST", "/ksql", json=body, headers={"Accept": MEDIA_TYPE}).json()
        entities = [dict(entity) for entity in answer]
        for entity in entities:
            status = entity.get("commandStatus", {})
            if status.get("status") == "ERROR":
                raise StatementRefused(status.get("message", ""), statement=entity.get("statementText", ""))
        return entities

    def query(
        self, sql: str, *, properties: Mapping[str, Any] | None = None, variables: Mapping[str, str] | None = None
    ) -> Rows:
        """Start a push or pull query; its rows arrive as they are made."""
        body = {"sql": sql, "properties": dict(properties or {}), "sessionVariables": dict(variables or {})}
        response = self._send(
            "POST", "/query-stream", json=body, headers={"Accept": DELIMITED}, stream=True, timeout=(TIMEOUT[0], None)
        )
        lines = (json.loads(line) for line in response.iter_lines(chunk_size=None) if line.strip())
        header = next(lines, None)
        if not isinstance(header, dict) or "columnNames" not in header:
            response.close()
            raise _refusal(header) if isinstance(header, dict) else KsqlUnavailable(self._gone())
        rows = self._rows(response, lines)
        return Rows(header.get("queryId") or "", header["columnNames"], header["columnTypes"], rows, response.close)

    def print_topic(
        self, text: str, *, properties: Mapping[str, Any] | None = None, variables: Mapping[str, str] | None = None
    ) -> Lines:
        """Start a PRINT; its lines arrive as records do."""
        body = {"ksql": text, "streamsProperties": dict(properties or {}), "sessionVariables": dict(variables or {})}
        response = self._send("POST", "/query", json=body, stream=True, timeout=(TIMEOUT[0], None))
        return Lines(self._lines(response), response.close)

    def check_property(self, name: str) -> None:
        """Return if SET takes the property.

        Raises:
            StatementRefused: the server knows no such property.
        """
        self._send("GET", f"/is_valid_property/{quote(name, safe='')}")

    def close_query(self, query_id: str) -> None:
        """End a running push query."""
        self._send("POST", "/close-query", json={"queryId": query_id})

    def _rows(self, response: requests.Response, lines: Iterator[Any]) -> Iterator[list[Any]]:
        try:
            with closing(response):
                for line in lines:
                    if isinstance(line, list):
                        yield line
                    elif "message" in line:
                        raise _refusal(line)
        except requests.RequestException as exc:
            raise KsqlUnavailable(self._gone()) from exc

    def _lines(self, response: requests.Response) -> Iterator[str]:
        try:
            with closing(response):
                for line in response.iter_lines(chunk_size=None):
                    text = line.decode(errors="replace")
                    if text.startswith('{"@type":"'):
                        raise _refusal(json.loads(text))
                    if text:
                        yield text
        except requests.RequestException as exc:
            raise KsqlUnavailable(self._gone()) from exc

    def _gone(self) -> str:
        return f"the ksql server at {self.url} went away in the middle of an answer: see its log"

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        """The one place where a request is made and its error translated."""
        options = {"timeout": TIMEOUT, **options}
        try:
            response = self._session.request(method, self.url + path, **options)
        except requests.exceptions.SSLError as exc:
            raise self._mistrusted(exc) from exc
        except (requests.ConnectionError, requests.Timeout) as exc:
            advice = (
                "`streamguard up` starts the local one; where another is say STREAMGUARD_KSQL_URL or --url"
                if urlsplit(self.url).hostname in HERE
                else "see that STREAMGUARD_KSQL_URL or --url is its address, and that this machine reaches it"
            )
            raise KsqlUnavailable(f"no ksql server answers at {self.url}: {advice}") from exc
        except requests.RequestException as exc:
            raise KsqlUnavailable(f"{self.url} can not be asked: {exc}") from exc
        if response.status_code >= 400:
            raise self._error(response)
        return response

    def _mistrusted(self, exc: requests.exceptions.SSLError) -> KsqlUnavailable:
        if "CERTIFICATE_VERIFY_FAILED" in str(exc):
            return KsqlUnavailable(
                f"{self.url} shows a certificate that is not trusted, or that is of another host: name the file with "
                "that of its authority in STREAMGUARD_KSQL_CA"
            )
        return KsqlUnavailable(f"{self.url} does not speak TLS as we do: is it http:// ?")

    def _error(self, response: requests.Response) -> StatementRefused | KsqlUnavailable:
        if response.status_code == 401:
            return KsqlUnavailable(
                f"the ksql server at {self.url} does not take who asks: set STREAMGUARD_KSQL_USER and "
                "STREAMGUARD_KSQL_PASSWORD to a user of it and his password"
            )
        try:
            body = response.json()
        except ValueError:
            body = None
        strange = response.status_code == 404 and "@type" not in (body or ())  # Kafka Connect's, say
        if not isinstance(body, dict) or "message" not in body or strange:
            return KsqlUnavailable(f"{self.url} answered {response.status_code} without a reason: is it a ksql server?")
        if response.status_code == 503:
            return KsqlUnavailable(f"the ksql server at {self.url} is not ready: {body['message']}")
        return _refusal(body)


def _session(user: str, password: str, ca: Path | None) -> requests.Session:
    session = requests.Session()
    if user:
        session.auth = HTTPBasicAuth(user.encode(), password.encode())  # as bytes: otherwise only Latin 1 can be sent
    if ca is not None:
        session.trust_env = False  # REQUESTS_CA_BUNDLE would win
        session.verify = str(ca)
    return session


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is no number, or too large
        return False


def _refusal(body: Mapping[str, Any]) -> StatementRefused:
    return StatementRefused(
        str(body.get("message", "")),
        code=int(body.get("error_code") or 0),
        statement=str(body.get("statementText") or ""),
        entities=body.get("entities") or (),
    )
