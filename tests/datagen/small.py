"""A world with a little of everything, quick to compile."""

from __future__ import annotations

from typing import Any

from streamguard.datagen.world.model import World
from streamguard.datagen.world.reading import world_of

DOCUMENT: dict[str, Any] = {
    "world": "small",
    "about": "Few people pay each other.",
    "entities": {
        "person": {
            "count": 40,
            "attributes": {
                "id": {"hex": 12},
                "name": {"faker": "name"},
                "country": {"choice": ["GB", "FR", "PL"]},
            },
            "traits": {"activity": {"gamma": {"shape": 2, "mean": 1}}},
        },
    },
    "streams": {
        "payments": {
            "topic": "payments",
            "key": "payer.id",
            "rate": 20,
            "columns": {
                "payer": {"entity": "person", "weight": "activity"},
                "payee": {"entity": "person", "other_than": "payer"},
                "amount": {"lognormal": {"median": 50, "sigma": 1}, "decimals": 2, "least": 0.01},
                "evaluation": {"label": {"fraudulent": 0.1, "unidentified": 0.2, "legitimate": 0.7}},
            },
            "record": {
                "id": "{run}-{index:06d}",
                "payer": "payer",
                "payee": "payee.id",
                "amount": "amount",
                "evaluation": "evaluation",
                "at": {"time": "iso_ms"},
            },
        },
    },
    "campaigns": {
        "spending": {
            "kind": "velocity_burst",
            "actor": "payer",
            "share": 0.03,
            "records": [4, 8],
            "every": ["2s", "20s"],
        },
    },
}
FAULTS: dict[str, Any] = {
    "late": {"share": 0.01, "delay": {"lognormal": {"median": "10m", "sigma": 1}}},
    "duplicate": 0.01,
    "dropped": 0.01,
    "tombstone": 0.01,
    "wrong_type": 0.01,
    "truncated": 0.01,
    "wrong_key": 0.01,
}
TRUTH: dict[str, Any] = {
    "topic": "payments-truth",
    "labels": {
        "topic": "payments-labels",
        "delay": {"lognormal": {"median": "6d", "sigma": 0.5}},
        "wrong": 0.04,
        "unreported": 0.15,
    },
}
SMALL = world_of(DOCUMENT)


def world(**changes: Any) -> World:
    """The small world with other parts at the top."""
    return world_of({**DOCUMENT, **changes})
