"""What a run wrote, worked out again from its description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import written
from streamguard.datagen.world.model import World
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.errors import ProjectError, StreamguardError
from streamguard.model import Pipeline
from streamguard.project import Project, generator_of
from streamguard.verify.oracle import Input

WORLD = "bank"


def world_of(project: Project, pipeline: Pipeline) -> World:
    """The world of a pipeline, if it is the one that is known what must become of."""
    if generator_of(pipeline).world != WORLD:
        raise ProjectError(
            f"verify knows the world {WORLD}, and init/{pipeline.name}.yml has another one: "
            f"`streamguard verify {WORLD}`"
        )
    world = read_world(find_world(project, WORLD))
    if world.faults:
        raise ProjectError(f"verify knows the world {WORLD} without faults: take them out of {world.name}.yml")
    return world


def run_of(summary: Mapping[str, Any], world: World) -> tuple[Run, int]:
    """The run that a summary of `produce` describes, and how many records it wrote.

    Raises StreamguardError if not all were acknowledged: of the others nobody knows whether they were written.
    """
    if summary["produced"] != summary["acknowledged"]:
        raise StreamguardError(
            f"run {summary['run']}: {summary['produced'] - summary['acknowledged']:,} records were not acknowledged, "
            "so nobody can say what must be there: verify again"
        )
    return Run.of(summary, world), summary["produced"]


def inputs(run: Run, count: int, cache_dir: Path | None) -> Iterator[Input]:
    """The first `count` records of a run."""
    for record in written(run, count, cache_dir=cache_dir):
        assert record.key is not None and record.value is not None, "a world without faults"
        yield record.key, record.value, orjson.loads(record.value)
