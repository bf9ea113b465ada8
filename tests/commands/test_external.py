"""Mode external: servers that are somebody else's, behind TLS and passwords; nothing is told that is not true there."""

from __future__ import annotations

import base64
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from streamguard.commands import run
from streamguard.connect.secrecy import secrets
from tests.connect import certificates as making
from tests.connect.certificates import Certificates

USER, PASSWORD = "öps", "pa:ss@w%41ö-rd"
NOWHERE = "127.0.0.1:1"
ANSWERS: dict[str, Any] = {
    "/": {"version": "4.3.1", "commit": "c", "kafka_cluster_id": "k"},
    "/connectors": {},
    "/info": {"KsqlServerInfo": {"version": "8.1.0", "kafkaClusterId": "k", "ksqlServiceId": "s"}},
}


class Guarded(BaseHTTPRequestHandler):
    """A worker and a ksql server in one, which want to know who asks."""

    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == self.wanted
        body = json.dumps(ANSWERS[self.path.partition("?")[0]] if known else {"message": "who are you?"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return making.make(tmp_path_factory.mktemp("certificates"))


@contextmanager
def listening(context: ssl.SSLContext) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Guarded)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def guarded(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Both servers at one address, with who one is there and whom to trust in the settings."""
    secrets.forget()
    with listening(certificates.server()) as url:
        given = {"URL": url, "USER": USER, "PASSWORD": PASSWORD, "CA": os.fspath(certificates.ca)}
        for server in ("CONNECT", "KSQL"):
            for name, value in given.items():
                monkeypatch.setenv(f"STREAMGUARD_{server}_{name}", value)
        monkeypatch.setenv("STREAMGUARD_MODE", "external")
        monkeypatch.setenv("STREAMGUARD_KAFKA_BOOTSTRAP", NOWHERE)
        yield url


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """The exit code, and everything that was printed: never the password."""
    code = run(words)
    found = "".join(capsys.readouterr())
    assert PASSWORD not in found
    return code, found


def test_status_says_what_each_server_answers(guarded: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = told(capsys, "status", "-o", "json")
    kafka, connect, ksql = json.loads(found)
    assert code == 0
    assert (connect["state"], connect["detail"], connect["url"]) == ("ready", "version 4.3.1", guarded)
    assert (ksql["state"], ksql["detail"]) == ("ready", "version 8.1.0")
    assert kafka["state"] == "not ready"
    assert "STREAMGUARD_KAFKA_PROPERTIES if it wants TLS or a user" in kafka["detail"]
    assert "streamguard up" not in found


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (("connectors", "list"), "STREAMGUARD_CONNECT_PASSWORD"),
        (("ksql", "exec", "SHOW STREAMS;"), "STREAMGUARD_KSQL_PASSWORD"),
    ],
)
def test_a_wrong_password_is_told_with_the_variable_that_holds_it(
    guarded: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    variable: str,
) -> None:
    monkeypatch.setattr(Guarded, "do_POST", Guarded.do_GET, raising=False)
    monkeypatch.setenv(variable, "another-" + PASSWORD)
    code, found = told(capsys, *words)
    assert code == 1
    assert guarded in found
    assert variable in found


@pytest.mark.parametrize(
    ("words", "variable"),
    [
        (("connectors", "list"), "STREAMGUARD_CONNECT_CA"),
        (("ksql", "exec", "SHOW STREAMS;"), "STREAMGUARD_KSQL_CA"),
    ],
)
def test_an_authority_that_nobody_named_is_told_with_the_variable_to_name_it_in(
    guarded: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    variable: str,
) -> None:
    monkeypatch.delenv(variable)
    code, found = told(capsys, *words)
    assert code == 1
    assert f"{guarded}" in found
    assert variable in found


@pytest.mark.parametrize("words", [("connectors", "list"), ("ksql", "exec", "SHOW STREAMS;")])
def test_another_address_is_not_told_the_password(
    guarded: str,
    certificates: Certificates,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    heard: list[object] = []

    def listen(handler: Guarded) -> None:
        heard.append(handler.headers.get("Authorization"))
        handler.send_error(403)

    with listening(certificates.server()) as other:
        monkeypatch.setattr(Guarded, "do_GET", listen)
        monkeypatch.setattr(Guarded, "do_POST", listen, raising=False)
        code, _ = told(capsys, *words, "--url", other)
    assert code == 1
    assert set(heard) == {None}
    assert guarded != other


def test_an_address_of_the_ksql_server_with_a_password_in_it_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGUARD_KSQL_URL", "https://ops:pa55word-in-url@ksql:8088")
    assert run(("ksql", "exec", "SHOW STREAMS;")) == 1
    found = capsys.readouterr().err
    assert "STREAMGUARD_KSQL_PASSWORD" in found
    assert "pa55word-in-url" not in found


def test_up_says_what_to_do_instead(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STREAMGUARD_MODE", "external")
    monkeypatch.setenv("STREAMGUARD_DATA_DIR", str(tmp_path))
    code, found = told(capsys, "up")
    assert code == 1
    assert all(name in found for name in ("topics apply", "ksql apply", "connectors deploy", "service"))
