"""Records per CPU-second, generated and not sent: the worlds of init/worlds beside a loop that calls Faker.

The loop makes the bank's record the way it is usually written: every field asked of Faker, every record a dictionary
that `json` writes. Both are timed in turn, several rounds, by the CPU time of this process alone.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from faker import Faker

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.blocks import Block
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.sums import Summer
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.project import find_project

WORLDS = ("bank", "card", "transfers")
ROUNDS = 5
BLOCKS = 40
NAIVE = 400
"""Records of a round: of each world in blocks, and of the loop."""
GOALS = {"bank": 400_000, "card": 300_000}
"""Records per CPU-second that there must be."""
RATIO = 300
"""How many times as fast as the loop the bank world must be."""


@dataclass(frozen=True)
class Measured:
    """Records per CPU-second: alone, and with truth, labels and a manifest's hash; the average size of a value."""

    generated: float
    hashed: float
    size: float


@dataclass(frozen=True)
class Figures:
    """Of each world, and of the loop over Faker."""

    worlds: dict[str, Measured]
    naive: float

    @property
    def ratio(self) -> float:
        return self.worlds["bank"].generated / self.naive


def measure(rounds: int = ROUNDS) -> Figures:
    """Run it."""
    naive_records = naive(Faker())
    with TemporaryDirectory() as cache:
        sources = {name: _source(name, Path(cache), truth=False) for name in WORLDS}
        telling = {name: _source(name, Path(cache), truth=True) for name in WORLDS}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in WORLDS}
        loop = []
        for number in range(rounds):
            loop.append(_per_second(NAIVE, lambda: [next(naive_records) for _ in range(NAIVE)]))
            for name, source in sources.items():
                found[name].append((_generated(source, number), _hashed(telling[name], number)))
    return Figures(
        {
            name: Measured(median(one for one, _ in measured), median(one for _, one in measured), _size(sources[name]))
            for name, measured in found.items()
        },
        median(loop),
    )


def naive(fake: Faker) -> Iterator[bytes]:
    """Bank records without end, the usual way."""
    while True:
        sender, receiver = _person(fake), _person(fake)
        record = {
            "transaction_id": str(uuid.uuid4()),
            "sender_bank_account": sender["bank_account"],
            "sender_details": sender,
            "receiver_bank_account": receiver["bank_account"],
            "receiver_details": receiver,
            "amount": fake.pyfloat(min_value=1, max_value=5_000, right_digits=2),
            "status": fake.random_element(("completed", "pending", "failed")),
            "evaluation": fake.random_element(("fraudulent", "unidentified", "legitimate")),
            "transfer_date": datetime.now(UTC).isoformat(),
            "sender_bank": fake.company(),
        }
        yield json.dumps(record).encode()


def _person(fake: Faker) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "name": fake.name(),
        "address": fake.address(),
        "email": fake.email(),
        "birthdate": fake.date_of_birth().isoformat(),
        "phone_number": fake.phone_number(),
        "job": fake.job(),
        "company": fake.company(),
        "ssn": fake.ssn(),
        "blood_group": fake.random_element(("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-")),
        "website": fake.url(),
        "username": fake.user_name(),
        "bank_account": fake.iban(),
    }


def _source(name: str, cache: Path, *, truth: bool) -> Source:
    world = read_world(find_world(find_project(Path(__file__)), name))
    source = Source(Run(world, "bench", 7, datetime.now(UTC), truth=truth), world.streams[0].name, cache)
    source.block(0)  # tables are made when they are first used
    return source


def take(block: Block) -> None:
    """Have every record of a block, one after the other, as a producer does: only then are they put together."""
    deque(block.values, maxlen=0)


def _generated(source: Source, number: int) -> float:
    def make() -> None:
        for block in range(number * BLOCKS, (number + 1) * BLOCKS):
            take(source.block(block))

    return _per_second(BLOCKS * BLOCK, make)


def _hashed(source: Source, number: int) -> float:
    summer = Summer()

    def make() -> None:
        for block in range(number * BLOCKS, (number + 1) * BLOCKS):
            summer.take(source.block(block))

    return _per_second(BLOCKS * BLOCK, make)


def _size(source: Source) -> float:
    return sum(len(value or b"") for value in source.block(1).values) / BLOCK


def _per_second(count: int, work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return count / (time.process_time() - start)


def table(figures: Figures) -> str:
    """As Markdown."""
    lines = [
        "| world | bytes a value | records per CPU-second | with truth and a manifest's hash | goal |",
        "|---|---|---|---|---|",
    ]
    for name, one in figures.worlds.items():
        goal = f"{GOALS[name]:,}" if name in GOALS else ""
        lines.append(f"| {name} | {one.size:,.0f} | {one.generated:,.0f} | {one.hashed:,.0f} | {goal} |")
    lines.append(f"| Faker, field by field, `json` | | {figures.naive:,.0f} | | |")
    return "\n".join([*lines, "", f"The bank world is {figures.ratio:,.0f} times as fast as the loop (goal: {RATIO})."])
