"""ksqlDB's REST API over an `Api`: parse requests, call one method, shape answers. No statement is understood here.

A statement may take a while (it talks to Kafka), so each runs in a thread.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from streamguard.engine.server.framing import DELIMITED, dumps, negotiate
from streamguard.engine.server.rejection import (
    FORBIDDEN,
    HTTP2_ONLY,
    INTERNAL_ONLY,
    NOT_ACCEPTABLE,
    SERVER_ERROR,
    TOO_LARGE,
    Rejection,
    bad_request,
)
from streamguard.engine.server.request import RunningQuery, StatementRequest
from streamguard.engine.server.streaming import Acknowledgements, Inserts, lines_response, rows_response, split
from streamguard.engine.server.topic_lines import TopicLines

LOG = logging.getLogger("streamguard.engine.server.rest")
BODY_LIMIT = 10 * 1024 * 1024
OWN_HOSTS = ("localhost", "127.0.0.1", "::1")
JSON_TYPE = "application/json"


class Api(Protocol):
    """What the endpoints call; every method may raise a Rejection."""

    def info(self) -> dict[str, Any]: ...
    def health(self) -> dict[str, Any]: ...
    def execute(self, request: StatementRequest) -> list[dict[str, Any]]: ...
    def query(self, request: StatementRequest) -> RunningQuery | TopicLines: ...
    def inserts(self, target: str) -> Inserts: ...
    def terminate(self, topics: Sequence[str]) -> list[dict[str, Any]]: ...
    def close_query(self, query_id: str) -> None: ...
    def status(self, command_id: str) -> dict[str, Any]: ...
    def statuses(self) -> dict[str, str]: ...
    def check_property(self, name: str) -> None: ...
    def metrics(self) -> bytes: ...


Endpoint = Callable[[Request], Awaitable[Response]]


def application(api: Api) -> Starlette:
    """The ASGI application."""
    endpoints: list[tuple[str, str, Callable[[Api, Request], Awaitable[Response]]]] = [
        ("GET", "/info", _info),
        ("GET", "/healthcheck", _healthcheck),
        ("GET", "/health", _health),
        ("GET", "/metrics", _metrics),
        ("POST", "/ksql", _ksql),
        ("POST", "/query", _query),
        ("POST", "/query-stream", _query_stream),
        ("POST", "/close-query", _close_query),
        ("POST", "/inserts-stream", _inserts_stream),
        ("POST", "/ksql/terminate", _terminate),
        ("GET", "/clusterStatus", _no_cluster),
        ("POST", "/heartbeat", _internal),
        ("POST", "/lag", _internal),
        ("GET", "/status", _statuses),
        ("GET", "/status/{type}/{entity:path}/{action}", _status),
        ("GET", "/is_valid_property/{name:path}", _is_valid_property),
        ("GET", "/v1/metadata", _metadata),
        ("GET", "/v1/metadata/id", _metadata_id),
        ("GET", "/chc/ready", _empty),
        ("GET", "/chc/live", _empty),
    ]
    routes = [Route(path, _guarded(api, function), methods=[method]) for method, path, function in endpoints]
    routes.append(Route("/", _root, methods=["GET"]))
    handlers = {404: _not_found, 405: _not_found}
    return Starlette(routes=routes, exception_handlers=handlers, middleware=[Middleware(AbsoluteForm)])


class AbsoluteForm:
    """Takes requests that name their target by its whole URL, as a server must and old clients do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("http://", "https://")):
            scope["path"] = urlsplit(scope["path"]).path or "/"
        await self._app(scope, receive, send)


def parse_request(body: bytes, *, text_field: str, properties_field: str) -> StatementRequest:
    """Read a request body as leniently as ksqlDB does: unknown fields are ignored, any Content-Type will do."""
    document = _parse_object(body)
    text = document.get(text_field)
    if not isinstance(text, str) or not text.strip():
        raise bad_request(f'"{text_field}" field must be populated')
    return StatementRequest(
        text,
        {_bare(name): _text(value) for name, value in _mapping(document, properties_field).items()},
        {name: _text(value) for name, value in _mapping(document, "sessionVariables").items()},
        _sequence_number(document.get("commandSequenceNumber")),
    )


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as exc:
        raise bad_request(f"Invalid JSON in request: {exc}") from None
    if not isinstance(document, dict):
        raise bad_request("Invalid JSON in request: it must be an object")
    return document


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise bad_request(f"Invalid JSON in request: {name} must be an object")
    return value


def _sequence_number(value: Any) -> int:
    if value is None:
        return -1
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_request("Invalid JSON in request: commandSequenceNumber must be a number")
    return value


def _bare(name: str) -> str:
    return name.removeprefix("ksql.streams.")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _guarded(api: Api, function: Callable[[Api, Request], Awaitable[Response]]) -> Endpoint:
    """Turn whatever goes wrong into ksqlDB's error body."""

    async def endpoint(request: Request) -> Response:
        try:
            _refuse_foreign_pages(request)
            return await function(api, request)
        except Rejection as exc:
            headers = {"Retry-After": "10"} if exc.status == 503 else None
            return Response(dumps(exc.body()), exc.status, headers, JSON_TYPE)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as exc:  # noqa: BLE001 - the last line of defence: a client gets an answer, never a dropped line
            LOG.error("request failed", extra={"path": request.url.path, "error": type(exc).__name__})
            rejection = Rejection(SERVER_ERROR, f"the server failed: {type(exc).__name__}")
            return Response(dumps(rejection.body()), 500, media_type=JSON_TYPE)

    return endpoint


def _refuse_foreign_pages(request: Request) -> None:
    """A web page from elsewhere must not run statements through the browser of whoever reads it."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).hostname not in OWN_HOSTS:
        raise Rejection(FORBIDDEN, "requests of web pages from other hosts are refused")


async def _body(request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > BODY_LIMIT:
            raise Rejection(TOO_LARGE, f"the request is larger than {BODY_LIMIT:,} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _answer(document: Any) -> Response:
    return Response(dumps(document), media_type=JSON_TYPE)


async def _root(_request: Request) -> Response:
    return RedirectResponse("/info", 307)


async def _not_found(_request: Request, _exc: Exception) -> Response:
    return PlainTextResponse("Not Found", 404)


async def _empty(_api: Api, _request: Request) -> Response:
    return _answer({})


async def _info(api: Api, _request: Request) -> Response:
    return _answer({"KsqlServerInfo": api.info()})


async def _healthcheck(api: Api, _request: Request) -> Response:
    return _answer(await to_thread.run_sync(api.health))


async def _health(api: Api, _request: Request) -> Response:
    """Ours: 200 when every part is well, else 503; what a supervisor asks."""
    health = await to_thread.run_sync(api.health)
    return Response(dumps(health), 200 if health["isHealthy"] else 503, media_type=JSON_TYPE)


async def _metrics(api: Api, _request: Request) -> Response:
    return Response(await to_thread.run_sync(api.metrics), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _ksql(api: Api, request: Request) -> Response:
    parsed = parse_request(await _body(request), text_field="ksql", properties_field="streamsProperties")
    return _answer(await to_thread.run_sync(api.execute, parsed))


async def _query(api: Api, request: Request) -> Response:
    parsed = parse_request(await _body(request), text_field="ksql", properties_field="streamsProperties")
    started = await to_thread.run_sync(api.query, parsed)
    if isinstance(started, TopicLines):
        return lines_response(started, "text/plain")
    framing = negotiate(request.headers.get("accept", ""), classic=True)
    return rows_response(started, framing, http2=_is_http2(request))


async def _query_stream(api: Api, request: Request) -> Response:
    parsed = parse_request(await _body(request), text_field="sql", properties_field="properties")
    framing = negotiate(request.headers.get("accept", ""), classic=False)
    started = await to_thread.run_sync(api.query, parsed)
    if not isinstance(started, TopicLines):
        return rows_response(started, framing, http2=_is_http2(request))
    if framing.media_type == DELIMITED:
        return lines_response(started, DELIMITED)
    await to_thread.run_sync(started.close)
    raise Rejection(NOT_ACCEPTABLE, f"PRINT is answered as {DELIMITED} only")


async def _inserts_stream(api: Api, request: Request) -> Response:
    """Over HTTP/2. A client that asks to change to it is served too: hypercorn lets no request with a body change."""
    if not _is_http2(request) and "h2c" not in request.headers.get("upgrade", ""):
        raise Rejection(HTTP2_ONLY, "This endpoint is only available when using HTTP2")
    rows = split(request.stream())
    first: list[bytes] = await anext(rows, [])
    target = _parse_object(first[0] if first else b"").get("target")
    if not isinstance(target, str) or not target:
        raise bad_request('"target" field must be populated')
    inserts = await to_thread.run_sync(api.inserts, target)
    as_array = JSON_TYPE in request.headers.get("accept", "")
    return Acknowledgements(_chained(first[1:], rows), inserts, as_array=as_array)


def _is_http2(request: Request) -> bool:
    return bool(request.scope["http_version"] == "2")


async def _chained(first: list[bytes], rest: AsyncIterator[list[bytes]]) -> AsyncIterator[list[bytes]]:
    if first:
        yield first
    async for rows in rest:
        yield rows


async def _terminate(api: Api, request: Request) -> Response:
    document = _parse_object(await _body(request))
    topics = document.get("deleteTopicList") or []
    if not isinstance(topics, list) or not all(isinstance(each, str) for each in topics):
        raise bad_request("Invalid JSON in request: deleteTopicList must be a list of names")
    return _answer(await to_thread.run_sync(api.terminate, topics))


async def _no_cluster(_api: Api, _request: Request) -> Response:
    raise bad_request("Cluster status is not available: ksql.heartbeat.enable is false")


async def _internal(_api: Api, _request: Request) -> Response:
    raise Rejection(INTERNAL_ONLY, "Can't call internal endpoint on public listener")


async def _close_query(api: Api, request: Request) -> Response:
    document = _parse_object(await _body(request))
    query_id = document.get("queryId")
    if not isinstance(query_id, str) or not query_id:
        raise bad_request('"queryId" field must be populated')
    await to_thread.run_sync(api.close_query, query_id)
    return Response(status_code=200)


async def _statuses(api: Api, _request: Request) -> Response:
    return _answer({"commandStatuses": api.statuses()})


async def _status(api: Api, request: Request) -> Response:
    parts = request.path_params
    return _answer(api.status(f"{parts['type']}/{parts['entity']}/{parts['action']}"))


async def _is_valid_property(api: Api, request: Request) -> Response:
    api.check_property(request.path_params["name"])
    return _answer(True)


async def _metadata(api: Api, _request: Request) -> Response:
    info = api.info()
    return _answer({"version": info["version"], "clusterId": _cluster(info)})


async def _metadata_id(api: Api, _request: Request) -> Response:
    return _answer(_cluster(api.info()))


def _cluster(info: Mapping[str, Any]) -> dict[str, Any]:
    clusters = {"kafka-cluster": info["kafkaClusterId"], "ksql-cluster": info["ksqlServiceId"]}
    return {"id": "", "scope": {"path": [], "clusters": clusters}}
