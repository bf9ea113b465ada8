"""The rights of the Connect worker: its own topics and group, and what each connector reads and writes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamguard.connect.offsets.reading import control_of, dead_letter_topic, group_of, topics_of
from streamguard.connect.templates.render import Connector
from streamguard.rights.granting import Grants
from streamguard.rights.model import Right
from streamguard.settings import Settings
from streamguard.stack import kafka_config

CONTROL_GROUPS = "cg-control-"
"""What begins the names of an Iceberg sink's passing groups, unless its config says otherwise."""


@dataclass(frozen=True)
class Worker:
    """How the workers of a Connect cluster call their group and the topics that they keep their state in."""

    group: str
    topics: tuple[str, ...]

    @classmethod
    def local(cls, settings: Settings) -> Worker:
        """As in the local stack."""
        config = kafka_config.worker(settings, Path())
        topics = tuple(str(config[f"{what}.storage.topic"]) for what in ("config", "offset", "status"))
        return cls(str(config["group.id"]), topics)


def of_worker(who: Grants, worker: Worker) -> Iterator[Right]:
    """What every worker needs, whatever runs on it."""
    why = "the worker keeps configs, offsets and states there"
    yield from who.topics(worker.topics, "read", "write", "create", "describe_configs", why=why)
    yield from who.groups([worker.group], "read", why="the workers of one Connect cluster")


def of_connectors(who: Grants, connectors: Sequence[Connector], known: Collection[str]) -> Iterator[Right]:
    """What the sinks need on top; `known` are the topics that a pattern is looked for in."""
    for connector in connectors:
        name, config = connector.name, connector.config
        topics = topics_of(config, known)
        yield from who.topics(topics, "read", why=f"{name} reads it")
        dead = dead_letter_topic(config)
        yield from who.topics([dead] if dead else (), "write", why=f"what {name} can not convert")
        if topics or config.get("topics.regex"):
            why = f"{name} reads as this group; `connectors offsets reset` deletes what it has committed"
            yield from who.groups([group_of(name, config)], "read", "delete", why=why)
        yield from _of_iceberg(who, name, config)


def _of_iceberg(who: Grants, name: str, config: Mapping[str, str]) -> Iterator[Right]:
    control = control_of(name, config)
    if control is None:
        return
    yield from who.topics([control.topic], "read", "write", why=f"{name} agrees on commits there")
    yield from who.groups([control.group], "read", why=f"the coordinator of {name}")
    passing = config.get("iceberg.control.group-id-prefix") or CONTROL_GROUPS
    yield from who.groups([passing], "read", why=f"passing groups of {name}, which commit nothing", pattern="prefixed")
    prefix = config.get("iceberg.coordinator.transactional.prefix", "")
    for what in ("worker", "coordinator"):
        yield from who.transactions(f"{prefix}{what}", why=f"{name}: exactly once")


def groups_of(connectors: Sequence[Connector], known: Collection[str]) -> tuple[list[str], list[str]]:
    """The groups by which is seen how far the sinks have got, and those of the coordinators of Iceberg sinks."""
    own = [group_of(each.name, each.config) for each in connectors if topics_of(each.config, known)]
    controls = [control_of(each.name, each.config) for each in connectors]
    return own, [control.group for control in controls if control is not None]
