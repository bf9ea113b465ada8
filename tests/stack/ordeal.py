"""The bank pipeline under the nemesis, with everybody watching: the verifier, and who asks `status` all along."""

from __future__ import annotations

import random
import time
from contextlib import suppress

import pytest

from streamguard.errors import KafkaError
from streamguard.kafka.positions import Positions
from streamguard.project import generator_of
from tests.stack.bank import RATE, Bank, summary_of
from tests.stack.nemesis import LIMIT, Nemesis, Plan
from tests.stack.truth import SLOWEST, Truth


def seed_of(config: pytest.Config) -> int:
    """That of `--seed`, or a new one."""
    given: int | None = config.getoption("--seed")
    return random.randrange(1_000_000) if given is None else given


def go_through(
    bank: Bank, plan: Plan, seed: int, *, at_least: int = 0, limit: float = LIMIT, slowest: float = SLOWEST
) -> None:
    """Records flow while the nemesis is at work, and `at_least` so many of them; then everything is as it should.

    Everything comes back from each fault within `limit` seconds, and `status` answers within `slowest`.
    """
    print(f"\nnemesis: --seed {seed}, {plan}")
    nemesis = Nemesis(bank.stack, seed)
    with bank.verified(limit) as verification:
        written = _Written(bank)
        with bank.produce("--rate", str(RATE)) as producing:
            try:
                with Truth(nemesis) as truth:
                    nemesis.run(plan)
                    while written.count() < at_least:
                        time.sleep(0.1)
            finally:
                print(nemesis.table())
                producing.terminate()
            summary = summary_of(producing, timeout=60)
        verification.expect(summary)
    print(f"{summary['acknowledged']} records; status was asked {truth.asked} times: {truth.slowest:.1f} s at most")
    print(*truth.lies, sep="\n")
    assert not truth.lies, "\n".join(truth.lies)
    assert truth.slowest < slowest
    assert not [fault for fault in nemesis.faults if fault.seconds >= limit]


class _Written:
    """How many records came into the pipeline, by the last answer of a Kafka that may be away."""

    def __init__(self, bank: Bank) -> None:
        self._positions = Positions(bank.settings)
        self._places = self._positions.places([generator_of(bank.pipeline).topic])
        self._before = self._sum()
        self._last = 0

    def count(self) -> int:
        with suppress(KafkaError):
            self._last = self._sum() - self._before
        return self._last

    def _sum(self) -> int:
        return sum(self._positions.ends(self._places, committed=True).values())
