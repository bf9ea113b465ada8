"""Answers that have no end of their own: rows of queries, lines of PRINT, acknowledgements of inserted rows.

A query is asked for its next rows only after the client took the previous ones, so a slow client slows its own query
and fills no memory. What goes wrong after the first byte travels in the stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

import anyio
from anyio import to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from streamguard.engine.server.framing import DELIMITED, JSON, Framing, dumps
from streamguard.engine.server.rejection import SERVER_ERROR, Rejection, bad_request
from streamguard.engine.server.request import RunningQuery
from streamguard.engine.server.topic_lines import TopicLines
from streamguard.errors import StreamguardError

POLL_SECONDS = 0.1
LONGEST_ROW = 10 * 1024 * 1024


def rows_response(query: RunningQuery, framing: Framing, *, http2: bool) -> Response:
    """The rows of a query.

    Delimited rows over HTTP/2 are sent one a frame, as ksqlDB does: there are clients that take a frame for a row.
    """
    alone = http2 and framing.media_type == DELIMITED
    return StreamingResponse(_frames(query, framing, alone=alone), media_type=framing.media_type)


def lines_response(printing: TopicLines, media_type: str) -> Response:
    """The lines of a PRINT."""
    return StreamingResponse(_lines(printing), media_type=media_type)


async def _frames(query: RunningQuery, framing: Framing, *, alone: bool) -> AsyncIterator[bytes]:
    """The body. It ends after the last row, or in the middle when the client goes away."""
    limiter = anyio.CapacityLimiter(1)  # a thread of its own: a hundred idle queries must not block /ksql
    try:
        yield framing.head(query.heading)
        while (rows := await to_thread.run_sync(query.poll, POLL_SECONDS, limiter=limiter)) is not None:
            for piece in ([row] for row in rows) if alone else (rows,):
                if body := framing.rows(piece):
                    yield body
                    if alone:
                        await anyio.sleep(0)  # the server's sender takes it, before the next one is joined to it
        yield framing.finish(query.last_words)
    except (Rejection, StreamguardError) as exc:
        yield framing.finish("", _rejection(exc).body())
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(query.close, limiter=limiter)


async def _lines(printing: TopicLines) -> AsyncIterator[bytes]:
    limiter = anyio.CapacityLimiter(1)
    try:
        while (lines := await to_thread.run_sync(printing.poll, POLL_SECONDS, limiter=limiter)) is not None:
            if lines:
                yield "".join(f"{line}\n" for line in lines).encode()
    except (Rejection, StreamguardError) as exc:
        yield dumps(_rejection(exc).body()) + b"\n"
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(printing.close, limiter=limiter)


def _rejection(exc: Rejection | StreamguardError) -> Rejection:
    return exc if isinstance(exc, Rejection) else Rejection(SERVER_ERROR, str(exc))


class Inserts(Protocol):
    """An open stream of rows into a source: writes some, and returns how many and why the next one was not."""

    def write(self, rows: Sequence[bytes]) -> tuple[int, Rejection | None]: ...


class Acknowledgements(Response):
    """Reads rows and acknowledges each; the first that is refused is the last that is read.

    It does not listen for the client's going away, as other streams do: the request's own messages say so.
    """

    def __init__(self, rows: AsyncIterator[list[bytes]], inserts: Inserts, *, as_array: bool) -> None:
        super().__init__(media_type=JSON if as_array else DELIMITED)
        del self.headers["content-length"]
        self._rows = rows
        self._inserts = inserts
        self._as_array = as_array

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for body in self._body():
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"]\n" if self._as_array else b"", "more_body": False})

    async def _body(self) -> AsyncIterator[bytes]:
        first = b"[" if self._as_array else b""
        number = 0
        async for rows in self._rows:
            written, refused = await to_thread.run_sync(self._inserts.write, rows)
            acks: list[dict[str, Any]] = [{"status": "ok", "seq": number + each} for each in range(written)]
            number += written
            if refused is not None:
                acks.append({"status": "error", "seq": number, **refused.body()})
            yield first + self._joined(acks)
            first = b"," if self._as_array else b""
            if refused is not None:
                return
        if first == b"[":
            yield first

    def _joined(self, acks: Sequence[dict[str, Any]]) -> bytes:
        if self._as_array:
            return b",\n".join(map(dumps, acks))
        return b"".join(dumps(ack) + b"\n" for ack in acks)


async def split(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """The lines of a body as they become complete; empty ones are left out."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST_ROW:
            raise bad_request(f"a row is longer than {LONGEST_ROW:,} bytes")
        found = [line for line in lines if line.strip()]
        if found:
            yield found
    if rest.strip():
        yield [rest]
