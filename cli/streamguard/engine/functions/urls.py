"""URLs and their parts. A text that is no URL is an error, a part that it does not have null."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import SplitResult, quote_plus, unquote, unquote_plus, urlsplit

from streamguard.engine.functions.registry import category

scalar = category("URL")
ESCAPES = re.compile(r"%(?![0-9a-fA-F]{2})")
ILLEGAL = re.compile(r"[\s<>\"{}|\\^`]")


def split(text: str) -> SplitResult:
    """The parts of a URL. Raises ValueError."""
    if ILLEGAL.search(text) or ESCAPES.search(text):
        raise ValueError("a text is not a URL")
    try:
        return urlsplit(text)
    except ValueError:
        raise ValueError("a text is not a URL") from None


@scalar("URL_ENCODE_PARAM", "(STRING value) -> STRING")
def encode(value: str) -> str:
    """The text as a parameter of a URL."""
    return quote_plus(value, safe="*").replace("~", "%7E")


@scalar("URL_DECODE_PARAM", "(STRING value) -> STRING")
def decode(value: str) -> str:
    """The text of a parameter of a URL."""
    if ESCAPES.search(value):
        raise ValueError("a text is not URL-encoded")
    return unquote_plus(value, errors="replace")


def _part(name: str, part: Callable[[SplitResult], str | None], what: str) -> None:
    """Declare a function that extracts a part of a URL."""

    def extract(text: str) -> str | None:
        return part(split(text))

    extract.__doc__ = f"The {what} of a URL."
    scalar(name, "(STRING input) -> STRING")(extract)


def _host(url: SplitResult) -> str | None:
    """The host with the letters that it has."""
    found = re.match(r"(?:[^@]*@)?(\[[^\]]*\]|[^:]*)", url.netloc)
    return (found[1] or None) if found else None


_part("URL_EXTRACT_FRAGMENT", lambda url: unquote(url.fragment) or None, "fragment")
_part("URL_EXTRACT_HOST", _host, "host")
_part("URL_EXTRACT_PATH", lambda url: unquote(url.path), "path")
_part("URL_EXTRACT_PROTOCOL", lambda url: url.scheme or None, "protocol")
_part("URL_EXTRACT_QUERY", lambda url: unquote(url.query) or None, "query")


@scalar("URL_EXTRACT_PORT", "(STRING input) -> INTEGER")
def port(text: str) -> int | None:
    """The port of a URL."""
    return split(text).port


@scalar("URL_EXTRACT_PARAMETER", "(STRING input, STRING paramToFind) -> STRING")
def parameter(text: str, name: str) -> str | None:
    """The value of a parameter in the query of a URL."""
    for pair in split(text).query.split("&"):
        key, _, value = pair.partition("=")
        if unquote_plus(key) == name:
            return unquote_plus(value)
    return None
