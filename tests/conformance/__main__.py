"""``python -m tests.conformance [--rest] FILE [--tier N] [--id GLOB] [--list-failures]``: last line: the numbers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from streamguard.project import find_project
from streamguard.settings import load as load_settings
from tests.conformance.cases import load
from tests.conformance.verdict import Verdict, judged

TIERS = (1, 2, 3)


def main() -> None:
    """Run a case file."""
    reader = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    reader.add_argument("file", type=Path)
    reader.add_argument("--tier", type=int, choices=TIERS)
    reader.add_argument("--id", metavar="GLOB", dest="pattern")
    reader.add_argument("--list-failures", action="store_true")
    reader.add_argument("--rest", action="store_true", help="REST cases, against a server on a real broker")
    reader.add_argument("--kafka", metavar="HOST:PORT", help="the broker, if it is not that of the settings")
    given = reader.parse_args()
    if given.rest:
        verdicts = _rest(given)
    else:
        verdicts = [judged(case) for case in load(given.file, tier=given.tier, pattern=given.pattern)]
    if given.list_failures:
        for verdict in verdicts:
            if not verdict.passed:
                print(f"{verdict.case.id}: {verdict.reason}")
    for line in summary(verdicts):
        print(line)


def _rest(given: argparse.Namespace) -> list[Verdict]:
    from tests.conformance import rest, rest_cases

    settings = rest.with_kafka(load_settings(find_project(Path(__file__)).root), given.kafka)
    return rest.run(rest_cases.load(given.file, tier=given.tier, pattern=given.pattern), settings)


def counts(verdicts: Iterable[Verdict]) -> dict[str, tuple[int, int]]:
    """Passed and all, by tier and kind: ``tier 1 positive``, ``tier 1 rejected``, ``tier 1 rejected with message``."""
    made: dict[str, tuple[int, int]] = {}

    def count(name: str, passed: bool) -> None:
        before = made.get(name, (0, 0))
        made[name] = (before[0] + passed, before[1] + 1)

    for verdict in verdicts:
        tier = f"tier {verdict.case.tier}"
        if verdict.case.error is None:
            count(f"{tier} positive", verdict.passed)
        else:
            count(f"{tier} rejected", verdict.rejected)
            count(f"{tier} rejected with message", verdict.passed)
    return made


def summary(verdicts: list[Verdict]) -> list[str]:
    """A line for each number, and one for all."""
    lines = [f"{name}: {passed}/{of}" for name, (passed, of) in sorted(counts(verdicts).items())]
    tiers = []
    for tier in TIERS:
        chosen = [verdict for verdict in verdicts if verdict.case.tier == tier]
        tiers.append(f"tier{tier} {sum(verdict.passed for verdict in chosen)}/{len(chosen)}")
    return [*lines, " ".join(tiers)]


if __name__ == "__main__":
    main()
