"""How a template prints a value, so that the value stays a value.

What a template says is told from what a value says character by character: each character *written in a template* that
means something to JSON or to Kafka's `${provider:path:key}` is moved to a private plane of Unicode when the template is
compiled. Only the compiler can do that, so whatever becomes of a value on its way (filters, macros, `~`, blocks), a
meaningful character that is still an ordinary one was a value's. `settle` then makes the template's characters ordinary
again and disguises the values'. So no value ends a string, adds a key, or makes a reference to a secret: the `${`, the
`:` and the `}` of a reference must be written in the template.

* `written` moves a template's characters; the compiler calls it (`connect/marks.py`).
* `printed` is the environment's `finalize`: text, numbers and booleans only.
* `settle` makes text that a JSON parser can read; `reveal` turns what it read into what is meant.
* `smuggled` says which reference a value would have made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined

from streamguard.connect.secrecy.sensitive import REFERENCE
from streamguard.errors import TemplateError

MEANINGFUL = '"\\/${}[]:,'
TEMPLATE_PLANE = 0xF0000
VALUE_PLANE = 0xF0100
PRIVATE = re.compile("[\U000f0000-\U0010ffff]")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PATH = re.compile(r"/[A-Za-z0-9._/@+=-]+")
KEY = re.compile(r"[A-Za-z0-9._-]+")
UNFINISHED_ESCAPE = re.compile(r"(?<!\\)(\\\\)*\\(u[0-9A-Fa-f]{0,3})?\Z")

_WRITTEN = {ord(character): chr(TEMPLATE_PLANE + ord(character)) for character in MEANINGFUL}
_SETTLED = tuple((character, chr(VALUE_PLANE + ord(character))) for character in MEANINGFUL) + tuple(
    (chr(TEMPLATE_PLANE + ord(character)), character) for character in MEANINGFUL
)
_REVEAL = {VALUE_PLANE + ord(character): character for character in MEANINGFUL}


def written(text: str) -> str:
    """A template's own text, as no value can be."""
    return text.translate(_WRITTEN)


def printed(value: Any) -> Any:
    """What a template prints for `value`; jinja calls it for every `{{ }}`."""
    if isinstance(value, str | StrictUndefined):
        return value  # undefined fails when jinja turns it to text
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    kind = {"NoneType": "nothing (null)", "list": "a list: join it with | join(',')"}.get(type(value).__name__)
    raise TemplateError(f"a template prints text and numbers, and this value is {kind or type(value).__name__}")


def settle(text: str) -> str:
    """Rendered text as JSON: the template's characters mean something, those of values do not."""
    for before, after in _SETTLED:  # several times as fast as translate
        text = text.replace(before, after)
    return text


def reveal(text: str) -> str:
    """The text as it is meant, disguised characters moved back."""
    return text if text.isascii() else text.translate(_REVEAL)


def smuggled(text: str) -> str | None:
    """The first reference in a still disguised text that a printed value has made or changed."""
    if text.isascii():
        return None
    for match in REFERENCE.finditer(reveal(text)):
        start, end = match.span()
        if PRIVATE.search(text[start:end]):
            return match.group()
    return None


def env(name: Any) -> str:
    """`${env:NAME}`: the worker puts in its environment variable of that name."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise TemplateError(f"env() takes the name of an environment variable, and {name!r} is none")
    return written("${env:") + name + written("}")


def file(path: Any, key: Any) -> str:
    """`${file:PATH:KEY}`: the worker puts in what its properties file at PATH says of KEY."""
    if not isinstance(path, str) or not PATH.fullmatch(path) or not isinstance(key, str) or not KEY.fullmatch(key):
        raise TemplateError(f"file() takes the path of a properties file and a key of it, and not {path!r}, {key!r}")
    return written(f"${{file:{path}:{key}}}")


def refuse_private(values: Mapping[str, Any]) -> None:
    """`TemplateError` if a value has a character of the planes that this module uses."""
    pending: list[tuple[str, Any]] = list(values.items())
    while pending:
        name, value = pending.pop()
        if isinstance(value, str) and PRIVATE.search(value):
            raise TemplateError(f"the value {name} contains characters of the private planes, which streamguard uses")
        if isinstance(value, Mapping):
            pending += [(name, part) for pair in value.items() for part in pair]
        elif isinstance(value, list | tuple | set):
            pending += [(name, part) for part in value]
