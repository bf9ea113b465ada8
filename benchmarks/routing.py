"""Records a second through the bank statements: the embedded engine beside the hand-written loop.

Both read the same topic of the same broker, in turn, several rounds; each is a process of its own and starts at the
beginning. Counted are records between two commits: from the first one to the last.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from benchmarks.bank import bank_run
from benchmarks.handwritten import RESULT, SOURCE, USERS
from benchmarks.rates import rate, rate_of_yardstick
from benchmarks.servers import servers
from streamguard.datagen.producing.generate import generate
from streamguard.datagen.producing.orders import Orders
from streamguard.kafka import topics
from streamguard.model import Topic
from streamguard.pipeline import apply_statements
from streamguard.stack.stack import Stack

RECORDS = 400_000
ROUNDS = 3
FLOOR = 40_000
"""A run in which the hand-written loop is slower than that says nothing: the machine was busy."""


@dataclass(frozen=True)
class Round:
    """Records a second of each, in one round."""

    engine: float
    handwritten: float

    @property
    def ratio(self) -> float:
        return self.engine / self.handwritten


def measure(records: int = RECORDS, rounds: int = ROUNDS) -> list[Round]:
    """Run it."""
    with servers(["kafka"]) as stack:
        pipeline = stack.project.pipeline("bank")
        wanted = [*pipeline.topics, Topic(RESULT, 4), Topic(USERS, 4)]
        topics.apply(stack.settings, topics.plan(wanted, {}))
        generate(stack.settings, bank_run("bench", "fraudulent", SOURCE), Orders(count=records))
        found = []
        for number in range(rounds):
            handwritten = rate_of_yardstick(
                stack.settings, "benchmarks.handwritten", f"handwritten-{number}", SOURCE, records
            )
            found.append(Round(_engine(stack, f"bench{number}", records), handwritten))
        return found


def _engine(stack: Stack, service: str, records: int) -> float:
    settings = replace(stack.settings, ksql_service_id=service)
    stack = Stack(settings, stack.project)
    stack.start(["ksql"])
    try:
        apply_statements(stack.project, settings, stack.project.pipeline("bank"))
        return rate(settings, f"sg.ksql.{service}.{SOURCE}", SOURCE, records)
    finally:
        stack.supervisor.stop_program("ksql")


def table(rounds: list[Round]) -> str:
    """As Markdown."""
    lines = ["| round | embedded engine, records/s | hand-written loop, records/s | ratio |", "|---|---|---|---|"]
    for number, one in enumerate(rounds, 1):
        lines.append(f"| {number} | {one.engine:,.0f} | {one.handwritten:,.0f} | {one.ratio:.2f} |")
    ratio = median(one.ratio for one in rounds)
    void = " (void: the hand-written loop was below 40,000/s)" if min(r.handwritten for r in rounds) < FLOOR else ""
    return "\n".join([*lines, "", f"Median ratio {ratio:.2f}{void}"])
