"""A question over HTTP: its body is read, within bounds, and answered, whatever is in it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, TypeAlias

import orjson

from streamguard.services.validator.contract import ID_LENGTH, BodyRefused, Problem

LOG = logging.getLogger("streamguard.services.validator")
BODY_LIMIT = 4 * 1024 * 1024
"""Bytes."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive."""
CALLS_LIMIT = 1000
"""Calls that may be under way; the next one is told to come back."""
RETRY_AFTER = (b"retry-after", b"1")

CLOSE = (b"connection", b"close")

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Asgi: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]
Answer: TypeAlias = Callable[[bytes, "str | None"], object]
"""From the body and the Idempotency-Key to what is sent back as JSON; it may raise BodyRefused."""


class Gone(Exception):
    """Whoever asked has left."""


class NotAnswered(Exception):
    """The question was not looked at."""

    def __init__(self, status: HTTPStatus, message: str, *headers: Header) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class Question:
    """What is asked at one path, as an ASGI application of its own."""

    def __init__(self, answer: Answer, observe: Callable[[HTTPStatus, float], None]) -> None:
        self._answer = answer
        self._observe = observe
        self._under_way = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        self._under_way += 1
        try:
            status, content, headers = await self._reply(scope, receive)
            await reply(send, status, content, *headers)
        except Gone:
            return
        finally:
            self._under_way -= 1
        self._observe(status, time.perf_counter() - started)

    async def _reply(self, scope: Message, receive: Receive) -> tuple[HTTPStatus, bytes, tuple[Header, ...]]:
        try:
            if self._under_way > CALLS_LIMIT:
                raise NotAnswered(HTTPStatus.SERVICE_UNAVAILABLE, "too many calls are under way", RETRY_AFTER)
            key = _key(scope)
            body = await _body(receive)
            return HTTPStatus.OK, orjson.dumps(self._answer(body, key)), ()
        except BodyRefused as exc:
            return HTTPStatus.UNPROCESSABLE_ENTITY, _refusal(*exc.problems), ()
        except NotAnswered as exc:
            return exc.status, _refusal({"pointer": "", "message": str(exc)}), exc.headers
        except Gone:
            raise
        except Exception as exc:  # noqa: BLE001  a client gets an answer, never a dropped line; a traceback could hold data
            LOG.error("a question was not answered", extra={"path": scope["path"], "error": type(exc).__name__})
            problem: Problem = {"pointer": "", "message": f"the server failed: {type(exc).__name__}"}
            return HTTPStatus.INTERNAL_SERVER_ERROR, _refusal(problem), ()


async def reply(
    send: Send, status: HTTPStatus, content: bytes, *headers: Header, kind: bytes = b"application/json"
) -> None:
    """Send a whole answer."""
    described = [(b"content-type", kind), (b"content-length", b"%d" % len(content)), *headers]
    await send({"type": "http.response.start", "status": status.value, "headers": described})
    await send({"type": "http.response.body", "body": content})


def _refusal(*problems: Problem) -> bytes:
    return orjson.dumps({"detail": problems})


def _key(scope: Message) -> str | None:
    """The Idempotency-Key, None if there is none."""
    found = next((value for name, value in scope["headers"] if name == b"idempotency-key"), None)
    if found is None:
        return None
    key = str(found, "utf-8", "surrogateescape")
    if not 0 < len(key) <= ID_LENGTH:
        raise BodyRefused({"pointer": "", "message": f"Idempotency-Key should have 1 to {ID_LENGTH} characters"})
    return key


async def _body(receive: Receive) -> bytes:
    """The whole body; it mostly comes in one piece, and there is nothing to wait for then."""
    message = await receive()
    if not message.get("more_body"):
        return await _joined(message, receive)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _joined(message, receive)
    except TimeoutError:
        reason = f"the body did not arrive within {BODY_SECONDS:g} seconds"
        raise NotAnswered(HTTPStatus.REQUEST_TIMEOUT, reason, CLOSE) from None


async def _joined(message: Message, receive: Receive) -> bytes:
    body = bytearray()
    while message["type"] == "http.request":
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            reason = f"the body is longer than {BODY_LIMIT} bytes"
            raise NotAnswered(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason, CLOSE)
        if not message.get("more_body"):
            return bytes(body)
        message = await receive()
    raise Gone
