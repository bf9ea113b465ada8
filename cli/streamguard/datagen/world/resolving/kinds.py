"""The kinds of campaign, each written as what a world file could say itself with phases, changes and roles.

A *role* is a key of the campaign that names a column: ``amount: amount``. In changes, ``$amount`` is the column of that
role; what names a role that the campaign leaves out is left out too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ENTITY, NUMBER, ANY = "entity", "number", "entity or choice"

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Role:
    """A key that names a column, and what that column has to be."""

    name: str
    wants: str
    needed: bool = False


@dataclass(frozen=True)
class Kind:
    """`fraud` None: the file has to say it. `phases` is for bursts (`main` is the one that records, every and changes
    of the file go to), `changes` for the others; `defaults` are other keys."""

    family: Literal["burst", "condition", "rule"]
    fraud: bool | None
    roles: tuple[Role, ...]
    phases: tuple[Document, ...] = ()
    changes: Document | None = None
    defaults: Document | None = None
    takes: tuple[str, ...] = ()
    main: int = 0


ACTOR = Role("actor", ENTITY, needed=True)
AMOUNT = Role("amount", NUMBER)
MERCHANT = Role("merchant", ENTITY)
PAYEE = Role("payee", ENTITY)
DEVICE = Role("device", ANY)
MORE = {"times": {"lognormal": {"median": 2, "sigma": 0.5}}}
MUCH_MORE = {"times": {"lognormal": {"median": 3, "sigma": 0.6}}}
ANYONE, HELD = {"anyone": True}, {"hold": True}
THE_SAME_ONE = {"anyone": True, "once": True}
NEEDED_AMOUNT = Role("amount", NUMBER, needed=True)
AWAY = {"away": "$home", "once": True}

KINDS: Mapping[str, Kind] = {
    # Fraud.
    "card_testing": Kind(
        "burst",
        True,
        (ACTOR, NEEDED_AMOUNT, MERCHANT),
        (
            {
                "records": [6, 18],
                "every": ["4s", "40s"],
                "changes": {"$amount": {"set": [0.5, 2.0]}, "$merchant": THE_SAME_ONE},
            },
            {"records": 1, "every": ["1m", "30m"], "changes": {"$amount": MUCH_MORE, "$merchant": ANYONE}},
        ),
    ),
    "velocity_burst": Kind("burst", True, (ACTOR,), ({"records": [6, 20], "every": ["2s", "20s"]},)),
    "stolen_card": Kind(
        "burst",
        True,
        (ACTOR, AMOUNT, MERCHANT),
        ({"records": [3, 10], "every": ["1m", "20m"], "changes": {"$amount": MORE, "$merchant": ANYONE}},),
    ),
    "impossible_travel": Kind(
        "burst",
        True,
        (ACTOR, Role("merchant", ENTITY, needed=True), AMOUNT),
        (
            {"records": 1, "every": "1m", "fraud": False},
            {"records": [1, 3], "every": ["5m", "40m"], "changes": {"$merchant": AWAY, "$amount": MORE}},
        ),
        takes=("home",),
        main=1,
    ),
    "account_takeover": Kind(
        "burst",
        True,
        (ACTOR, AMOUNT, PAYEE, DEVICE),
        (
            {
                "records": [1, 4],
                "every": ["20s", "4m"],
                "changes": {"$amount": MUCH_MORE, "$payee": THE_SAME_ONE, "$device": HELD},
            },
        ),
    ),
    "mule": Kind(
        "burst",
        True,
        (Role("from", ENTITY, needed=True), Role("to", ENTITY, needed=True), AMOUNT),
        (
            {"actor": "$to", "records": [4, 12], "every": ["5s", "90s"], "changes": {"$from": ANYONE}},
            {
                "actor": "$from",
                "records": [1, 3],
                "every": ["30s", "10m"],
                "changes": {"$to": ANYONE, "$amount": MUCH_MORE},
            },
        ),
    ),
    "structuring": Kind(
        "burst",
        True,
        (ACTOR, NEEDED_AMOUNT, PAYEE),
        (
            {
                "records": [3, 8],
                "every": ["1m", "10m"],
                "changes": {"$amount": {"set": "$limit"}, "$payee": HELD},
            },
        ),
        takes=("limit",),
    ),
    "compromised_terminal": Kind(
        "condition", True, (ACTOR, AMOUNT), changes={}, defaults={"days": 28, "probability": 1}
    ),
    "leaked_card": Kind(
        "condition",
        True,
        (ACTOR, AMOUNT),
        changes={"$amount": {"times": 5}},
        defaults={"days": 14, "probability": 1 / 3},
    ),
    "night_time": Kind(
        "condition",
        True,
        (ACTOR, AMOUNT),
        changes={"$amount": MORE},
        defaults={"days": 3, "probability": 1, "hours": [0, 5]},
    ),
    "amount_above": Kind("rule", True, (NEEDED_AMOUNT,), takes=("above",)),
    # What only looks like it.
    "spree": Kind("burst", False, (ACTOR,), ({"records": [4, 14], "every": ["3s", "60s"]},)),
    "collection": Kind("burst", False, (ACTOR,), ({"records": [4, 14], "every": ["5s", "2m"]},)),
    "purchase": Kind(
        "burst",
        False,
        (ACTOR, AMOUNT, MERCHANT, PAYEE),
        (
            {
                "records": 1,
                "every": "1m",
                "changes": {"$amount": MUCH_MORE, "$merchant": ANYONE, "$payee": ANYONE},
            },
        ),
    ),
    "fixed_amount": Kind(
        "burst",
        False,
        (ACTOR, NEEDED_AMOUNT, MERCHANT, PAYEE),
        (
            {
                "records": [1, 3],
                "every": ["5s", "2m"],
                "changes": {"$amount": {"set": "$amounts", "once": True}, "$merchant": HELD, "$payee": HELD},
            },
        ),
        takes=("amounts",),
    ),
    "small_payments": Kind(
        "burst",
        False,
        (ACTOR, NEEDED_AMOUNT, MERCHANT),
        (
            {
                "records": [3, 12],
                "every": ["5s", "5m"],
                "changes": {"$amount": {"set": [0.5, 3.0]}, "$merchant": HELD},
            },
        ),
    ),
    "travel": Kind(
        "burst",
        False,
        (ACTOR, Role("merchant", ENTITY, needed=True), AMOUNT),
        ({"records": [5, 20], "every": ["10m", "3h"], "changes": {"$merchant": AWAY}},),
        takes=("home",),
    ),
    "new_device": Kind(
        "burst",
        False,
        (ACTOR, Role("device", ANY, needed=True)),
        ({"records": [2, 6], "every": ["1m", "30m"], "changes": {"$device": HELD}},),
    ),
    "gifts": Kind("condition", False, (AMOUNT,), changes={"$amount": {"times": [1, 2]}}, defaults={"probability": 0.3}),
    "payday": Kind(
        "condition",
        False,
        (AMOUNT,),
        changes={"$amount": {"times": [1, 3]}},
        defaults={"probability": 0.3, "month_days": [25]},
    ),
    "night_shift": Kind(
        "condition",
        False,
        (ACTOR, AMOUNT),
        changes={"$amount": {"times": [0.8, 2]}},
        defaults={"days": 14, "probability": 1, "hours": [0, 5]},
    ),
    # Anything else: the file says the rest.
    "burst": Kind("burst", None, (ACTOR,), ({"records": [2, 6], "every": ["10s", "2m"]},)),
    "condition": Kind("condition", None, (Role("actor", ENTITY),), changes={}, defaults={"days": 1, "probability": 1}),
}
COMMON = ("kind", "fraud", "about", "stream", "changes", "drift")
TAKES: Mapping[str, tuple[str, ...]] = {
    "burst": ("share", "weight", "records", "every", "phases"),
    "condition": ("per_day", "days", "probability", "hours", "seasons", "month_days"),
    "rule": (),
}
"""Keys of a campaign beside its roles and what its kind takes."""
