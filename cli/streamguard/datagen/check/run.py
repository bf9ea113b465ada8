"""The checks of a world, one after the other, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from streamguard.datagen.check.activity import activity
from streamguard.datagen.check.campaigns import campaigns, intensity, seasonal
from streamguard.datagen.check.components import components
from streamguard.datagen.check.encoded import integrity
from streamguard.datagen.check.findings import Finding, judged
from streamguard.datagen.check.independence import independence
from streamguard.datagen.check.leaks import leaks
from streamguard.datagen.check.parameters import parameters
from streamguard.datagen.check.sample import Sample, take
from streamguard.datagen.check.spoilt import ledger
from streamguard.datagen.check.statistics import scipy_stats
from streamguard.datagen.check.times import times
from streamguard.datagen.world.campaigns import Burst
from streamguard.datagen.world.model import World

NATURAL = 1 << 18
"""Records of the sample at the declared rate, which shows times within campaigns."""
SEASON = 1 << 15
"""Records of the first day of each season."""
BYTES = 100_000
"""Records that are encoded and read back for integrity and faults."""


@dataclass(frozen=True)
class Checked:
    """A world, the samples that were drawn of its streams, and what was found."""

    world: World
    samples: tuple[Sample, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(finding.passed for finding in self.findings)


def check(
    world: World, size: int, seed: int, cache_dir: Path | None = None, show: Callable[[str], None] | None = None
) -> Checked:
    """Draw `size` records of each stream and look at everything that the world declares."""
    scipy_stats()  # before any work is done
    say = show or (lambda _: None)
    samples, findings = [], list[Finding]()
    for stream in world.streams:
        say(f"{size:,} records of {stream.name}")
        sample = take(world, stream.name, size, seed=seed, cache_dir=cache_dir)
        samples.append(sample)
        for name, part in _parts(world, sample, cache_dir):
            say(name)
            findings.extend(part())
    return Checked(world, tuple(samples), tuple(judged(findings)))


def _parts(
    declared: World, sample: Sample, cache_dir: Path | None
) -> Iterator[tuple[str, Callable[[], Iterator[Finding]]]]:
    world, stream, seed = sample.world, sample.declared.name, sample.seed
    few = min(sample.size, BYTES)
    yield "S1, S4: parameters and amounts", lambda: parameters(sample)
    yield "S2: independence", lambda: independence(sample)
    yield "S3: times", lambda: times(sample)
    yield "S5, S6: activity and popularity", lambda: activity(sample)
    yield "S7, S9: entities", lambda: integrity(sample, few, cache_dir)
    yield "S8: campaigns", lambda: campaigns(sample)
    yield "S8: campaigns of a season", lambda: seasonal(declared, stream, min(few, SEASON), seed, cache_dir)
    if any(isinstance(campaign, Burst) and campaign.stream == stream for campaign in world.campaigns):
        natural = partial(take, declared, stream, min(sample.size, NATURAL), seed=seed, cache_dir=cache_dir, days=None)
        yield "S8: times within campaigns", lambda: intensity(natural())
    yield "S10: faults", lambda: ledger(world, stream, few, seed, cache_dir)
    yield "S11: components", lambda: components(sample)
    yield "S12: leaks", lambda: leaks(world, sample, cache_dir)
