"""What a worker's plugins say against a config, as findings: at the template's line, with the plugin's own words."""

from __future__ import annotations

import re

from streamguard.connect.lint.finding import Finding, finding
from streamguard.connect.lint.rules_keys import OVERRIDE, PART, PASSED_ON, is_pattern, near_key
from streamguard.connect.lint.run import is_silenced
from streamguard.connect.rest.answers import Validation
from streamguard.connect.templates.render import OWN, Connector

LONGEST = 200
"""Characters of documentation in a finding: the first sentence, or the start of it."""


def validation_findings(connector: Connector, answer: Validation) -> list[Finding]:
    """The plugin's errors, the first of each key, and the keys that neither it nor Connect knows."""
    documentation = {definition.name: definition.documentation for definition in answer.definitions}
    first: dict[str, Finding] = {}
    for error in answer.errors:
        about = first_sentence(error.documentation or documentation.get(error.field, ""))
        made = finding(connector, error.field, "plugin", error.message, policy=False, documentation=about)
        first.setdefault(error.field, made)
    found = [first[field] for field in sorted(first)]
    for key in unknown_keys(connector, answer):
        text = f"the plugin knows no such key{near_key(key, answer.known)}"
        made = finding(connector, key, "unknown-key", text)
        if not is_silenced(connector, made):
            found.append(made)
    return found


def failed_validation(connector: Connector, said: str) -> Finding:
    """The plugin's own code failed on this config."""
    return finding(connector, "connector.class", "plugin", f"the plugin failed on this config: {said}", policy=False)


def unknown_keys(connector: Connector, answer: Validation) -> list[str]:
    """Keys that the answer does not list, unless what they are below lists none of its keys."""
    listed = answer.known | {"name"}
    return [key for key in sorted(connector.config) if key in answer.undefined or not _is_listed(key, listed)]


def _is_listed(key: str, listed: frozenset[str]) -> bool:
    if key in listed or key.startswith((OWN, *PASSED_ON)) or is_pattern(key, listed):
        return True
    part, override = PART.fullmatch(key), OVERRIDE.fullmatch(key)
    if override:
        return not any(known.startswith(f"{override[1]}.override.") for known in listed)
    own = f"{part[1]}.type" if part else ""
    return part is not None and not any(known.startswith(f"{part[1]}.") and known != own for known in listed)


def first_sentence(text: str) -> str:
    """The first sentence of a documentation, in one line."""
    line = " ".join(re.sub(r"<[^>]*>", " ", text).split())
    sentence = re.match(r".*?[.!?](?=\s+[A-Z`*'(]|$)", line)
    said = sentence[0] if sentence else line
    return said if len(said) <= LONGEST else said[: LONGEST - 1].rstrip() + "…"
