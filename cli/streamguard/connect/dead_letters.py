"""Where connectors send the records that they can not handle, by their configs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamguard.connect.answers import Deployed
from streamguard.errors import ConnectorNotFound, Refused
from streamguard.project import did_you_mean

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


def letter_boxes(deployed: Mapping[str, Deployed], names: Sequence[str]) -> list[LetterBox]:
    """The dead-letter topics of some connectors, by name; without names of all that have one.

    Raises:
        ConnectorNotFound: no connector has that name.
        Refused: that one has no dead-letter topic.
    """
    for name in names:
        if name not in deployed:
            raise ConnectorNotFound(
                f"there is no connector {name}{did_you_mean(name, deployed)}; for one that is gone, "
                f"give its topic to `streamguard dead-letters`"
            )
        if not deployed[name].config.get(TOPIC):
            raise Refused(f"{name} has no dead-letter topic: its config has no {TOPIC}")
    senders: dict[str, set[str]] = {}
    for name, connector in deployed.items():
        topic = connector.config.get(TOPIC)
        if topic:
            senders.setdefault(topic, set()).add(name)
    boxes = []
    for topic, everybody in sorted(senders.items()):
        meant = everybody & set(names) if names else everybody
        if meant:
            configs = {name: deployed[name].config for name in sorted(meant)}
            boxes.append(LetterBox(topic, frozenset(meant), configs, meant == everybody))
    return boxes
