"""Runs of the bank world for benchmarks: as fast as possible, and all of one evaluation."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from streamguard.datagen.records.run import Run
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.project import find_project


def bank_run(name: str, evaluation: str, topic: str) -> Run:
    """A run that begins now."""
    world = read_world(find_world(find_project(Path(__file__)), "bank"))
    shares = {"evaluation": {evaluation: 1.0}}
    topics = {"transactions": topic}
    return Run(world, name, 7, datetime.now(UTC), full_speed=True, shares=shares, topics=topics)
