"""The verifier on real servers: it finds nothing where nothing is wrong, and what somebody spoils by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from pymongo.database import Database

from streamguard.errors import Refused, WaitTimedOut
from streamguard.settings import inherited_environment
from streamguard.verify.verification import Verification
from tests.stack.bank import Bank, arguments, summary_of

Documents = Database[dict[str, Any]]


@pytest.fixture
def database(bank: Bank) -> Iterator[Documents]:
    with pymongo.MongoClient[dict[str, Any]](bank.settings.mongodb_uri) as client:
        yield client[bank.pipeline.mongodb_database or ""]


def test_what_is_removed_doubled_or_changed_in_mongodb_is_found(bank: Bank, database: Documents) -> None:
    with Verification(bank.settings, bank.stack.project, bank.pipeline) as verification:
        verification.begin()
        summary = summary_of(bank.produce("--max", "--count", "1500"), timeout=60)
        verification.expect(summary)
        verification.quiesce(60)
        assert verification.check().faults() == {}

        removed, doubled = database.transactions.find({"TRANSACTION_ID": {"$regex": f"^{summary['run']}-"}}).limit(2)
        changed = database.users.find_one({"_id": doubled["SENDER_ID"]})
        assert changed is not None
        database.transactions.delete_one({"_id": removed["_id"]})
        database.transactions.insert_one({**doubled, "_id": "made up"})
        database.users.replace_one({"_id": changed["_id"]}, {**changed, "EMAIL": "nobody@example.org"})
        try:
            report = verification.check()
        finally:
            database.transactions.insert_one(removed)
            database.transactions.delete_one({"_id": "made up"})
            database.users.replace_one({"_id": changed["_id"]}, changed)
        assert report.faults() == {
            "mongodb transactions": {"lost": 1, "repeated": 1},
            "mongodb users": {"corrupted": 1},
        }
        assert report.sentences() == [
            f"mongodb transactions: 1 lost: {removed['_id']}",
            f"mongodb transactions: 1 repeated: {doubled['_id']}",
            f"mongodb users: 1 corrupted: {changed['_id']}",
        ]

        summary_of(bank.produce("--max", "--count", "1"), timeout=60)
        with pytest.raises(Refused, match="somebody else writes to bank-transactions"):
            verification.check()


def test_who_lags_is_told_when_it_is_not_quiet_in_time(bank: Bank) -> None:
    with Verification(bank.settings, bank.stack.project, bank.pipeline) as verification:
        verification.begin()
        bank.stack.supervisor.stop_program("ingestor")
        verification.expect(summary_of(bank.produce("--max", "--count", "300"), timeout=60))
        with pytest.raises(WaitTimedOut, match=r"sg\.bank\.ingestor lags behind bank-transactions by 300"):
            verification.quiesce(0)
        bank.stack.start(["ingestor"])
        verification.quiesce(60)
        assert verification.check().faults() == {}


def test_the_command_ends_with_0_and_prints_a_row_for_each_place(bank: Bank) -> None:
    command = [sys.executable, "-m", "streamguard", "verify", "bank", *arguments(500), "--output", "json"]
    environment = {**inherited_environment(), **bank.settings.environment()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)
    assert rows[0]["expected"] == rows[0]["found"] == 500
    assert {row["place"] for row in rows} >= {"mongodb users", "iceberg raw_users_log", "users"}
    assert all(row["ids"] == {} for row in rows)
