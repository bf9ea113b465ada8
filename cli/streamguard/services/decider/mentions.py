"""Which rules of alerts a file of rules counts on, by their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from streamguard.services.decider.expressions.nodes import Infix, Name, Node, Text, children
from streamguard.services.decider.expressions.parse import parse
from streamguard.services.decider.rules import Rules

RULES = "alerts.rules"


class Mention(NamedTuple):
    """The name of a rule of alerts, and where it stands in the file."""

    rule: str
    where: str


def mentions(rules: Rules) -> Iterator[Mention]:
    """The rules under ``alerts:``, and those that a condition looks for in ``alerts.rules``."""
    for rule in rules.alerts:
        yield Mention(rule, "alerts")
    for each in rules.rules:
        for rule in _looked_for(parse(each.shown)):
            yield Mention(rule, f"rule {each.name}, when")


def _looked_for(node: Node) -> Iterator[str]:
    if isinstance(node, Infix) and node.right == Name(RULES) and isinstance(node.left, Text):
        yield node.left.value
    for child in children(node):
        yield from _looked_for(child)
