"""Seconds from the instant at which a transaction was due to be produced to its document in MongoDB.

The instant is the schedule's and not the clock's: a generator that falls behind can not hide it. MongoDB is asked for
every tenth transaction, by id, every 10 ms; so much is in the figures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import datetime
from statistics import quantiles
from typing import Any

import pymongo

from benchmarks.servers import bank
from streamguard.settings import Settings, inherited_environment

RATE = 200
SECONDS = 60
WARM_UP = 10
PAUSE = 0.01
EVERY = 10
AHEAD = 40
"""So many of those that have not arrived are asked for: two seconds' worth."""


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
        wanted = range(rate * WARM_UP, rate * seconds, EVERY)
        found = _collect(client.fraudulent_transactions_db.transactions, wanted, seconds + 60)
        summary = json.loads(process.communicate(timeout=60)[0])
    assert summary["acknowledged"] == rate * seconds
    start = datetime.fromisoformat(summary["start"]).timestamp()
    return [seen - (start + sequence / rate) for sequence, seen in found.items()]


def _collect(collection: Any, wanted: Iterable[int], timeout: float) -> dict[int, float]:
    """When each of the wanted sequence numbers was first seen; asked for by id, because a scan slows the server."""
    found: dict[int, float] = {}
    missing, end = sorted(wanted, reverse=True), time.monotonic() + timeout
    while missing:
        assert time.monotonic() < end, f"{len(missing)} transactions have not arrived in {timeout} s"
        for sequence in missing[-AHEAD:]:
            if collection.find_one({"_id": f"latency-{sequence:09d}"}, {"_id": 1}):
                found[sequence] = time.time()
        missing = [sequence for sequence in missing if sequence not in found]
        time.sleep(PAUSE)
    return found


def table(latencies: list[float]) -> str:
    """As Markdown."""
    cuts = quantiles(latencies, n=100)
    return (
        f"| transactions | p50 | p99 | largest |\n|---|---|---|---|\n"
        f"| {len(latencies):,} at {RATE}/s | {cuts[49]:.2f} s | {cuts[98]:.2f} s | {max(latencies):.2f} s |"
    )
