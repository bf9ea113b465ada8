"""Against an API that does what a good one never does: every transaction gets its own right answer, or none."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

import pytest
from aiohttp import web

from streamguard.errors import RecordRefused, SettingsError
from streamguard.services.validation.breaker import FAILURES
from streamguard.services.validation.client import Limits, ValidatorClient, client_of
from streamguard.services.validation.contract import Answer, Verdict
from streamguard.services.validation.round import TO_REFUSE
from streamguard.settings import load
from tests.malformed import PERSON
from tests.services.validation import api
from tests.services.validation.api import Act, Call, ScriptedApi
from tests.services.validation.asking import LIMITS, transaction, using

SHORT = Limits(calls=4, batch=10, timeout=0.05)
FRAUDULENT, NOT_FRAUDULENT = Verdict.FRAUDULENT, Verdict.NOT_FRAUDULENT


def transactions(count: int) -> list[dict[str, Any]]:
    return [transaction(number) for number in range(count)]


def right(count: int) -> list[Answer]:
    return [FRAUDULENT if number >= 100 else NOT_FRAUDULENT for number in range(count)]


def answers(server: ScriptedApi, count: int, limits: Limits = LIMITS, *, seconds_a_look: float = 0.0) -> list[Answer]:
    return asyncio.run(using(server, lambda client: client.ask(transactions(count)), limits, seconds_a_look))


def shown(found: Sequence[Answer]) -> list[Any]:
    """Refusals as code and reason, which can be compared."""
    return [(answer.code, str(answer)) if isinstance(answer, RecordRefused) else answer for answer in found]


# ---- well


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 250])
@pytest.mark.parametrize("batch", [1, 10, 100])
def test_every_transaction_gets_its_own_verdict_in_order(count: int, batch: int) -> None:
    server = ScriptedApi()
    assert answers(server, count, Limits(calls=4, batch=batch, timeout=5.0)) == right(count)
    assert len(server.calls) == -(-count // batch)
    assert all(len(call.ids) <= batch for call in server.calls)


def test_no_more_calls_are_under_way_than_there_may_be() -> None:
    async def slowly(request: web.Request, asked: Sequence[api.Transaction]) -> web.StreamResponse:
        for _ in range(20):
            await asyncio.sleep(0)
        return api.well(request.path, asked)

    server = ScriptedApi(*[slowly] * 40)
    assert answers(server, 40, Limits(calls=3, batch=1, timeout=5.0)) == right(40)
    assert server.most_under_way == 3


def test_one_transaction_is_asked_with_its_id_as_idempotency_key() -> None:
    server = ScriptedApi()
    assert answers(server, 1) == [NOT_FRAUDULENT]
    assert [(call.path, call.headers["Idempotency-Key"]) for call in server.calls] == [("/validate", "t-0")]


@pytest.mark.parametrize("name", ["a\r\nX-Evil: 1", "käse", "x" * 300, "\x00"])
def test_an_id_that_can_not_stand_in_a_header_stands_in_the_body_only(name: str) -> None:
    server = ScriptedApi()
    asyncio.run(using(server, lambda client: client.ask([transaction(1) | {"transaction_id": name}]), LIMITS))
    assert [call.ids for call in server.calls] == [(name,)]
    assert not {"Idempotency-Key", "X-Evil"} & set(server.calls[0].headers)


def test_the_api_gets_the_receiver_and_no_more_of_him_than_the_contract_says() -> None:
    bodies: list[api.Transaction] = []

    async def look(request: web.Request, asked: Sequence[api.Transaction]) -> web.StreamResponse:
        bodies.extend(asked)
        return api.well(request.path, asked)

    sent = transaction(1) | {"receiver_details": {**PERSON, "salary": 7}}
    asyncio.run(using(ScriptedApi(look), lambda client: client.ask([sent]), LIMITS))
    assert bodies == [
        {
            "transaction_id": "t-1",
            "sender_bank_account": "DE1",
            "receiver_details": dict(PERSON),
            "sender_bank": "A Bank",
            "amount": 1,
        }
    ]


# ---- what is no answer is asked again


def wrong_ids(_request: web.Request, asked: Sequence[api.Transaction]) -> web.StreamResponse:
    return api.json({"verdicts": [api.verdict("another", is_fraudulent=True) for _ in asked]})


def acting(make: Callable[[web.Request, Sequence[api.Transaction]], web.StreamResponse]) -> Act:
    async def act(request: web.Request, asked: Sequence[api.Transaction]) -> web.StreamResponse:
        return make(request, asked)

    return act


def verdicts(make: Callable[[list[Any]], Any]) -> Act:
    """The right verdicts, spoilt."""
    return acting(
        lambda _, asked: api.json(
            {"verdicts": make([api.verdict(each["transaction_id"], is_fraudulent=True) for each in asked])}
        )
    )


WRONG: dict[str, Act] = {
    "html": api.body(b"<html>fraud</html>", "text/html"),
    "nothing": api.body(b""),
    "cut off": api.body(b'{"verdicts": ['),
    "no UTF-8": api.body(b"\xff\xfe"),
    "a number": api.body(b"7"),
    "null": api.body(b"null"),
    "no verdicts": api.body(b"{}"),
    "verdicts are no list": api.body(b'{"verdicts": {}}'),
    "one verdict too few": verdicts(lambda all_: all_[1:]),
    "one verdict too many": verdicts(lambda all_: [*all_, all_[0]]),
    "verdicts in another order": verdicts(lambda all_: all_[::-1]),
    "the id of another": acting(wrong_ids),
    "no id": verdicts(lambda all_: [{"is_fraudulent_transaction": True} for _ in all_]),
    "true as text": verdicts(lambda all_: [each | {"is_fraudulent_transaction": "true"} for each in all_]),
    "true as number": verdicts(lambda all_: [each | {"is_fraudulent_transaction": 1} for each in all_]),
    "null for a verdict": verdicts(lambda all_: [each | {"is_fraudulent_transaction": None} for each in all_]),
    "a score alone": verdicts(lambda all_: [{"transaction_id": each["transaction_id"]} for each in all_]),
    "compressed": api.body(b"\x1f\x8b", **{"Content-Encoding": "gzip"}),
    "six megabytes": acting(lambda *_: web.Response(body=b" " * (6 << 20))),
    "gone in the middle": api.vanish,
    "created": api.status(201),
    "no content": api.status(204),
    "redirect": api.status(302, Location="/elsewhere"),
    "not authorised": api.status(401),
    "conflict": api.status(409),
    "too many requests": api.status(429),
    "error": api.status(500),
    "bad gateway": api.status(502),
    "overloaded": api.status(503),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_right_answer_is_asked_again_and_never_guessed(kind: str) -> None:
    server = ScriptedApi(WRONG[kind], WRONG[kind])
    assert answers(server, 10) == [NOT_FRAUDULENT] * 10
    assert Counter(len(call.ids) for call in server.calls) == {10: 3}


@pytest.mark.parametrize("act", [api.hang, api.drip], ids=["hangs", "drips"])
def test_an_answer_that_takes_too_long_is_given_up_and_asked_again(act: Act) -> None:
    server = ScriptedApi(act, act)
    assert answers(server, 10, SHORT) == right(10)
    assert len(server.calls) == 3


def test_of_an_answer_that_is_too_large_hardly_more_is_read_than_is_allowed() -> None:
    sent: list[int] = []

    async def flood(request: web.Request, _asked: Sequence[api.Transaction]) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(1600):
            sent.append(number)
            await response.write(b" " * 65536)
        return response

    assert answers(ScriptedApi(flood), 1) == right(1)
    assert len(sent) < 400  # of 64 KiB: what the buffers of the connection take


def test_a_burst_of_failures_loses_nothing() -> None:
    server = ScriptedApi(*[api.status(number) for number in (500, 502, 429, 503) * 10])
    assert answers(server, 250) == right(250)


def test_nobody_is_asked_by_a_redirect() -> None:
    async def scene() -> None:
        async with ScriptedApi() as trap:
            server = ScriptedApi(
                *[api.status(number, Location=f"{trap.url}/validate") for number in (301, 302, 303, 307, 308)]
            )
            assert await using(server, lambda client: client.ask(transactions(10)), LIMITS) == right(10)
        assert trap.calls == []

    asyncio.run(scene())


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    assert answers(ScriptedApi(), 1) == right(1)


NO_HTTP = [
    b"",
    b"\x00\xff\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 " + b"9" * 10_000 + b" OK\r\n\r\n",
]


@pytest.mark.parametrize("said", NO_HTTP, ids=range(len(NO_HTTP)))
def test_what_is_no_http_is_a_failure_like_any_other(said: bytes) -> None:
    async def scene() -> str:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"}")
            writer.write(said)
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = ValidatorClient(f"http://127.0.0.1:{port}", LIMITS, chance=lambda: 0.0)
            await client.open()
            asking = asyncio.create_task(client.ask(transactions(1)))
            while not client.missing():
                await asyncio.sleep(0)
            assert not asking.done()
            asking.cancel()
            await asyncio.wait([asking])
            await client.close()
            return client.missing()

    assert "no connection" in asyncio.run(scene())


def test_cookies_are_not_kept() -> None:
    async def with_cookie(request: web.Request, asked: Sequence[api.Transaction]) -> web.StreamResponse:
        response = api.well(request.path, asked)
        response.set_cookie("a", "b")
        return response

    server = ScriptedApi(with_cookie)
    answers(server, 100)
    assert not any("Cookie" in call.headers for call in server.calls)


# ---- waiting


def test_a_time_that_the_api_asks_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def remember(seconds: float) -> None:
        waits.append(seconds)
        await sleep(0)

    monkeypatch.setattr("streamguard.services.validation.round.asyncio.sleep", remember)
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    server = ScriptedApi(
        api.status(503, **{"Retry-After": "7"}),
        api.status(429, **{"Retry-After": later}),
        api.status(503, **{"Retry-After": "86400"}),
    )
    assert answers(server, 1) == right(1)
    assert waits[0] == 7.0
    assert 27 < waits[1] <= 30
    assert waits[2] == 60.0


def test_while_the_api_is_away_one_call_at_a_time_looks_whether_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "streamguard.services.validation")
    missing: list[str] = []
    most: list[int] = []

    async def scene(client: ValidatorClient) -> list[Answer]:
        async def away(_request: web.Request, _asked: Sequence[api.Transaction]) -> web.StreamResponse:
            missing.append(client.missing())
            most.append(server.under_way)
            return web.Response(status=500)

        server.script.extend([away] * 60)
        return await client.ask(transactions(250))

    server = ScriptedApi()
    assert asyncio.run(using(server, scene, LIMITS)) == right(250)
    begun = next(number for number, reason in enumerate(missing) if reason)
    assert FAILURES <= begun <= FAILURES + LIMITS.calls
    assert all("has not answered for 0 s: it answers 500" in reason for reason in missing[begun:])
    assert set(most[begun + LIMITS.calls :]) == {1}
    events = [entry.getMessage() for entry in caplog.records]
    assert len(events) == 2
    assert f"{server.url} is away: it answers 500" in events[0]
    assert f"{server.url} is back after" in events[1]


def test_an_api_that_is_not_there_is_waited_for() -> None:
    async def scene() -> None:
        server = ScriptedApi()
        async with server:
            address = server.url
        client = ValidatorClient(address, LIMITS, chance=lambda: 0.0)
        await client.open()
        asking = asyncio.create_task(client.ask(transactions(30)))
        while not client.missing():
            await asyncio.sleep(0)
        assert "no connection (ClientConnectorError)" in client.missing()
        again = web.AppRunner(web.Application(), access_log=None)
        port = int(address.rpartition(":")[2])
        again.app.router.add_post("/{tail:.*}", _well)
        await again.setup()
        await web.TCPSite(again, "127.0.0.1", port).start()
        assert await asking == right(30)
        assert client.missing() == ""
        await client.close()
        await again.cleanup()

    asyncio.run(scene())


async def _well(request: web.Request) -> web.StreamResponse:
    document = await request.json()
    return api.well(request.path, document.get("transactions", [document]))


def test_who_stops_asking_ends_the_calls_at_once() -> None:
    async def scene(client: ValidatorClient) -> None:
        asking = asyncio.create_task(client.ask(transactions(100)))
        while server.under_way < LIMITS.calls:
            await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        while server.under_way:
            await asyncio.sleep(0)
        assert await client.ask(transactions(5)) == right(5)

    server = ScriptedApi(*[api.hang] * LIMITS.calls)
    asyncio.run(using(server, scene, LIMITS))


# ---- without the batch form


@pytest.mark.parametrize("number", [404, 405])
def test_where_there_is_no_batch_form_one_call_a_transaction_is_made_from_then_on(number: int) -> None:
    async def scene(client: ValidatorClient) -> None:
        assert await client.ask(transactions(120)) == right(120)
        assert await client.ask(transactions(120)) == right(120)

    def without(call: Call) -> web.Response | None:
        return web.Response(status=number) if call.path == "/validate/batch" else None

    server = ScriptedApi(rule=without)
    asyncio.run(using(server, scene, LIMITS))
    paths = Counter(call.path for call in server.calls)
    assert paths["/validate"] == 240
    assert paths["/validate/batch"] <= LIMITS.calls


def test_an_address_without_the_api_is_no_reason_to_refuse_anything() -> None:
    server = ScriptedApi(*[api.status(404)] * 50)
    assert answers(server, 10) == right(10)


# ---- what is refused


def ids_refused(*ids: str, pointer: str = "/amount", message: str = "is too large") -> Callable[[Call], Any]:
    """An API that names who is refused."""

    def rule(call: Call) -> web.Response | None:
        found = [number for number, name in enumerate(call.ids) if name in ids]
        if not found:
            return None
        if call.path == "/validate":
            return api.refusal((pointer, message))
        return api.refusal(*[(f"/transactions/{number}{pointer}", message) for number in found])

    return rule


REASON = "the validator API refuses it (422): /amount: is too large"


def test_those_that_are_named_are_refused_and_the_others_asked_again() -> None:
    server = ScriptedApi(rule=ids_refused("t-3", "t-7", "t-11"))
    found = shown(answers(server, 20))
    assert [number for number, answer in enumerate(found) if answer == ("E_REFUSED", REASON)] == [3, 7, 11]
    assert found.count(NOT_FRAUDULENT) == 17
    assert Counter(len(call.ids) for call in server.calls) == {10: 2, 8: 1, 9: 1}


def test_all_of_a_call_may_be_refused() -> None:
    found = shown(answers(ScriptedApi(rule=ids_refused(*[f"t-{number}" for number in range(10)])), 10))
    assert found == [("E_REFUSED", REASON)] * 10


def test_one_that_is_asked_about_alone_is_refused() -> None:
    assert shown(answers(ScriptedApi(rule=ids_refused("t-0")), 1)) == [("E_REFUSED", REASON)]


NAMELESS: dict[str, Callable[[], web.Response]] = {
    "too large": lambda: web.Response(status=413),
    "bad request": lambda: web.Response(status=400, text="no"),
    "422 without a body": lambda: web.Response(status=422),
    "422 with HTML": lambda: web.Response(status=422, text="<p>"),
    "422 of FastAPI's own shape": lambda: api.json({"detail": [{"loc": ["body"], "msg": "m", "input": "secret"}]}, 422),
    "422 with a text": lambda: api.json({"detail": "no"}, 422),
    "422 with a list": lambda: api.json(["no"], 422),
    "422 about all": lambda: api.refusal(("/transactions", "at most 50")),
    "422 about nobody there": lambda: api.refusal(("/transactions/10/amount", "m"), ("/transactions/-1", "m")),
    "422 with odd numbers": lambda: api.refusal(("/transactions/03/amount", "m"), ("/transactions/\u0663", "m")),
    "422 with odd types": lambda: api.json({"detail": [{"pointer": 3, "message": "m"}, 7, None]}, 422),
}


@pytest.mark.parametrize("kind", NAMELESS)
def test_a_call_refused_because_of_somebody_is_halved_until_it_is_known_who(kind: str) -> None:
    server = ScriptedApi(rule=lambda call: NAMELESS[kind]() if "t-6" in call.ids else None)
    found = answers(server, 10)
    culprit = found.pop(6)
    assert isinstance(culprit, RecordRefused)
    assert culprit.code == "E_REFUSED"
    assert "secret" not in str(culprit)
    assert found == [NOT_FRAUDULENT] * 9


@pytest.mark.parametrize(
    ("pointer", "message", "reason"),
    [
        ("/amount", "7 is not allowed", "/amount: (the message quotes the transaction)"),
        (
            "/receiver_details/email",
            "THE EMAIL is odd",
            "/receiver_details/email: (the message quotes the transaction)",
        ),
        ("/receiver_details/email", "is\nno\x00 address", "/receiver_details/email: isno address"),
        ("/amount", "m" * 300, f"/amount: {'m' * 200}"),
        ("/the email", "is odd", ""),
        ("", "is odd", "is odd"),
    ],
)
def test_a_reason_never_says_what_is_in_the_transaction(pointer: str, message: str, reason: str) -> None:
    server = ScriptedApi(api.saying(lambda: api.refusal((pointer, message))))
    found = asyncio.run(using(server, lambda client: client.ask([transaction(7)]), LIMITS))
    expected = "the validator API refuses it (422)"
    assert shown(found) == [("E_REFUSED", f"{expected}: {reason}" if reason else expected)]


# ---- one for which the API fails


def failing_for(name: str) -> Callable[[Call], web.Response | None]:
    return lambda call: web.Response(status=500) if name in call.ids else None


def test_one_for_which_alone_the_api_fails_again_and_again_is_refused() -> None:
    server = ScriptedApi(rule=failing_for("t-13"))
    found = shown(answers(server, 30, seconds_a_look=1.0))
    reason = "the validator API fails for it, and answers others: it answers 500"
    assert found.pop(13) == ("E_VALIDATOR", reason)
    assert found == right(29)
    assert sum(call.ids == ("t-13",) for call in server.calls) >= TO_REFUSE


def test_one_that_comes_alone_is_told_from_an_outage_by_asking_again_about_another() -> None:
    async def scene(client: ValidatorClient) -> list[Answer]:
        assert await client.ask([transaction(1)]) == [NOT_FRAUDULENT]
        return await client.ask([transaction(2)])

    server = ScriptedApi(rule=failing_for("t-2"))
    found = asyncio.run(using(server, scene, LIMITS, seconds_a_look=1.0))
    assert [answer.code for answer in found if isinstance(answer, RecordRefused)] == ["E_VALIDATOR"]
    assert Counter(name for call in server.calls for name in call.ids)["t-1"] >= TO_REFUSE


def test_an_outage_however_long_refuses_nothing() -> None:
    """Some had been answered before, all are answered afterwards."""

    async def scene(client: ValidatorClient) -> None:
        assert await client.ask(transactions(10)) == right(10)
        server.script.extend([api.status(500)] * 500)
        assert await client.ask(transactions(40)) == right(40)

    server = ScriptedApi()
    asyncio.run(using(server, scene, LIMITS, seconds_a_look=1.0))


@pytest.mark.parametrize("failing", [0.5, 0.9])
def test_an_api_that_answers_some_calls_by_chance_refuses_nothing(failing: float) -> None:
    draw = Random(7).random
    server = ScriptedApi(rule=lambda _: web.Response(status=500) if draw() < failing else None)
    assert answers(server, 60, seconds_a_look=10.0) == right(60)


# ---- settings


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://localhost", "http://", "http://[::1", "http://h:99999"])
def test_an_address_that_is_none_is_told_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match="STREAMGUARD_VALIDATOR_URL is no address") as caught:
        ValidatorClient(url, LIMITS)
    assert "99999" not in str(caught.value)


def test_a_password_in_the_address_is_not_shown() -> None:
    async def scene() -> str:
        client = ValidatorClient("http://user:secret@127.0.0.1:9", SHORT, chance=lambda: 0.0)
        await client.open()
        asking = asyncio.create_task(client.ask(transactions(1)))
        while not client.missing():
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        await client.close()
        return client.missing()

    assert "secret" not in asyncio.run(scene())


@pytest.mark.parametrize("name", ["validator_batch", "validator_calls", "validator_timeout_ms"])
def test_a_limit_below_one_is_refused(name: str, tmp_path: Any) -> None:
    with pytest.raises(SettingsError, match=f"STREAMGUARD_{name.upper()} is 0"):
        client_of(load(tmp_path, environ={f"STREAMGUARD_{name.upper()}": "0"}))
