"""An application, asked without a client in between: many times a second, and piece by piece."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from streamguard.services.validator.http import Asgi

GONE = {"type": "http.disconnect"}


def piece(body: bytes, *, more: bool = False) -> dict[str, Any]:
    """A part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


async def ask(api: Asgi, path: str, *messages: dict[str, Any]) -> list[Any]:
    """What it sends back when it receives these messages, and then nothing more."""
    sent: list[Any] = []
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await api({"type": "http", "method": "POST", "path": path, "headers": []}, receive, send)
    return sent


def post(api: Asgi, path: str, body: bytes) -> tuple[int, Any]:
    """Status and JSON of the answer to a body."""
    start, content = asyncio.run(ask(api, path, piece(body)))
    return start["status"], json.loads(content["body"])
