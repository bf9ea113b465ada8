"""When servers of ours count as ready; the other probes are asked of real servers in tests/stack."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from streamguard.stack import probes


@pytest.fixture
def url() -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    """A server, and the status and body that it answers: the last of the list."""
    answers: list[tuple[int, bytes]] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers[-1][0])
            self.end_headers()
            self.wfile.write(answers[-1][1])

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", answers
        server.shutdown()


@pytest.fixture
def ksql(url: tuple[str, list[tuple[int, bytes]]]) -> Callable[[Any], str]:
    """What the probe says when the ksql server answers this."""
    address, answers = url

    def said(answer: Any) -> str:
        answers.append((200, json.dumps(answer).encode()))
        return probes.ksql(address).partition(" ")[2]

    return said


def health(**parts: bool) -> dict[str, Any]:
    return {"isHealthy": all(parts.values()), "details": {name: {"isHealthy": well} for name, well in parts.items()}}


def test_a_server_is_ready_when_its_parts_are(ksql: Callable[[Any], str]) -> None:
    assert ksql(health(metastore=True, kafka=True, commandRunner=True)) == ""
    assert (
        ksql(health(metastore=False, kafka=True, commandRunner=False))
        == "is not healthy yet (metastore, commandRunner)"
    )


def test_a_failing_query_does_not_keep_the_server_from_being_ready(ksql: Callable[[Any], str]) -> None:
    assert ksql(health(metastore=True, kafka=True, commandRunner=True, queries=False)) == ""


@pytest.mark.parametrize("answer", [{}, [], 1, {"details": 1}, {"details": {"kafka": None}}])
def test_another_answer_is_no_ksql_servers(ksql: Callable[[Any], str], answer: Any) -> None:
    assert ksql(answer) == "is no ksql server"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"{}", ""),
        (503, b'{"missing": "the validator does not answer"}', "the validator does not answer"),
        (503, b"{}", "URL/ready answers 503"),
        (503, b"[]", "URL/ready answers 503"),
        (404, b"<html>", "URL/ready answers 404"),
    ],
)
def test_a_service_says_itself_what_it_misses(
    url: tuple[str, list[tuple[int, bytes]]], status: int, body: bytes, said: str
) -> None:
    address, answers = url
    answers.append((status, body))
    assert probes.service(address) == said.replace("URL", address)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            b'{"ready": true, "refused_rules": "rules.yml, line 1: no"}',
            "changed rules are refused: rules.yml, line 1: no",
        ),
        (b'{"refused_channels": "no channel x"}', "changed channels are refused: no channel x"),
        (b'{"refused_rules": ""}', ""),
        (b'{"lag": 1}', ""),
        (b"[]", ""),
        (b"<html>", ""),
    ],
)
def test_a_service_says_itself_which_edit_it_refuses(
    url: tuple[str, list[tuple[int, bytes]]], body: bytes, said: str
) -> None:
    address, answers = url
    answers.append((200, body))
    assert probes.refused(address) == said


def test_a_service_that_does_not_answer_refuses_nothing(url: tuple[str, list[tuple[int, bytes]]]) -> None:
    address, answers = url
    answers.append((404, b""))
    assert probes.refused(address) == ""


def test_a_service_that_is_not_there_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in probes.service(f"http://127.0.0.1:{port}")
