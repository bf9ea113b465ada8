"""Secrets: what a config may not hold, and what is cut out of everything that is printed.

A config holds references (`${env:NAME}`) that the worker resolves. The worker in turn echoes what it resolved: in the
answers to validation, in the text of a 400, in the trace of a failed task. So every text that comes from a worker
passes `redact` before anybody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from streamguard.connect.printing import REFERENCE

MASK = "********"
_SENSITIVE = re.compile(
    r"passw|pwd|secret|token|credential|private.?key|access.?key|api.?key|account.?key|sasl\.jaas\.config"
    r"|basic\.auth\.user\.info|connection\.(uri|url|string)|ssl\.key(store\.key)?$",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"([._-](class|type|provider|enabled|enable|mechanism|name|algorithm|seconds|ms|url|uri|variable)"
    r"|refresh-enabled|exchange-enabled)$",
    re.IGNORECASE,
)
_NAMES = re.compile(
    r"name|connector\.class|tasks\.max|topics|topics\.regex|collection|database|errors\.deadletterqueue\.topic\.name"
    r"|iceberg\.(control\.topic|tables)|(consumer|producer|admin)\.override\.(group|client|group\.instance)\.id"
)
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)([^/\s@\"'<>?#]*@)+")
_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:([^/\s]+)@")
_KNOWN = (
    (re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"), "an AWS access key"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), "a signed token"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\bpassword\s*=\s*['\"]?(?!\$\{)[^\s'\";]+", re.IGNORECASE), "a password"),
)
_ECHO = re.compile(r"Invalid value (.*?) for configuration ([\w.$-]+)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def is_sensitive(key: str) -> bool:
    """Does the key's name say that its value is a secret?"""
    if re.search(r"connection\.(uri|url|string)$", key, re.IGNORECASE):
        return True
    return bool(_SENSITIVE.search(key)) and not _HARMLESS.search(key)


def literal_secret(key: str, value: str) -> str | None:
    """What secret the value holds in clear, in words; None if it holds none."""
    clear = REFERENCE.sub("", value)
    userinfo = _USERINFO.search(REFERENCE.sub("$", value))
    if userinfo and userinfo[1] != "$":
        return "a password in an address"
    for pattern, words in _KNOWN:
        if pattern.search(clear):
            return words
    by_uri = re.search(r"connection\.(uri|url|string)$", key, re.IGNORECASE)
    if is_sensitive(key) and not by_uri and clear.strip() and clear.lower() not in ("true", "false", "none"):
        return "a secret in clear (so its name says)"
    return None


def literal_secrets(config: Mapping[str, str]) -> dict[str, str]:
    """The keys of a config that hold a secret in clear, each with words for it."""
    found = {key: literal_secret(key, value) for key, value in config.items()}
    return {key: words for key, words in found.items() if words}


def named_by_reference(config: Mapping[str, str]) -> list[str]:
    """The keys whose value is a name that Kafka and plugins write into logs and traces, and that a reference gives."""
    return [key for key in sorted(config) if _NAMES.fullmatch(key) and REFERENCE.search(config[key])]


def shown(key: str, value: str | None) -> str | None:
    """A config's value as it may be printed: references as they are, secrets masked."""
    if value is None or REFERENCE.fullmatch(value):
        return value
    if literal_secret(key, value) or is_sensitive(key):
        return MASK if not REFERENCE.search(value) or literal_secret(key, value) else value
    return value


def redact(text: str, desired: Mapping[str, str] | None = None) -> str:
    """`text` from a worker, without what the worker may have put in for the references of `desired`."""
    desired = desired or {}
    hidden: set[str] = set()

    def rewrite(match: re.Match[str]) -> str:
        value, key = match.groups()
        key = key.rstrip(".")
        if not is_sensitive(key) and not REFERENCE.search(desired.get(key, "")):
            return match.group()
        hidden.add(value)
        return f"Invalid value {MASK} for configuration {key}"

    text = _ECHO.sub(rewrite, text)
    for value in desired.values():
        for pattern in _resolved(value):
            text = pattern.sub(MASK, text)
    for value in sorted(hidden, key=len, reverse=True):
        if len(value) > 2 and value not in (MASK, "null", "[hidden]"):
            text = text.replace(value, MASK)
    text = _URI.sub(rf"\1{MASK}@", text)
    return _CONTROL.sub("", text)


def _resolved(value: str) -> list[re.Pattern[str]]:
    """What `value` looks like with its references resolved, if there is text around them to know it by."""
    pieces = re.split(REFERENCE.pattern.replace("(", "(?:").replace("(?:?:", "(?:"), value)
    if len(pieces) < 2 or sum(len(piece) for piece in pieces) < 4:
        return []
    middle = r"[^\s'\"]+?"
    end = "" if pieces[-1] else r"(?=[\s'\"]|$)"
    return [re.compile(middle.join(re.escape(piece) for piece in pieces) + end)]
