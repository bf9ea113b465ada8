"""Where connectors send the records that they can not handle, by their configs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamguard.connect.rest.answers import Deployed
from streamguard.connect.rest.globs import select
from streamguard.errors import Refused

TOPIC = "errors.deadletterqueue.topic.name"
GROUP = "consumer.override.group.id"


@dataclass(frozen=True)
class LetterBox:
    """A dead-letter topic, and those connectors among its senders that are meant, with their configs.

    `alone`: no other connector sends there, so a record that does not say who refused it is theirs too. `groups` are
    the consumer groups that they read with, if it is not the one that Connect gives them.
    """

    topic: str
    connectors: frozenset[str]
    configs: Mapping[str, Mapping[str, str]]
    alone: bool

    @property
    def groups(self) -> frozenset[str]:
        """The consumer groups that their configs name."""
        return frozenset(config[GROUP] for config in self.configs.values() if GROUP in config)


def letter_boxes(deployed: Mapping[str, Deployed], patterns: Sequence[str], where: str) -> list[LetterBox]:
    """The dead-letter topics of the connectors of a cluster that names or patterns choose; of all, without any.

    Raises:
        ConnectorNotFound: one of them chooses nothing.
        Refused: a connector that is named has no dead-letter topic.
    """
    names = select(patterns, deployed, where)
    for name in {*patterns} & deployed.keys():
        if not deployed[name].config.get(TOPIC):
            raise Refused(f"{name} has no dead-letter topic: its config has no {TOPIC}")
    senders: dict[str, set[str]] = {}
    for name, connector in deployed.items():
        topic = connector.config.get(TOPIC)
        if topic:
            senders.setdefault(topic, set()).add(name)
    boxes = []
    for topic, everybody in sorted(senders.items()):
        meant = everybody & set(names)
        if meant:
            configs = {name: deployed[name].config for name in sorted(meant)}
            boxes.append(LetterBox(topic, frozenset(meant), configs, meant == everybody))
    return boxes
