"""Read a world file: YAML, then the schema, then what the parts mean together.

All problems of a stage are told at once, those of the last one for all parts of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamguard.datagen.world.document import Document, NoYaml, parse
from streamguard.datagen.world.model import World
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.resolving import rest
from streamguard.datagen.world.resolving.campaigns import campaigns
from streamguard.datagen.world.resolving.population import entities
from streamguard.datagen.world.resolving.streams import streams
from streamguard.datagen.world.validating import validate
from streamguard.errors import ProjectError, UnknownName
from streamguard.project import Project, did_you_mean, read_text

FOLDER = "worlds"
"""The folder of init/ that has the worlds of a project."""


def worlds(project: Project) -> list[str]:
    """The names of the worlds of a project, sorted."""
    return sorted(path.stem for path in (project.init / FOLDER).glob("*.yml"))


def find_world(project: Project, name: str) -> Path:
    """The file of a world: a name of init/worlds, or a path (with a slash or an ending). Raises UnknownName."""
    if name in worlds(project):
        return project.init / FOLDER / f"{name}.yml"
    path = Path(name)
    if path.suffix in (".yml", ".yaml") or "/" in name:
        if path.is_file():
            return path
        raise UnknownName(f"there is no file {name}: name one, or a world of {project.init / FOLDER}")
    raise UnknownName(f"no world {name} in {project.init / FOLDER}{did_you_mean(name, worlds(project))}")


def read_world(path: Path, overrides: Mapping[str, Any] | None = None, cache_dir: Path | None = None) -> World:
    """Read a world file; `overrides` puts values at dotted places (``entities.person.count``) before it is checked.

    `cache_dir` remembers what the schema allowed.

    Raises ProjectError with a line for each problem.
    """
    try:
        document = parse(read_text(path))
    except NoYaml as exc:
        raise ProjectError(f"{path}, line {exc.line}: {exc.reason}") from exc
    if document.value is None:
        raise ProjectError(f"{path} is empty: begin it with `world: {path.stem}` and go on as one of init/{FOLDER}")
    for place, value in (overrides or {}).items():
        document = document.replaced(tuple(place.split(".")), value)
    return _world(document, str(path), path.stem, cache_dir)


def world_of(document: Mapping[str, Any]) -> World:
    """The world of `World.document`, read again."""
    return _world(Document(document), str(document.get("world", "a world")), str(document.get("world", "")))


def _world(document: Document, file: str, stem: str, cache_dir: Path | None = None) -> World:
    problems = Problems(file, document)
    validate(problems, cache_dir)
    problems.check()
    spec: Mapping[str, Any] = document.value
    if spec["world"] != stem:
        problems.add(("world",), f"{spec['world']} is not the name of the file: write {stem}, or rename the file")
    population = entities(spec["entities"], problems)
    by_name = {entity.name: entity for entity in population}
    found = streams(spec["streams"], by_name, problems)
    chosen = campaigns(spec.get("campaigns", {}), found, by_name, problems)
    world = World(
        spec["world"],
        spec.get("about", ""),
        population,
        found,
        chosen,
        rest.faults(spec.get("faults", {}), found, problems),
        rest.truth(spec.get("truth"), found, problems),
        rest.clock(spec.get("clock", {}), problems),
        rest.stops(spec.get("stops", {})),
        bool(spec.get("trivial", False)),
    )
    problems.check()
    return replace(world, digest=digest(world), document=spec)


def digest(world: World) -> str:
    """The hash of everything that the world says: equal for two files that mean the same."""
    return hashlib.sha256(repr(replace(world, digest="", document={}, about="")).encode()).hexdigest()
