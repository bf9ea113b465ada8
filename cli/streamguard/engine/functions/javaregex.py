"""Java's regular expressions as Python's: the few things that are written differently.

Word characters, digits and blanks are ASCII, as in Java. Intersections of character classes are not supported.
"""

from __future__ import annotations

import re
from functools import lru_cache

CLASSES = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r"\s",
    "L": r"^\W\d_",
    "N": r"\d",
    "Nd": r"\d",
    "IsAlphabetic": r"^\W\d_",
    "IsDigit": r"\d",
}
TOKEN = re.compile(
    r"\\Q(?P<quoted>.*?)(?:\\E|$)|\\(?P<negated>[pP])(?:\{(?P<property>\w+)\}|(?P<letter>\w))"
    r"|\\k<(?P<back>\w+)>|\(\?<(?P<group>[a-zA-Z]\w*)>|\\(?P<other>[hRzZG])|(?P<escape>\\.)|(?P<open>\[\^?\]?)|(?P<close>\])",
    re.DOTALL,
)
OTHERS = {"h": r"[ \t\xa0]", "R": r"(?:\r\n|[\n\r])", "z": r"\Z", "Z": r"(?=\n?\Z)"}


@lru_cache(maxsize=1024)
def compiled(text: str) -> re.Pattern[str]:
    """The compiled expression.

    Raises:
        ValueError: it is none.
    """
    depth = 0

    def translate(found: re.Match[str]) -> str:
        nonlocal depth
        if found["open"] is not None:
            depth += 1
            return found[0] if depth == 1 else _refuse()
        if found["close"] is not None:
            depth = max(0, depth - 1)
            return found[0]
        return _translated(found, inside=depth > 0)

    try:
        flags, rest = _leading_flags(TOKEN.sub(translate, text))
        return re.compile(rest, re.ASCII | flags)
    except (re.error, RecursionError, OverflowError):
        raise ValueError("a text is not a regular expression") from None


def _refuse() -> str:
    raise ValueError("classes of characters inside others are not supported in regular expressions")


def _translated(found: re.Match[str], *, inside: bool) -> str:
    if found["quoted"] is not None:
        return re.escape(found["quoted"])
    if found["back"]:
        return f"(?P={found['back']})"
    if found["group"]:
        return f"(?P<{found['group']}>"
    if found["other"]:
        return OTHERS.get(found["other"]) or _refuse()
    name = found["property"] or found["letter"]
    if name:
        characters = CLASSES.get(name.removeprefix("java"))
        if characters is None:
            raise ValueError("a class of characters in a regular expression does not exist")
        if inside:
            return _refuse() if found["negated"] == "P" or characters.startswith("^") else characters
        negated = (found["negated"] == "P") != characters.startswith("^")
        return f"[{'^' if negated else ''}{characters.removeprefix('^')}]"
    return found[0]


def _leading_flags(text: str) -> tuple[re.RegexFlag, str]:
    """``(?i)`` at the start as flags, because with them Python takes letters of all languages."""
    found = re.match(r"\(\?([imsx]+)\)", text)
    if not found:
        return re.RegexFlag(0), text
    flags = re.RegexFlag(0)
    for letter in found[1]:
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}[letter]
    return flags, text[found.end() :]


def replacement(text: str) -> str:
    """Java's replacement, with ``$1`` and ``\\\\$``, as Python's template."""
    return re.sub(
        r"\\(.)|\$(\d)|\$\{(\w+)\}|(\\)",
        lambda found: (
            re.sub(r"\\", r"\\\\", found[1])
            if found[1] is not None
            else f"\\g<{found[2] or found[3]}>"
            if found[2] or found[3]
            else ""
        ),
        text,
        flags=re.DOTALL,
    )
