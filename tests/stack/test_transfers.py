"""`up transfers`: every transfer is in one of two topics, and MongoDB holds those of the fraud topic, each once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pymongo
import pytest

from streamguard.connect.rest.client import ConnectClient
from streamguard.kafka.tail import Record
from streamguard.pipeline import up
from streamguard.project import Project
from streamguard.stack.stack import Stack
from streamguard.stack.starting import ignore
from tests.stack.bank import Bank, summary_of
from tests.stack.loops import wait_until
from tests.stack.own_pipeline import taken_away
from tests.stack.records import read

COUNT = 3000
SOURCE, LEGIT, FRAUD = "queueing.transactions", "streaming.transactions.legit", "streaming.transactions.fraud"
SINK = "transfers-mongodb-sink"


@pytest.fixture
def transfers(bank: Bank, project: Project) -> Iterator[Stack]:
    """With the pipeline on it, and no generator."""
    with taken_away(bank.stack, project, "transfers"):
        up(bank.stack, project.pipeline("transfers"), produce=False, on_progress=ignore)
        yield bank.stack
    with pymongo.MongoClient[dict[str, Any]](bank.settings.mongodb_uri) as client:
        client["transfers_db"]["fraud"].drop()


def values(records: list[Record]) -> list[dict[str, Any]]:
    """With names in small letters, as they come in."""
    return [{name.lower(): value for name, value in json.loads(record.value or b"").items()} for record in records]


def keyed(records: list[Record]) -> Counter[tuple[bytes | None, str]]:
    rows = zip(records, values(records), strict=True)
    return Counter((record.key, json.dumps(value, sort_keys=True)) for record, value in rows)


def test_every_transfer_is_in_one_topic_and_mongodb_holds_the_fraud_also_after_a_replay(
    bank: Bank, transfers: Stack
) -> None:
    settings = transfers.settings
    summary_of(bank.produce_of("transfers", "--count", str(COUNT), "--max"), timeout=60)

    def written() -> tuple[list[Record], list[Record]]:
        return read(settings, LEGIT), read(settings, FRAUD)

    wait_until(lambda: sum(map(len, written())) >= COUNT, "every transfer is in one of the two")
    produced, (legit, fraud) = read(settings, SOURCE), written()
    assert len(produced) == COUNT
    assert keyed(produced) == keyed(legit) + keyed(fraud)
    assert all(900 <= value["amount"] <= 1000 for value in values(fraud))
    assert all(1 <= value["amount"] < 900 for value in values(legit))
    assert {value["currency"] for value in values(produced)} == {"EUR"}
    assert 0.07 < len(fraud) / COUNT < 0.13  # more than five standard deviations

    expected = {
        f"{FRAUD}#{record.partition}#{record.offset}": value for record, value in zip(fraud, values(fraud), strict=True)
    }
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as client:
        documents = client["transfers_db"]["fraud"]

        def held() -> dict[str, dict[str, Any]]:
            return {row.pop("_id"): {name.lower(): value for name, value in row.items()} for row in documents.find()}

        wait_until(lambda: held() == expected, "MongoDB holds the fraud")
        documents.update_many({}, {"$set": {"AMOUNT": 0}})
        connect = ConnectClient(settings.connect_url)
        connect.stop(SINK)
        connect.delete_offsets(SINK)
        connect.resume(SINK)
        wait_until(lambda: held() == expected, "a replay has put every document in place of itself")
