"""A client that asks a scripted API, and what it asks about."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from streamguard.services.validation.client import Limits, ValidatorClient
from tests.malformed import PERSON
from tests.services.validation.api import ScriptedApi

T = TypeVar("T")
LIMITS = Limits(calls=4, batch=10, timeout=5.0)


def transaction(number: int) -> dict[str, Any]:
    return {
        "transaction_id": f"t-{number}",
        "sender_bank_account": "DE1",
        "sender_details": PERSON,
        "receiver_bank_account": "DE2",
        "receiver_details": PERSON,
        "amount": number,
        "status": "completed",
        "evaluation": "unidentified",
        "transfer_date": "2024-01-31T12:00:00Z",
        "sender_bank": "A Bank",
    }


async def using(
    server: ScriptedApi, use: Callable[[ValidatorClient], Awaitable[T]], limits: Limits, seconds_a_look: float = 0.0
) -> T:
    """What `use` does with a client that never waits between tries; its clock advances with every look, if wanted."""
    moments = itertools.count()
    clock: dict[str, Any] = {"clock": lambda: next(moments) * seconds_a_look} if seconds_a_look else {}
    async with server:
        client = ValidatorClient(server.url, limits, chance=lambda: 0.0, **clock)
        await client.open()
        try:
            return await use(client)
        finally:
            await client.close()
