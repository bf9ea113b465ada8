"""The API over HTTP, in this process: what is asked, what is answered, and what is refused without saying it back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from streamguard.services.validator import http
from streamguard.services.validator.answers import Validator
from streamguard.services.validator.app import BATCH, SINGLE, application
from streamguard.services.validator.contract import BATCH_LIMIT
from streamguard.services.validator.faults import Faults
from streamguard.services.validator.http import Question
from streamguard.services.validator.rulebook import Rulebook
from tests.person import PERSON_FIELDS
from tests.services.validator.asgi import GONE, ask, piece, post
from tests.services.validator.questions import SHIPPED, transaction

RULEBOOK = Rulebook(SHIPPED)
SENTINEL = "sentinel-4711"
PLACES: list[tuple[str, ...]] = [
    ("transaction_id",),
    ("sender_bank_account",),
    ("sender_bank",),
    ("amount",),
    ("receiver_details",),
]
PLACES += [("receiver_details", name) for name in PERSON_FIELDS]
UNKNOWN_IS_FINE = {("receiver_details", name) for name in PERSON_FIELDS if name != "id"}
WRONG = st.sampled_from([True, [SENTINEL], {SENTINEL: SENTINEL}, 4711, -4711.5, SENTINEL])


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(application(Validator(RULEBOOK), Faults())) as client:
        yield client


API = application(Validator(RULEBOOK), Faults())


def changed(place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A transaction with another value in one place; Ellipsis: with none."""
    document = json.loads(json.dumps(transaction()))
    target = document[place[0]] if len(place) > 1 else document
    if value is ...:
        del target[place[-1]]
    else:
        target[place[-1]] = value
    return dict(document)


def exists(document: Any, pointer: str) -> bool:
    """Whether a JSON pointer leads somewhere."""
    for step in pointer.split("/")[1:]:
        if isinstance(document, list) and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, dict) and step in document:
            document = document[step]
        else:
            return False
    return True


def test_a_transaction_is_judged(client: TestClient) -> None:
    answer = client.post(SINGLE, json=transaction({"email": "a@example.org"}, sender_bank="Northgate Bank", amount=500))
    assert answer.status_code == 200
    verdict = answer.json()
    assert {name: verdict[name] for name in ("transaction_id", "is_fraudulent_transaction", "score")} == {
        "transaction_id": "t-1",
        "is_fraudulent_transaction": True,
        "score": 1.0,
    }
    assert [(reason["rule"], reason["points"]) for reason in verdict["reasons"]] == [
        ("amount_for_account", 30),
        ("amount_for_bank", 25),
        ("bank_risk", 35),
        ("receiver_email", 20),
    ]


def test_a_batch_is_answered_in_order_and_as_single_calls_are(client: TestClient) -> None:
    batch = [transaction(transaction_id=f"t-{number}", amount=number * 100) for number in range(50)]
    verdicts = client.post(BATCH, json={"transactions": batch}).json()["verdicts"]
    assert [verdict["transaction_id"] for verdict in verdicts] == [each["transaction_id"] for each in batch]
    assert verdicts == [client.post(SINGLE, json=each).json() for each in batch]


def test_fields_beyond_the_described_ones_are_ignored(client: TestClient) -> None:
    more = {**changed(("receiver_details", "hobby"), "chess"), "status": "completed"}
    assert client.post(SINGLE, json=more).json() == client.post(SINGLE, json=transaction()).json()


def test_a_key_that_comes_with_another_transaction_is_refused(client: TestClient) -> None:
    key = {"Idempotency-Key": "t-1"}
    first = client.post(SINGLE, json=transaction(), headers=key)
    assert client.post(BATCH, json={"transactions": [transaction()]}).json() == {"verdicts": [first.json()]}
    again = client.post(BATCH, json={"transactions": [transaction(transaction_id="t-0"), transaction(amount=7.5)]})
    problem = {"pointer": "/transactions/1", "message": "another transaction had this key before"}
    assert (again.status_code, again.json()) == (422, {"detail": [problem]})


def test_a_key_is_the_same_in_a_header_and_in_a_body(client: TestClient) -> None:
    named = transaction(transaction_id="ä" * 255)
    assert client.post(BATCH, json={"transactions": [named]}).status_code == 200
    other = client.post(SINGLE, json={**named, "amount": 7.5}, headers={b"Idempotency-Key": ("ä" * 255).encode()})
    assert other.json()["detail"] == [{"pointer": "", "message": "another transaction had this key before"}]


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none_is_refused(client: TestClient, key: str) -> None:
    answer = client.post(SINGLE, json=transaction(), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["detail"][0]["pointer"]) == (422, "")


@settings(deadline=None)
@given(st.sampled_from(PLACES), st.just(...) | st.none() | WRONG, st.none() | st.integers(0, 2))
def test_a_bad_body_is_refused_with_a_pointer_to_an_existing_place_and_without_a_value(
    place: tuple[str, ...], value: Any, index: int | None
) -> None:
    is_text = isinstance(value, str) and place not in {("amount",), ("receiver_details",)}
    is_number = value == 4711 and value is not True and place == ("amount",)
    if is_text or is_number or (value is None and place in UNKNOWN_IS_FINE):
        value = ...
    bad = changed(place, value)
    batch = [transaction(transaction_id=f"t-{number}") for number in range(3)]
    body = bad if index is None else {"transactions": [*batch[:index], bad, *batch[index + 1 :]]}
    status, answer = post(API, SINGLE if index is None else BATCH, json.dumps(body).encode())
    pointers = {problem["pointer"] for problem in answer["detail"]}
    expected = place[:-1] if value is ... else place
    inside = "" if index is None else f"/transactions/{index}"
    assert status == 422
    assert pointers == {inside + "".join(f"/{step}" for step in expected)}
    assert all(exists(body, pointer) for pointer in pointers)
    assert not [problem for problem in answer["detail"] if "4711" in problem["message"]]


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda leaf: st.lists(leaf) | st.dictionaries(st.text(), leaf),
        max_leaves=8,
    )
)
def test_whatever_else_is_sent_is_refused_at_an_existing_place(document: Any) -> None:
    for path in (SINGLE, BATCH):
        status, answer = post(API, path, json.dumps(document).encode())
        assert status == 422
        assert all(exists(document, problem["pointer"]) for problem in answer["detail"])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"\xef\xbb\xbf{}", b"null", b"[" * 10_000, b'{"amount": NaN}', b'"\\ud800"', b"{}x"],
)
def test_what_is_no_json_object_is_refused(client: TestClient, body: bytes) -> None:
    for path in (SINGLE, BATCH):
        answer = client.post(path, content=body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["pointer"] in ("", "/amount")


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity", "1e999", "-0.01", "true", '"1"', "null", "1" * 400])
def test_what_is_no_amount_is_refused(client: TestClient, amount: str) -> None:
    answer = client.post(
        SINGLE, content=json.dumps(transaction(amount=0)).replace('"amount": 0', f'"amount": {amount}')
    )
    assert [problem["pointer"] for problem in answer.json()["detail"]] == ["/amount"]
    assert answer.status_code == 422


@pytest.mark.parametrize("amount", ["0", "-0.0", "1e300", "0.1", "1" * 40])
def test_what_is_an_amount_is_judged(client: TestClient, amount: str) -> None:
    body = json.dumps(transaction(amount=0)).replace('"amount": 0', f'"amount": {amount}')
    assert client.post(SINGLE, content=body).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(0, 422), (1, 200), (BATCH_LIMIT, 200), (BATCH_LIMIT + 1, 422)])
def test_a_batch_has_bounds(client: TestClient, size: int, status: int) -> None:
    batch = [transaction(transaction_id=f"t-{number}") for number in range(size)]
    answer = client.post(BATCH, json={"transactions": batch})
    assert answer.status_code == status
    if status == 422:
        assert [problem["pointer"] for problem in answer.json()["detail"]] == ["/transactions"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_has_a_bound(client: TestClient, monkeypatch: pytest.MonkeyPatch, chunked: bool) -> None:
    monkeypatch.setattr(http, "BODY_LIMIT", 2000)
    body = json.dumps(transaction({"name": "n" * 2000})).encode()
    answer = client.post(SINGLE, content=iter([body[:1500], body[1500:]]) if chunked else body)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")
    assert "longer than 2000 bytes" in answer.json()["detail"][0]["message"]


def test_the_other_paths_answer_as_everywhere(client: TestClient) -> None:
    assert client.get(SINGLE).status_code == client.put(BATCH).status_code == 405
    assert client.post("/nothing").status_code == 404
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 200
    for path in ("/health", "/ready"):
        assert client.get(path).json() == {"service": "validator", "ready": True, "missing": "", "refused_rules": ""}


def test_the_metrics_tell_calls_verdicts_and_the_process(client: TestClient) -> None:
    client.post(SINGLE, json=transaction(), headers={"Idempotency-Key": "t-1"})
    client.post(BATCH, json={"transactions": [transaction(), transaction(transaction_id="t-2", sender_bank="?")]})
    client.post(SINGLE, json={})
    text = client.get("/metrics").text
    for line in (
        'streamguard_validator_calls_total{path="/validate",status="200"} 1.0',
        'streamguard_validator_calls_total{path="/validate",status="422"} 1.0',
        'streamguard_validator_calls_total{path="/validate/batch",status="200"} 1.0',
        'streamguard_validator_call_seconds_count{path="/validate"} 2.0',
        'streamguard_validator_verdicts_total{verdict="legitimate"} 2.0',
        "streamguard_validator_repeated_total 1.0",
        'streamguard_validator_reloads_total{outcome="taken"} 0.0',
    ):
        assert line in text
    assert re.search(r"^process_resident_memory_bytes ", text, re.MULTILINE)


def question(answer: http.Answer = lambda *_: {}) -> Question:
    return Question(answer, lambda *_: None)


def test_whoever_has_left_is_not_answered() -> None:
    assert asyncio.run(ask(question(), SINGLE, piece(b"{", more=True), GONE)) == []


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "BODY_SECONDS", 0.01)
    start, _ = asyncio.run(ask(question(), SINGLE, piece(b"{", more=True)))
    assert start["status"] == 408


def test_too_many_calls_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CALLS_LIMIT", 1)
    monkeypatch.setattr(http, "BODY_SECONDS", 0.05)
    busy = question()

    async def both() -> tuple[list[Any], list[Any]]:
        return await asyncio.gather(ask(busy, SINGLE, piece(b"{", more=True)), ask(busy, SINGLE, piece(b"{}")))

    (slow, _), (refused, _) = asyncio.run(both())
    assert (slow["status"], refused["status"]) == (408, 503)
    assert (b"retry-after", b"1") in refused["headers"]
    assert post(busy, SINGLE, b"{}") == (200, {})


def test_a_mistake_of_ours_is_told_without_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object) -> object:
        raise ZeroDivisionError(SENTINEL)

    status, answer = post(question(fail), SINGLE, b"{}")
    assert (status, answer["detail"][0]["message"]) == (500, "the server failed: ZeroDivisionError")
    assert SENTINEL not in caplog.text
