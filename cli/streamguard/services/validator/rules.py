"""What the validator judges by: `init/NAME/validator.yml` and `blacklist.yml`, read and checked.

What they mean stands at the top of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.project import load_yaml
from streamguard.services.transaction import PERSON_FIELDS

RULES_FILE = "validator.yml"
BLACKLIST_FILE = "blacklist.yml"
DOMAIN_LENGTH = 253
"""Characters; the DNS has no longer names."""

_POINTS = {"type": "integer", "minimum": 0, "maximum": 100}
_WHOLE = {"type": "integer", "minimum": 1}
_NAME = {"type": "string", "minLength": 1}
_ACCOUNT = {"type": "string", "pattern": "[^ ]"}
_DOMAIN = {"type": "string", "pattern": r"^[^@\s.]+(\.[^@\s.]+)*$", "maxLength": DOMAIN_LENGTH}
_COUNTRY = {"type": "string", "pattern": "^[A-Z]{2}$"}


def _object(**properties: Any) -> dict[str, Any]:
    """Schema of an object with exactly these properties."""
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def _table(names: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "propertyNames": names, "additionalProperties": values}


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "uniqueItems": True}


_STEPS = _list(_object(times=_WHOLE, points=_POINTS))
RULES_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The rules of the validator: init/NAME/validator.yml",
    **_object(
        threshold={"type": "integer", "minimum": 1, "maximum": 100},
        account_history=_object(otherwise=_WHOLE, accounts=_table(_ACCOUNT, _WHOLE), steps=_STEPS),
        bank_history=_object(otherwise=_WHOLE, banks=_table(_NAME, _WHOLE), steps=_STEPS),
        bank_risk=_object(otherwise=_POINTS, banks=_table(_NAME, _POINTS)),
        receiver=_object(
            email_otherwise=_POINTS,
            email_domains=_table(_DOMAIN, _POINTS),
            country_otherwise=_POINTS,
            countries=_table(_COUNTRY, _POINTS),
            incomplete=_object(points=_POINTS, fields=_list({"enum": sorted(PERSON_FIELDS)})),
            is_sender=_POINTS,
        ),
        blacklist=_POINTS,
    ),
}
BLACKLIST_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The blacklist of the validator: init/NAME/blacklist.yml",
    **_object(accounts=_list(_ACCOUNT), receivers=_list(_NAME), email_domains=_list(_DOMAIN)),
}


@dataclass(frozen=True)
class Step:
    """`points` for an amount of `times` the typical one or more."""

    times: int
    points: int


@dataclass(frozen=True)
class History:
    """The typical amounts of accounts or banks; `otherwise` is that of one without a history."""

    otherwise: int
    typical: Mapping[str, int]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Risk:
    """Points by name; `otherwise` are those of a name that is not listed."""

    otherwise: int
    points: Mapping[str, int]


@dataclass(frozen=True)
class Rules:
    """`validator.yml`. Accounts and domains are as `account_of` and `domain_of` make them."""

    threshold: int
    account_history: History
    bank_history: History
    bank_risk: Risk
    email: Risk
    country: Risk
    incomplete: int
    incomplete_fields: tuple[str, ...]
    is_sender: int
    blacklist: int


@dataclass(frozen=True)
class Blacklist:
    """`blacklist.yml`. Accounts and domains are as `account_of` and `domain_of` make them."""

    accounts: frozenset[str]
    receivers: frozenset[str]
    email_domains: frozenset[str]


def load_rules(folder: Path) -> Rules:
    """Read `validator.yml`; `ProjectError` names file, line and what is wrong."""
    document = load_yaml(folder / RULES_FILE, RULES_SCHEMA)
    accounts, banks, receiver = (document[name] for name in ("account_history", "bank_history", "receiver"))
    typical = {account_of(account): amount for account, amount in accounts["accounts"].items()}
    domains = {domain.lower(): points for domain, points in receiver["email_domains"].items()}
    return Rules(
        threshold=document["threshold"],
        account_history=History(accounts["otherwise"], typical, _steps(accounts["steps"])),
        bank_history=History(banks["otherwise"], banks["banks"], _steps(banks["steps"])),
        bank_risk=Risk(document["bank_risk"]["otherwise"], document["bank_risk"]["banks"]),
        email=Risk(receiver["email_otherwise"], domains),
        country=Risk(receiver["country_otherwise"], receiver["countries"]),
        incomplete=receiver["incomplete"]["points"],
        incomplete_fields=tuple(receiver["incomplete"]["fields"]),
        is_sender=receiver["is_sender"],
        blacklist=document["blacklist"],
    )


def load_blacklist(folder: Path) -> Blacklist:
    """Read `blacklist.yml`; `ProjectError` names file, line and what is wrong."""
    document = load_yaml(folder / BLACKLIST_FILE, BLACKLIST_SCHEMA)
    return Blacklist(
        accounts=frozenset(map(account_of, document["accounts"])),
        receivers=frozenset(document["receivers"]),
        email_domains=frozenset(map(str.lower, document["email_domains"])),
    )


def _steps(steps: list[dict[str, int]]) -> tuple[Step, ...]:
    return tuple(Step(step["times"], step["points"]) for step in steps)


def account_of(text: str | None) -> str:
    """An account as it is compared; "" is nobody's."""
    return text.replace(" ", "").upper() if text else ""


def domain_of(email: str | None) -> str:
    """The domain of an e-mail address as it is compared; "" if it has none."""
    _, at, domain = (email or "").rpartition("@")
    return domain.lower() if at and len(domain) <= DOMAIN_LENGTH else ""
