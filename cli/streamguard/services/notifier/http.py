"""Slack's incoming webhooks, and anybody else's: one POST of JSON a message.

Redirects are not followed, since they would carry the message elsewhere; proxies of the environment are used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import requests

from streamguard.services.notifier.messages import Message
from streamguard.services.notifier.sending import ANSWER_SECONDS, CONNECT_SECONDS, MessageRefused, NotDelivered
from streamguard.services.validation.backoff import retry_after

SLACK_LONGEST = 39_000
"""Characters; Slack cuts texts off at 40,000."""
ABOUT_THE_MESSAGE = (400, 413, 422)
_SLACK_WORD = re.compile(rb"[a-z]+(_[a-z]+){1,5}")
"""What Slack says about an error, as in ``no_service``."""


class Webhook:
    """Posts the message as JSON; `Idempotency-Key` tells the receiver a message that it has already."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = dict(headers)

    def __call__(self, message: Message) -> None:
        post(self._url, message.document, {**self._headers, "Idempotency-Key": message.message_id})


class Slack:
    """Posts the text to an incoming webhook."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, message: Message) -> None:
        text = message.text
        if len(text) > SLACK_LONGEST:
            if message.document["count"] > 1:
                raise MessageRefused("the text is longer than Slack takes")
            text = text[:SLACK_LONGEST] + " …"
        post(self._url, {"text": text, "unfurl_links": False}, {})


class _NoNetrc(requests.auth.AuthBase):
    """Nobody's ~/.netrc adds a password to a message."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def post(url: str, document: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    """One POST; its answer is told by its status only, since a body may repeat what was sent."""
    try:
        with requests.post(
            url,
            data=orjson.dumps(document),
            headers={"Content-Type": "application/json", "User-Agent": "streamguard", **headers},
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            allow_redirects=False,
            stream=True,
            auth=_NoNetrc(),
        ) as answer:
            _judge(answer)
    except requests.Timeout:
        raise NotDelivered("no answer in time") from None
    except (requests.RequestException, UnicodeError, OSError) as exc:  # whose texts have the address
        raise NotDelivered(f"no connection ({type(exc).__name__})") from None


def _judge(answer: requests.Response) -> None:
    status = answer.status_code
    if 200 <= status < 300:
        return
    reason = f"HTTP {status}{_word(answer)}"
    if status in ABOUT_THE_MESSAGE:
        raise MessageRefused(reason)
    raise NotDelivered(reason, retry_after(answer.headers.get("Retry-After"), datetime.now(UTC)))


def _word(answer: requests.Response) -> str:
    start = next(answer.iter_content(100), b"").strip()
    return f" {start.decode()}" if _SLACK_WORD.fullmatch(start) else ""
