"""Two yardsticks for the processor, one call a transaction: they only ask, and keep nothing.

*bare*: an asyncio client as aiohttp's documentation has it, with as many calls under way as the processor.
*blocking*: one call after another with `requests`, as a loop over consumed records is often written.

    python -m benchmarks.askers bare|blocking URL RUN COUNT CALLS
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import orjson
import requests

from benchmarks.bank import bank_run
from streamguard.datagen.records.source import records
from streamguard.services.processor import SOURCE

WANTED = ("transaction_id", "sender_bank_account", "receiver_details", "sender_bank", "amount")
JSON = {"Content-Type": "application/json"}


def bodies(name: str, count: int) -> list[bytes]:
    """What is asked; ids begin with `name`, because the API remembers those that it was asked about."""
    made = records(bank_run(name, "unidentified", SOURCE), count)
    return [orjson.dumps({field: record[field] for field in WANTED}) for record in made]


def judged(content: bytes) -> bool:
    """The verdict."""
    document: dict[str, Any] = orjson.loads(content)
    return bool(document["is_fraudulent_transaction"])


async def bare(url: str, asked: list[bytes], calls: int) -> list[bool]:
    """All verdicts, with so many calls under way."""
    found: list[bool] = []

    async def work(mine: Iterator[bytes]) -> None:
        for body in mine:
            async with session.post(url, data=body, headers=JSON) as answer:
                found.append(judged(await answer.read()))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=calls)) as session:
        shared = iter(asked)
        await asyncio.gather(*(work(shared) for _ in range(calls)))
    return found


def blocking(url: str, asked: list[bytes]) -> list[bool]:
    """All verdicts, one after another."""
    return [judged(requests.post(url, data=body, headers=JSON, timeout=10).content) for body in asked]


def main(kind: str, url: str, name: str, count: int, calls: int) -> None:
    """Print transactions a second."""
    asked = bodies(name, count)
    start = time.perf_counter()
    found = asyncio.run(bare(url, asked, calls)) if kind == "bare" else blocking(url, asked)
    print(len(found) / (time.perf_counter() - start))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
