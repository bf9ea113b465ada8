"""Seconds from the instant at which a transaction was due to be produced to its document in MongoDB.

The instant is the record's own `transfer_date`, which is the schedule's and not the clock's: a generator that falls
behind can not hide it. MongoDB is asked every 10 ms for new documents, so that much is in the figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from statistics import quantiles
from typing import Any

import pymongo

from benchmarks.servers import bank
from streamguard.settings import Settings, inherited_environment

RATE = 200
SECONDS = 60
WARM_UP = 10
PAUSE = 0.01


def measure(rate: int = RATE, seconds: int = SECONDS) -> list[float]:
    """The latencies of all transactions after a warm-up, in seconds."""
    with bank() as stack:
        return _observe(stack.settings, rate, seconds)


def _observe(settings: Settings, rate: int, seconds: int) -> list[float]:
    command = [sys.executable, "-m", "streamguard", "produce", "bank", "--rate", str(rate), "--run", "latency"]
    command += ["--count", str(rate * seconds), "--fraudulent-share", "100", "--unidentified-share", "0", "-o", "json"]
    environment = {**inherited_environment(), **settings.environment()}
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process,
        pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as client,
    ):
        found = _collect(client.fraudulent_transactions_db.transactions, rate * seconds, seconds + 60)
        out, _ = process.communicate(timeout=60)
    assert json.loads(out)["acknowledged"] == rate * seconds
    return [latency for sequence, latency in found.items() if sequence >= rate * WARM_UP]


def _collect(collection: Any, wanted: int, timeout: float) -> dict[int, float]:
    """Latency by sequence number, of every document as it appears."""
    found: dict[int, float] = {}
    oldest, end = 0, time.monotonic() + timeout  # the first that has not appeared
    while len(found) < wanted:
        assert time.monotonic() < end, f"{len(found)} of {wanted} transactions arrived in {timeout} s"
        for row in collection.find({"_id": {"$gte": f"latency-{oldest:09d}"}}, {"TRANSFER_DATE": 1}):
            sequence = int(row["_id"].rpartition("-")[2])
            if sequence not in found:
                due = datetime.fromisoformat(row["TRANSFER_DATE"])
                found[sequence] = (datetime.now(UTC) - due).total_seconds()
        while oldest in found:
            oldest += 1
        time.sleep(PAUSE)
    return found


def table(latencies: list[float]) -> str:
    """As Markdown."""
    cuts = quantiles(latencies, n=100)
    return (
        f"| transactions | p50 | p99 | largest |\n|---|---|---|---|\n"
        f"| {len(latencies):,} at {RATE}/s | {cuts[49]:.2f} s | {cuts[98]:.2f} s | {max(latencies):.2f} s |"
    )
