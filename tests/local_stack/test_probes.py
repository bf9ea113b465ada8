"""When the ksql server counts as ready; the other probes are asked of real servers in tests/stack."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from streamguard.stack import probes


@pytest.fixture
def ksql() -> Iterator[Callable[[Any], str]]:
    """What the probe says when the server answers this."""
    answers: list[bytes] = []

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[-1])

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

        def said(answer: Any) -> str:
            answers.append(json.dumps(answer).encode())
            return probes.ksql(f"http://127.0.0.1:{server.server_port}").partition(" ")[2]

        yield said
        server.shutdown()


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
