"""What sends messages through a channel, by its kind."""

from __future__ import annotations

from streamguard.services.notifier.channels import Channel, Lookup, resolved
from streamguard.services.notifier.sending import Send


def sender(channel: Channel, lookup: Lookup) -> Send:
    """What sends messages through a channel whose variables are set."""
    if channel.kind == "email":
        from streamguard.services.notifier.mail import Mail

        texts = {key: resolved(str(channel.options.get(key, "")), lookup) for key in ("username", "password")}
        return Mail(
            host=channel.options["host"],
            port=channel.options["port"],
            tls=channel.options["tls"],
            sender=channel.options["from"],
            recipients=tuple(channel.options["to"]),
            **texts,
        )
    from streamguard.services.notifier.http import Slack, Webhook

    url = resolved(channel.options["url"], lookup)
    if channel.kind == "slack":
        return Slack(url)
    return Webhook(url, {name: resolved(text, lookup) for name, text in channel.options.get("headers", {}).items()})
