"""How a template prints a value, so that the value stays a value.

What a template prints is disguised: each character that means something to JSON or to Kafka's `${provider:path:key}`
is moved to a private plane of Unicode, one for one. The JSON parser sees none of them, and afterwards they are moved
back. So no value ends a string, adds a key, or, since the position of every printed character is still known, makes a
reference to a secret: the `${`, the `:` and the `}` of a reference must be written in the template.

* `Printer.printed` is the environment's `finalize`; the text of macros and included files passes as it is.
* `reveal` moves characters back; `smuggled` says which reference a value would have made.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import StrictUndefined
from markupsafe import Markup

from streamguard.errors import TemplateError

PLANE = 0xF0000
DISGUISED = frozenset('"\\/${}[]:,') | {chr(code) for code in range(32)} | {"\x7f"}
PRIVATE = re.compile(f"[{chr(PLANE)}-{chr(PLANE + 0xFF)}]")
REFERENCE = re.compile(r"\$\{([^}:]*):(?:([^}]*):)?([^}]*)\}", re.DOTALL)
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_DISGUISE = {ord(character): chr(PLANE + ord(character)) for character in DISGUISED}
_REVEAL = {PLANE + ord(character): character for character in DISGUISED}


def printed(value: Any) -> Any:
    """What a template prints for `value`; jinja calls it for every `{{ }}`."""
    if isinstance(value, Markup | StrictUndefined):
        return value  # a macro's or a reference's text; or undefined, which fails when jinja turns it to text
    if isinstance(value, bool):
        return Markup("true" if value else "false")  # noqa: S704 - nothing of it comes from outside
    if isinstance(value, str | int | float):
        return Markup(disguise(str(value)))  # noqa: S704 - disguised
    kind = {"NoneType": "nothing (null)", "list": "a list: join it with | join(',')"}.get(type(value).__name__)
    raise TemplateError(f"a template prints text and numbers, and this value is {kind or type(value).__name__}")


def disguise(text: str) -> str:
    """`text` without a character that means something to JSON or to Kafka."""
    if PRIVATE.search(text):
        raise TemplateError("a value contains characters of the private plane U+F0000, which streamguard uses itself")
    return text.translate(_DISGUISE)


def reveal(text: str) -> str:
    """The text as it is meant, disguised characters moved back."""
    return text.translate(_REVEAL)


def smuggled(text: str) -> str | None:
    """The first reference in a still disguised text that a printed value has made or changed."""
    for match in REFERENCE.finditer(reveal(text)):
        start, end = match.span()
        if PRIVATE.search(text[start:end]):
            return match.group()
    return None


def env(name: Any) -> Markup:
    """`${env:NAME}`: the worker puts in its environment variable of that name."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise TemplateError(f"env() takes the name of an environment variable, and {name!r} is none")
    return Markup(f"${{env:{name}}}")  # noqa: S704 - a checked name
