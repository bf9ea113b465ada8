"""The worlds there are. A pipeline names the one that its generator writes."""

from __future__ import annotations

from streamguard.errors import ProjectError
from streamguard.project import did_you_mean

WORLDS = ("bank",)


def check_world(name: str, pipeline: str) -> None:
    """Refuse a world that does not exist."""
    if name not in WORLDS:
        raise ProjectError(f"init/{pipeline}.yml: generator.world: no world {name}{did_you_mean(name, WORLDS)}")
