"""Bad on purpose: a validator that is slow, fails, hangs or answers garbage, to see what its callers do then.

What becomes of the n-th call depends on the seed and n alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Any, TypeAlias

import orjson

from streamguard.services.validator.http import Asgi, Header, Message, Receive, Send, reply

Reply: TypeAlias = "tuple[HTTPStatus, bytes, bytes, tuple[Header, ...]]"
"""Status, content type, content, more headers."""

SIGN_IN: Reply = (HTTPStatus.OK, b"text/html; charset=utf-8", b"<!doctype html><title>Sign in</title><form>", ())
ELSEWHERE = (b"location", b"http://elsewhere.invalid/validate")
"""A host that can not exist (RFC 2606)."""
REDIRECT: Reply = (HTTPStatus.TEMPORARY_REDIRECT, b"text/plain", b"", (ELSEWHERE,))


@dataclass(frozen=True)
class Faults:
    """What to do to calls: all of them are `delay_ms` late, and some, in percent of all, are spoilt.

    `fail`: 500. `busy`: 503 with a Retry-After of `retry_after` seconds. `hang`: no answer as long as the caller waits.
    `garbage`: one of GARBAGE instead of the answer.
    """

    delay_ms: int = 0
    fail: float = 0.0
    busy: float = 0.0
    hang: float = 0.0
    garbage: float = 0.0
    retry_after: int = 1
    seed: int = 0

    def __bool__(self) -> bool:
        return any((self.delay_ms, self.fail, self.busy, self.hang, self.garbage))


class Spoiler:
    """Puts faults in front of questions, and counts them by kind."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._random = Random(faults.seed)  # noqa: S311  it must repeat itself
        self.counts: Counter[str] = Counter()

    def spoil(self, question: Asgi) -> Asgi:
        """The same question, answered badly."""

        async def answer(scope: Message, receive: Receive, send: Send) -> None:
            fault, garble = self.draw()
            self.counts[fault] += 1
            await asyncio.sleep(self._faults.delay_ms / 1000)
            if fault == "fail":
                await reply(send, HTTPStatus.INTERNAL_SERVER_ERROR, b'{"detail":"failed on purpose"}')
            elif fault == "busy":
                later = (b"retry-after", b"%d" % self._faults.retry_after)
                await reply(send, HTTPStatus.SERVICE_UNAVAILABLE, b'{"detail":"busy on purpose"}', later)
            elif fault == "hang":
                await _hang(receive, send)
            elif fault == "garbage":
                status, kind, content, headers = garble(await _answered(question, scope, receive))
                await reply(send, status, content, *headers, kind=kind)
            else:
                await question(scope, receive, send)

        return answer

    def draw(self) -> tuple[str, Callable[[bytes], Reply]]:
        """What becomes of the next call, "none" if nothing, and which garbage it would be."""
        number, garble = self._random.uniform(0, 100), self._random.choice(GARBAGE)
        for kind in ("fail", "busy", "hang", "garbage"):
            number -= getattr(self._faults, kind)
            if number < 0:
                return kind, garble
        return "none", garble


async def _hang(receive: Receive, send: Send) -> None:
    """Until the caller gives up; one that still waits when the process ends is told so."""
    try:
        while (await receive())["type"] != "http.disconnect":
            pass
    except asyncio.CancelledError:
        with contextlib.suppress(OSError):
            await reply(send, HTTPStatus.SERVICE_UNAVAILABLE, b'{"detail":"the server ends"}')


async def _answered(question: Asgi, scope: Message, receive: Receive) -> bytes:
    """The right answer, kept from the caller."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await question(scope, receive, keep)
    return b"".join(message.get("body", b"") for message in sent)


def _cut(answer: bytes) -> Reply:
    return _json(answer[: len(answer) // 2])


def _wrong_type(answer: bytes) -> Reply:
    return _changed(answer, lambda verdict: verdict.update(is_fraudulent_transaction="false"))


def _missing_field(answer: bytes) -> Reply:
    return _changed(answer, lambda verdict: verdict.pop("is_fraudulent_transaction", None))


def _of_another(answer: bytes) -> Reply:
    return _changed(answer, lambda verdict: verdict.update(transaction_id="another"))


GARBAGE: tuple[Callable[[bytes], Reply], ...] = (
    lambda _: SIGN_IN,
    lambda _: REDIRECT,
    lambda _: _json(b""),
    _cut,
    _wrong_type,
    _missing_field,
    _of_another,
)
"""What becomes of a right answer: something else, half of it, or itself with a mistake in it."""


def _changed(answer: bytes, change: Callable[[dict[str, Any]], object]) -> Reply:
    """The last verdict of the answer is changed."""
    if not answer:  # who asked has left meanwhile
        return _json(b"")
    document = orjson.loads(answer)
    change(document["verdicts"][-1] if "verdicts" in document else document)
    return _json(orjson.dumps(document))


def _json(content: bytes) -> Reply:
    return HTTPStatus.OK, b"application/json", content, ()
