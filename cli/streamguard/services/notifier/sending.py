"""Sending one message through a channel, once. What went wrong is told without addresses, texts or secrets."""

from __future__ import annotations

from typing import Protocol

from streamguard.services.notifier.messages import Message

CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 10.0
"""How long a server may take."""


class NotDelivered(Exception):
    """It may work later. `retry_after`: seconds that the server asks for."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class MessageRefused(Exception):
    """The server refuses this message; a smaller one, or another one, it may take."""


class Send(Protocol):
    """Raises NotDelivered or MessageRefused; returns when the server has taken the message."""

    def __call__(self, message: Message, /) -> None: ...
