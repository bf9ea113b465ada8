"""HTTP/1.1 status lines with their words: ``HTTP/1.1 200 OK``.

Hypercorn leaves the words out, as it may; an old client of ksqlDB (the HTTP library of PyPI's `ksql`) can not read a
status line without them, and ksqlDB sends them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import h11
from hypercorn import protocol
from hypercorn.protocol.h11 import H11Protocol


class WordedH11Protocol(H11Protocol):
    """Hypercorn's HTTP/1.1, with reason phrases."""

    async def _send_h11_event(self, event: Any) -> None:
        await super()._send_h11_event(worded(event))


def worded(event: Any) -> Any:
    """The event with its reason phrase, if it is a response without one."""
    if isinstance(event, h11.Response | h11.InformationalResponse) and not event.reason:
        return type(event)(
            status_code=event.status_code, headers=event.headers, reason=phrase(event.status_code).encode()
        )
    return event


def phrase(status: int) -> str:
    """The words of a status; empty for one that has none."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def install() -> None:
    """Have hypercorn use it: there is no option for that."""
    protocol.H11Protocol = WordedH11Protocol  # type: ignore[attr-defined]
