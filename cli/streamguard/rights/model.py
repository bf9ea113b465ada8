"""A right: a principal may do some operations on a topic, a group, a transactional id, or the cluster.

Kafka's operations imply each other a little: who may read, write, delete or alter something may describe it, and who
may alter configs may describe them. What is implied is never asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Resource = Literal["topic", "group", "transactional_id", "cluster"]
Pattern = Literal["literal", "prefixed"]

CLUSTER = "kafka-cluster"
"""What Kafka calls its only cluster."""
OPERATIONS: Mapping[Resource, tuple[str, ...]] = {
    "topic": ("read", "write", "create", "delete", "alter", "describe", "describe_configs", "alter_configs"),
    "group": ("read", "delete", "describe"),
    "transactional_id": ("write", "describe"),
    "cluster": (
        "create",
        "alter",
        "describe",
        "cluster_action",
        "describe_configs",
        "alter_configs",
        "idempotent_write",
    ),
}
"""The operations that each kind of resource has."""
IMPLIED: Mapping[str, frozenset[str]] = {
    "describe": frozenset({"read", "write", "delete", "alter"}),
    "describe_configs": frozenset({"alter_configs"}),
}
"""The operations that come with one of others."""


@dataclass(frozen=True)
class Right:
    """One right, and why it is needed."""

    principal: str
    resource: Resource
    name: str
    pattern: Pattern
    operations: tuple[str, ...]
    why: str

    def covers(self, resource: Resource, name: str) -> bool:
        """Whether it is about that resource."""
        fits = name.startswith(self.name) if self.pattern == "prefixed" else name == self.name
        return self.resource == resource and fits

    def document(self) -> dict[str, object]:
        """As a row of the listing."""
        return {**vars(self), "operations": list(self.operations)}


def granted(rights: Iterable[Right], principal: str, resource: Resource, name: str) -> frozenset[str]:
    """The operations that a principal may do on one resource, those that are implied among them."""
    asked = {
        operation
        for right in rights
        if right.principal == principal and right.covers(resource, name)
        for operation in right.operations
    }
    implied = {operation for operation, by in IMPLIED.items() if by & asked and operation in OPERATIONS[resource]}
    return frozenset(asked | implied)


def merged(rights: Iterable[Right]) -> list[Right]:
    """One right for each principal and resource, in the order in which they come first; reasons are joined."""
    found: dict[tuple[str, Resource, str, Pattern], Right] = {}
    for right in rights:
        key = (right.principal, right.resource, right.name, right.pattern)
        before = found.get(key)
        if before is None:
            found[key] = replace(right, operations=_ordered(right.resource, right.operations))
            continue
        operations = _ordered(right.resource, (*before.operations, *right.operations))
        reasons = dict.fromkeys((*before.why.split("; "), *right.why.split("; ")))
        found[key] = replace(before, operations=operations, why="; ".join(reasons))
    return list(found.values())


def _ordered(resource: Resource, operations: Iterable[str]) -> tuple[str, ...]:
    """In the order of OPERATIONS, without what the others imply."""
    asked = set(operations)
    needless = {operation for operation, by in IMPLIED.items() if by & asked}
    return tuple(operation for operation in OPERATIONS[resource] if operation in asked - needless)
