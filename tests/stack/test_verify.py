"""The verifier on real servers: it finds nothing where nothing is wrong, and what somebody spoils by hand."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pymongo
import pytest
from pymongo.database import Database

from streamguard.datagen.records.run import Run
from streamguard.errors import Refused, WaitTimedOut
from streamguard.verify.verification import Verification
from tests.stack.bank import Bank, summary_of

Documents = Database[dict[str, Any]]
RECORDS = 1_500


@pytest.fixture
def database(bank: Bank) -> Iterator[Documents]:
    with pymongo.MongoClient[dict[str, Any]](bank.settings.mongodb_uri) as client:
        yield client[bank.pipeline.mongodb_database or ""]


def test_a_clean_run_is_clean_and_what_is_spoilt_by_hand_is_found(bank: Bank, database: Documents) -> None:
    with Verification(bank.settings, bank.stack.project, bank.pipeline) as verification:
        verification.begin()
        run = Run(verification.world, secrets.token_hex(4), secrets.randbits(32), datetime.now(UTC), full_speed=True)
        bank.stack.supervisor.stop_program("ingestor")
        verification.produce(run, RECORDS)
        with pytest.raises(WaitTimedOut, match=rf"sg\.bank\.ingestor lags behind bank-transactions by {RECORDS:,}"):
            verification.quiesce(1)
        bank.stack.start(["ingestor"])
        verification.quiesce(60)
        report = verification.check()
        assert report.is_clean, "\n".join(report.sentences())
        assert report.rows[0].found == RECORDS

        with spoilt(database, run.name) as (removed, doubled, changed):
            report = verification.check()
        assert set(report.sentences()) == {
            f"mongodb transactions: 1 lost: {removed}",
            f"mongodb transactions: 1 repeated: {doubled}",
            f"mongodb users: 1 corrupted: {changed}",
        }

        summary_of(bank.produce("--max", "--count", "1"), timeout=60)
        with pytest.raises(Refused, match="somebody else writes to bank-transactions"):
            verification.check()


@contextmanager
def spoilt(database: Documents, run: str) -> Iterator[tuple[str, str, str]]:
    """A transaction is removed, one is there twice, a user is changed: their ids. Afterwards all is as before."""
    removed, doubled = database.transactions.find({"TRANSACTION_ID": {"$regex": f"^{run}-"}}).limit(2)
    changed = database.users.find_one({"_id": doubled["SENDER_ID"]})
    assert changed is not None
    database.transactions.delete_one({"_id": removed["_id"]})
    database.transactions.insert_one({**doubled, "_id": "made up"})
    database.users.replace_one({"_id": changed["_id"]}, {**changed, "EMAIL": "nobody@example.org"})
    try:
        yield removed["_id"], doubled["_id"], changed["_id"]
    finally:
        database.transactions.insert_one(removed)
        database.transactions.delete_one({"_id": "made up"})
        database.users.replace_one({"_id": changed["_id"]}, changed)
