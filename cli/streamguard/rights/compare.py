"""The rights that somebody needs against an access control list: what is missing, what is more than needed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streamguard.kafka.permissions import Entry
from streamguard.rights.model import IMPLIED, Right

EVERYBODY = "*"


def missing(rights: Iterable[Right], entries: Sequence[Entry]) -> list[Right]:
    """The rights, each with those of its operations that the list does not grant its principal."""
    found = []
    for right in rights:
        lacking = tuple(operation for operation in right.operations if not _is_granted(right, operation, entries))
        if lacking:
            found.append(Right(right.principal, right.resource, right.name, right.pattern, lacking, right.why))
    return found


def superfluous(rights: Sequence[Right], entries: Sequence[Entry]) -> list[Entry]:
    """What the list grants principals that have some of the rights, and no right of theirs asks for."""
    known = {right.principal for right in rights}
    return [
        entry
        for entry in entries
        if entry.allows
        and entry.principal in known
        and not any(_asks_for(right, entry) for right in rights if right.principal == entry.principal)
    ]


def _is_granted(right: Right, operation: str, entries: Sequence[Entry]) -> bool:
    about = [entry for entry in entries if entry.principal in (right.principal, EVERYBODY) and _covers(entry, right)]
    enough = {operation, "all", *IMPLIED.get(operation, ())}
    allowed = any(entry.allows and entry.host == EVERYBODY and entry.operation in enough for entry in about)
    return allowed and not any(not entry.allows and entry.operation in (operation, "all") for entry in about)


def _covers(entry: Entry, right: Right) -> bool:
    """Whether an entry is about everything that a right is about; a refusal, about some of it."""
    if entry.resource != right.resource:
        return False
    if entry.name == EVERYBODY and entry.pattern == "literal":
        return True
    if entry.pattern == "prefixed":
        return right.name.startswith(entry.name) or (
            not entry.allows and right.pattern == "prefixed" and entry.name.startswith(right.name)
        )
    if right.pattern == "prefixed":
        return not entry.allows and entry.name.startswith(right.name)
    return entry.name == right.name


def _asks_for(right: Right, entry: Entry) -> bool:
    """Whether a right asks for what an entry grants, and for no less."""
    if right.resource != entry.resource:
        return False
    fits = entry.name.startswith(right.name) if right.pattern == "prefixed" else entry.name == right.name
    same = right.pattern in (entry.pattern, "prefixed")
    implied = {implied for implied, by in IMPLIED.items() if by & {*right.operations}}
    return fits and same and entry.operation in {*right.operations, *implied}
