"""Servers that stand in for Slack, for somebody's webhook and for a mail server; they answer as they are told."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


@dataclass(frozen=True)
class Answer:
    """Status, headers and body of an answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"ok"


OK = Answer()


@dataclass(frozen=True)
class Post:
    """A request that came, and what it was answered."""

    path: str
    headers: Mapping[str, str]
    document: Any
    status: int


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone, as one that was killed."""


class Receiver:
    """Keeps every request. `answer` decides about each, and may be replaced at any time."""

    def __init__(self, port: int = 0) -> None:
        self.answer: Callable[[Any], Answer] = lambda _document: OK
        self._posts: list[Post] = []
        self._came = threading.Condition()
        self._server = _Server(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def posts(self) -> list[Post]:
        with self._came:
            return list(self._posts)

    @property
    def taken(self) -> list[Post]:
        """Those that were answered well."""
        return [post for post in self.posts if post.status == 200]

    def told(self) -> Counter[tuple[str, int]]:
        """How often each revision of a decision was taken, of webhooks."""
        return Counter(
            (each["decision_id"], each["revision"]) for post in self.taken for each in post.document["decisions"]
        )

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Until it holds; it is looked at whenever a request has come."""
        with self._came:
            assert self._came.wait_for(condition, seconds), f"{len(self._posts)} posts"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                document = json.loads(body)
                answer = receiver.answer(document)
                with receiver._came:
                    receiver._posts.append(Post(self.path, dict(self.headers), document, answer.status))
                    receiver._came.notify_all()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Quiet."""

        return Handler


@contextmanager
def receiver(port: int = 0) -> Iterator[Receiver]:
    running = Receiver(port)
    try:
        yield running
    finally:
        running.close()


class Mailbox:
    """What aiosmtpd calls: keeps mails; `refusal` answers DATA, `refuse_recipients` answers RCPT."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.refusal = ""
        self.refused_recipients: dict[str, str] = {}

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802  aiosmtpd's name
        if address in self.refused_recipients:
            return self.refused_recipients[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


class _OnAFreePort(Controller):
    """aiosmtpd's own wants to know the port before it listens."""

    def __init__(self, mailbox: Mailbox, listener: socket.socket, **config: Any) -> None:
        host, port = listener.getsockname()
        super().__init__(mailbox, hostname=host, port=port, **config)
        self._listener = listener

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listener, ssl=self.ssl_context)


@contextmanager
def mail_server(**config: Any) -> Iterator[tuple[Mailbox, int]]:
    """A mail server on a free port; `config` is aiosmtpd's."""
    mailbox = Mailbox()
    controller = _OnAFreePort(mailbox, socket.create_server(("127.0.0.1", 0)), **config)
    controller.start()
    try:
        yield mailbox, controller.port
    finally:
        controller.stop()
