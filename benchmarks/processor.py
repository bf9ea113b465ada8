"""Transactions a second through the processor, exactly once, with the validator API on the same machine.

The API answers in batches at once, in batches after 20 ms, and one call a transaction; the last beside a bare asyncio
client with as many calls under way, and a blocking loop, which ask the same API about as many, and keep nothing.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.bank import bank_run
from benchmarks.rates import rate
from benchmarks.servers import servers
from streamguard.datagen.producing.generate import generate
from streamguard.datagen.producing.orders import Orders
from streamguard.kafka import topics
from streamguard.kafka.positions import Positions
from streamguard.services.processor import SOURCE
from streamguard.settings import Settings, inherited_environment
from streamguard.stack import probes
from streamguard.stack.stack import Stack

GROUP = "sg.bank.processor"
AT_ONCE, LATE, SINGLE, BLOCKING = 120_000, 40_000, 20_000, 2_000
"""Transactions of each measurement."""
DELAY_MS = 20
ROUNDS = 3


@dataclass(frozen=True)
class Round:
    """Transactions a second with one call for each."""

    processor: float
    bare: float
    blocking: float

    @property
    def ratio(self) -> float:
        return self.processor / self.bare


@dataclass(frozen=True)
class Figures:
    """Transactions a second: in batches at once, in batches after a delay, and alone."""

    at_once: float
    late: float
    alone: list[Round]


def measure(rounds: int = ROUNDS) -> Figures:
    """Run it."""
    with servers(["kafka"]) as stack:
        topics.apply(stack.settings, topics.plan(stack.project.pipeline("bank").topics, {}))
        single = replace(stack.settings, validator_batch=1)
        with _validator(stack, "--delay-ms", str(DELAY_MS)):
            late = _processor(stack.settings, "late", LATE)
        with _validator(stack):
            at_once = _processor(stack.settings, "at-once", AT_ONCE)
            alone = [
                Round(
                    _processor(single, f"alone-{number}", SINGLE),
                    _asker(single, "bare", f"bare-{number}", SINGLE),
                    _asker(single, "blocking", f"blocking-{number}", BLOCKING),
                )
                for number in range(rounds)
            ]
        return Figures(at_once, late, alone)


@contextmanager
def _validator(stack: Stack, *options: str) -> Iterator[None]:
    with _running(stack.settings, "validator", *options):
        while probes.http_ok(f"{stack.settings.validator_url}/health"):
            pass
        yield


def _processor(settings: Settings, name: str, records: int) -> float:
    """Of as many new records; those of the measurements before have been processed."""
    positions = Positions(settings)
    before = sum(positions.ends(positions.places([SOURCE]), committed=True).values())
    generate(settings, bank_run(name, "unidentified", SOURCE), Orders(count=records))
    with _running(settings, "processor"):
        return rate(settings, GROUP, SOURCE, records, after=before)


def _asker(settings: Settings, kind: str, name: str, count: int) -> float:
    arguments = (f"{settings.validator_url}/validate", name, str(count), str(settings.validator_calls))
    command = [sys.executable, "-m", "benchmarks.askers", kind, *arguments]
    done = subprocess.run(command, env=inherited_environment(), check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


@contextmanager
def _running(settings: Settings, service: str, *options: str) -> Iterator[None]:
    command = [sys.executable, "-m", "streamguard", "service", service, *options]
    with subprocess.Popen(command, env={**inherited_environment(), **settings.environment()}) as process:
        try:
            yield
        finally:
            process.terminate()


def table(figures: Figures) -> str:
    """As Markdown."""
    lines = [
        "| calls | records/s |",
        "|---|---|",
        f"| of at most 100, answered at once | {figures.at_once:,.0f} |",
        f"| of at most 100, answered after {DELAY_MS} ms | {figures.late:,.0f} |",
        "",
        "| round, one call a record | processor | bare asyncio client | ratio | blocking loop |",
        "|---|---|---|---|---|",
    ]
    for number, one in enumerate(figures.alone, 1):
        lines.append(f"| {number} | {one.processor:,.0f} | {one.bare:,.0f} | {one.ratio:.2f} | {one.blocking:,.0f} |")
    return "\n".join([*lines, "", f"Median ratio {median(one.ratio for one in figures.alone):.2f}"])
