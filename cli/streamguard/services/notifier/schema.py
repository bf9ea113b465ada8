"""The JSON Schema of init/NAME/notifications.yml. `expects` says what to write where something else stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamguard.services.decider.outcomes import ACTIONS, SEVERITIES
from streamguard.services.notifier.channels import REFERENCE
from streamguard.services.notifier.grouping import KINDS

_SECRET = {
    "type": "string",
    "pattern": f"^{REFERENCE}$",
    "expects": "${env:NAME}, where NAME is the variable that holds it: a secret does not stand in this file",
}
_TEXT = {"type": "string", "minLength": 1, "expects": "a text"}
_LINE = {"type": "string", "pattern": r"^[^\r\n]+$", "expects": "one line of text"}
_ADDRESS = {"type": "string", "pattern": r"^[^@\s<>,;]+@[^@\s<>,;]+$", "expects": "an e-mail address"}
_RULES = {
    "type": "array",
    "items": {"type": "string", "minLength": 1},
    "minItems": 1,
    "expects": "a list of names of rules, or leave it out for all of them",
}
_ACTIONS = {
    "type": "array",
    "items": {"enum": list(ACTIONS)},
    "minItems": 1,
    "expects": f"a list of {', '.join(ACTIONS)}, or leave it out for all of them",
}
_GROUP = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "by": {"enum": list(KINDS)},
        "seconds": {"type": "number", "minimum": 0, "maximum": 300, "expects": "a number of seconds from 0 to 300"},
        "size": {"type": "integer", "minimum": 1, "maximum": 500, "expects": "a whole number from 1 to 500"},
    },
}
_RATE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "per_minute": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 60_000,
            "expects": "a number of messages above 0, up to 60000",
        },
        "burst": {"type": "integer", "minimum": 1, "maximum": 1000, "expects": "a whole number from 1 to 1000"},
    },
}
_COMMON = {
    "kind": {"enum": ["slack", "email", "webhook"]},
    "min_severity": {"enum": list(SEVERITIES)},
    "rules": _RULES,
    "actions": _ACTIONS,
    "group": _GROUP,
    "rate": _RATE,
    "mask": {"type": "boolean", "expects": "true or false"},
    "start": {"enum": ["now", "earliest"]},
    "template": _TEXT,
}


def _kind(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["kind", *required],
        "additionalProperties": False,
        "properties": {**_COMMON, **properties},
    }


_KINDS: dict[str, dict[str, Any]] = {
    "slack": _kind("url", url=_SECRET),
    "webhook": _kind(
        "url",
        url={
            "type": "string",
            "pattern": rf"^({REFERENCE}|https?://[^@\s?#]+)$",
            "expects": "an address without password and ?…, such as https://alerts.example.com/fraud, or ${env:NAME}",
        },
        headers={
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z0-9-]{1,100}$", "expects": "a name of an HTTP header"},
            "patternProperties": {
                "(?i)auth|token|key|secret|passw|cookie|signature": {
                    "type": "string",
                    "pattern": REFERENCE,
                    "expects": "${env:NAME}, where NAME is the variable that holds it, or 'Bearer ${env:NAME}'",
                }
            },
            "additionalProperties": {
                "type": "string",
                "pattern": rf"^({REFERENCE}|[\x20-\x7e]{{0,60}})$",
                "expects": "a short text, or ${env:NAME}",
            },
        },
    ),
    "email": _kind(
        "host",
        "from",
        "to",
        host={"type": "string", "pattern": r"^[A-Za-z0-9._:-]+$", "expects": "the name of an SMTP server"},
        port={"type": "integer", "minimum": 1, "maximum": 65535, "expects": "a port from 1 to 65535"},
        tls={"enum": ["starttls", "tls", "none"]},
        username=_SECRET,
        password=_SECRET,
        to={"type": "array", "items": _ADDRESS, "minItems": 1, "expects": "a list of e-mail addresses"},
        subject=_LINE,
        **{"from": _ADDRESS},
    ),
}
_KINDS["email"]["dependentRequired"] = {"username": ["password"], "password": ["username"]}
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Who is told about decisions: init/NAME/notifications.yml",
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {
        "channels": {
            "type": ["object", "null"],
            "propertyNames": {
                "pattern": "^[a-z][a-z0-9-]{0,39}$",
                "expects": "up to 40 lower-case letters, digits and -, a letter first",
            },
            "additionalProperties": {
                "type": "object",
                "required": ["kind"],
                "properties": {"kind": _COMMON["kind"]},
                "allOf": [
                    {"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}}, "then": schema}
                    for kind, schema in _KINDS.items()
                ],
            },
        }
    },
}
