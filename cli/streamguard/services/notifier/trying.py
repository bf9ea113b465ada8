"""Trying a channel: one made-up decision, once."""

from __future__ import annotations

import os
from dataclasses import replace

from streamguard.errors import ChannelError
from streamguard.services.notifier.channels import Channel, Lookup
from streamguard.services.notifier.messages import Message, message, sample_group
from streamguard.services.notifier.senders import sender
from streamguard.services.notifier.sending import MessageRefused, NotDelivered


def trial_message(channel: Channel, pipeline: str, severity: str) -> Message:
    """What is sent; every one has an id of its own, so that no receiver takes it for one that it has."""
    made = message(channel, pipeline, sample_group(channel.grouping.by, severity), test=True)
    message_id = os.urandom(16).hex()
    return replace(made, message_id=message_id, document={**made.document, "message_id": message_id})


def try_once(channel: Channel, lookup: Lookup, made: Message) -> None:
    """Send it.

    Raises:
        ChannelError: the channel has not taken it; what the server said, and what to look at.
    """
    try:
        sender(channel, lookup)(made)
    except (NotDelivered, MessageRefused) as exc:
        raise ChannelError(
            f"{channel.name} has not taken the message: {exc}; {_what_next(channel, str(exc))}"
        ) from None


def _what_next(channel: Channel, reason: str) -> str:
    """A server that is there, and says that it can not now, is no mistake of the file."""
    if reason.startswith(("HTTP 5", "HTTP 429")):
        return "try again later"
    holder = f"what {' and '.join(channel.variables)} holds" if channel.variables else "its options"
    return f"look at {holder}"
