"""What the processor writes for a fraudulent transaction is what the ksql statements write for one, byte for byte."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.execution.topology import Record
from streamguard.errors import ProjectError, RecordRefused
from streamguard.model import Generator, Pipeline, Topic
from streamguard.project import find_project
from streamguard.services import processor
from streamguard.services.frame import Decision
from streamguard.services.processor import RESULTS, USERS, decide, decisions, service
from streamguard.services.transaction import parse
from streamguard.services.validation.client import ValidatorClient
from streamguard.services.validation.contract import Verdict
from streamguard.settings import load
from tests.engine import records as engine
from tests.kafka.records import record
from tests.malformed import PERSON, TRANSACTION
from tests.services.validation.api import Call, ScriptedApi, refusal
from tests.services.validation.asking import LIMITS, using

STATEMENTS = sorted((find_project(Path(__file__)).root / "ksql" / "bank").glob("*.sql"))
METASTORE = engine.applied("".join(path.read_text() for path in STATEMENTS))
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
AMOUNTS = st.integers(0, 10**13 - 1) | st.floats(0, 10**13, exclude_max=True)


def value(**changes: Any) -> bytes:
    return json.dumps({**TRANSACTION, "evaluation": "unidentified", **changes}).encode()


def written_by_engine(raw: bytes, **more: Any) -> list[tuple[Any, ...]]:
    made = engine.run(METASTORE, "fraudulent-transactions", [Record(raw, b"DE1", **more)])
    assert not made.errors
    return [
        (
            topic,
            (one.raw_value or b"").replace(b'"SOURCE_PROCESS":"ksql"', b'"SOURCE_PROCESS":"processor"'),
            one.raw_key,
            one.time,
            one.with_headers,
        )
        for topic, one in made.records
    ]


def written_by_processor(raw: bytes) -> list[tuple[Any, ...]]:
    found = decide(parse(raw), Verdict.FRAUDULENT, record(raw, timestamp=(1, 7), headers=[("run", b"r")]))
    assert isinstance(found, tuple)
    return list(found)


@given(st.data())
def test_one_result_and_two_users_as_the_statements_write_them(data: st.DataObject) -> None:
    people = st.fixed_dictionaries(dict.fromkeys(PERSON, TEXTS))
    name = data.draw(TEXTS)
    raw = value(
        transaction_id=name,
        sender_bank_account=data.draw(TEXTS),
        amount=data.draw(AMOUNTS),
        sender_bank=data.draw(TEXTS),
        sender_details=data.draw(people),
        receiver_details=data.draw(people) | {"salary": 5},
    )
    headers = [("run", b"r"), ("sg-transaction", name.encode())]
    assert written_by_processor(raw) == written_by_engine(raw, time=7, with_headers=headers)


@pytest.mark.parametrize("amount", ["0", "-0.0", "12", "12.5", "0.0001", "9999999.99", "1e7", "12345678901.01", "1E2"])
def test_amounts_look_alike(amount: str) -> None:
    raw = value(amount=1.5).replace(b"1.5", amount.encode())
    headers = [("run", b"r"), ("sg-transaction", b"run-1")]
    assert written_by_processor(raw) == written_by_engine(raw, time=7, with_headers=headers)


def test_what_is_not_fraudulent_is_dropped_and_what_is_refused_stays_refused() -> None:
    refused = RecordRefused("E_REFUSED", "no")
    assert decide(parse(value()), Verdict.NOT_FRAUDULENT, record(value())) == "not-fraudulent"
    assert decide(parse(value()), refused, record(value())) is refused


def decided(server: ScriptedApi, values: list[bytes | None]) -> list[Decision | RecordRefused]:
    async def scene(client: ValidatorClient) -> list[Decision | RecordRefused]:
        return await decisions(client, [record(one) for one in values])

    return asyncio.run(using(server, scene, LIMITS))


def test_each_record_of_a_batch_gets_its_own_decision() -> None:
    def rule(call: Call) -> Any:
        found = [number for number, name in enumerate(call.ids) if name == "bad"]
        return refusal(*[(f"/transactions/{number}/amount", "is odd") for number in found]) if found else None

    values = [
        value(transaction_id="a", amount=500),
        b"{",
        value(transaction_id="b", amount=5),
        value(transaction_id="bad"),
        None,
        value(transaction_id="c", amount=100),
    ]
    made = decided(ScriptedApi(rule=rule), values)
    assert [one.code for one in made if isinstance(one, RecordRefused)] == ["E_JSON", "E_REFUSED", "E_EMPTY"]
    assert made[2] == "not-fraudulent"
    for number, name in ((0, "a"), (5, "c")):
        decision = made[number]
        assert isinstance(decision, tuple)
        assert [topic for topic, *_ in decision] == [RESULTS, USERS, USERS]
        assert orjson.loads(decision[0][1])["TRANSACTION_ID"] == name


def test_nothing_is_asked_about_a_batch_without_transactions() -> None:
    server = ScriptedApi()
    assert len(decided(server, [None, b"", b"7"])) == 3
    assert server.calls == []


def test_a_pipeline_without_a_topic_that_is_needed_is_refused(tmp_path: Path) -> None:
    topics = tuple(Topic(name, 1) for name in (processor.SOURCE, "users", "fraudulent-transactions-result"))
    pipeline = Pipeline("odd", topics, (), Generator("bank", "t", 1), None, None)
    with (
        pytest.raises(ProjectError, match=r"init/odd\.yml has no topic unidentified-transactions-dead-letter"),
        service(load(tmp_path, environ={}), pipeline),
    ):
        pass


def test_the_service_asks_from_a_thread_of_its_own(tmp_path: Path) -> None:
    pipeline = find_project(Path(__file__)).pipeline("bank")
    settings = load(tmp_path, environ={"STREAMGUARD_VALIDATOR_URL": "http://127.0.0.1:9"})
    with service(settings, pipeline) as made:
        assert made.missing() == ""
        assert made.ask is not None
        assert made.ask([]).result(5) == []
        waiting = made.ask([record(value())])
        while not made.missing():
            assert not wait([waiting], 0.01).done
        waiting.cancel()
        assert "http://127.0.0.1:9" in made.missing()
