"""A validator API that follows a script: well where the script is silent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

Transaction = Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """What was asked."""

    path: str
    ids: tuple[str, ...]
    headers: Mapping[str, str]


Act = Callable[[web.Request, Sequence[Transaction]], Awaitable[web.StreamResponse]]
"""Answers one call about transactions."""


class ScriptedApi:
    """Each act of the script answers one call, in the order in which they come; `rule` answers where there is no act,
    and what it leaves, None, is answered well: fraudulent is an amount of 100 or more."""

    def __init__(self, *script: Act, rule: Callable[[Call], web.Response | None] = lambda _: None) -> None:
        self.script = deque(script)
        self.rule = rule
        self.calls: list[Call] = []
        self.under_way = self.most_under_way = 0

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{tail:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        document = orjson.loads(await request.read())
        transactions = document["transactions"] if request.path.endswith("/batch") else [document]
        call = Call(request.path, tuple(each["transaction_id"] for each in transactions), request.headers)
        self.calls.append(call)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.script:
                return await self.script.popleft()(request, transactions)
            return self.rule(call) or well(request.path, transactions)
        finally:
            self.under_way -= 1


def well(path: str, transactions: Sequence[Transaction]) -> web.Response:
    """The right answer."""
    verdicts = [verdict(each["transaction_id"], is_fraudulent=each["amount"] >= 100) for each in transactions]
    return json({"verdicts": verdicts} if path.endswith("/batch") else verdicts[0])


def verdict(transaction_id: Any, *, is_fraudulent: Any) -> dict[str, Any]:
    return {
        "transaction_id": transaction_id,
        "is_fraudulent_transaction": is_fraudulent,
        "score": 0.5,
        "reasons": [{"rule": "r", "points": 1, "text": "t"}],
    }


def json(document: Any, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        body=orjson.dumps(document), status=status, content_type="application/json", headers=headers or None
    )


def refusal(*details: tuple[str, str]) -> web.Response:
    return json({"detail": [{"pointer": pointer, "message": message} for pointer, message in details]}, 422)


def saying(response: Callable[[], web.StreamResponse]) -> Act:
    """An act that answers so, whatever is asked."""

    async def act(_request: web.Request, _transactions: Sequence[Transaction]) -> web.StreamResponse:
        return response()

    return act


def status(number: int, **headers: str) -> Act:
    return saying(lambda: web.Response(status=number, headers=headers or None))


def body(content: bytes, kind: str = "application/json", **headers: str) -> Act:
    return saying(lambda: web.Response(body=content, content_type=kind, headers=headers or None))


async def hang(_request: web.Request, _transactions: Sequence[Transaction]) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def drip(request: web.Request, transactions: Sequence[Transaction]) -> web.StreamResponse:
    """The right answer, one byte at a time."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    right = well(request.path, transactions).body
    assert isinstance(right, bytes)
    for number in range(len(right)):
        await response.write(right[number : number + 1])
        await asyncio.sleep(0.02)
    return response


async def vanish(request: web.Request, _transactions: Sequence[Transaction]) -> web.StreamResponse:
    """Close the connection in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"')
    assert request.transport is not None
    request.transport.close()
    return response
