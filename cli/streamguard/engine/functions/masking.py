"""Texts made unreadable: letters and digits replaced, all of them or those at one end."""

from __future__ import annotations

from collections.abc import Callable

from streamguard.engine.functions.registry import category

scalar = category("STRING")
Masks = tuple[str | None, str | None, str | None, str | None]
DEFAULT: Masks = ("X", "x", "n", "-")
FOUR = "STRING upper, STRING lower, STRING digit, STRING other"


def masked(value: str, masks: Masks) -> str:
    """Every character replaced by the mask of its kind; a kind without a mask stays."""
    upper, lower, digit, other = masks
    made = []
    for character in value:
        if character.isupper():
            mask = upper
        elif character.islower():
            mask = lower
        else:
            mask = digit if character.isdigit() else other
        made.append(character if mask is None else mask)
    return "".join(made)


def _declare(name: str, apply: Callable[[str, int, Masks], str], description: str) -> None:
    """Declare a function that masks a part of so many characters."""

    def with_defaults(value: str, number: int) -> str:
        return cut(value, number, DEFAULT)

    def with_masks(value: str | None, number: int | None, *masks: str | None) -> str | None:
        if value is None or number is None:
            return None
        upper, lower, digit, other = (None if mask is None else mask[:1] for mask in masks)
        return cut(value, number, (upper, lower, digit, other))

    def cut(value: str, number: int, masks: Masks) -> str:
        if number < 0:
            raise ValueError(f"function {name.lower()} requires a non-negative number of characters")
        return apply(value, number, masks)

    with_defaults.__doc__ = with_masks.__doc__ = description
    scalar(name, "(STRING input, INTEGER numChars) -> STRING")(with_defaults)
    scalar(name, f"(STRING input, INTEGER numChars, {FOUR}) -> STRING", nulls=True)(with_masks)


@scalar("MASK", "(STRING input) -> STRING", fails=False)
def mask(value: str) -> str:
    """A text with letters, digits and other characters replaced by masks: X, x, n and -."""
    return masked(value, DEFAULT)


@scalar("MASK", f"(STRING input, {FOUR}) -> STRING", nulls=True, fails=False)
def mask_with(value: str | None, *masks: str | None) -> str | None:
    """A text with letters, digits and other characters replaced by masks; those of a null mask stay."""
    upper, lower, digit, other = (None if mask is None else mask[:1] for mask in masks)
    return None if value is None else masked(value, (upper, lower, digit, other))


_declare("MASK_LEFT", lambda v, n, m: masked(v[:n], m) + v[n:], "A text with its first characters masked.")
_declare(
    "MASK_RIGHT",
    lambda v, n, m: v[: max(0, len(v) - n)] + masked(v[max(0, len(v) - n) :], m),
    "A text with its last characters masked.",
)
_declare("MASK_KEEP_LEFT", lambda v, n, m: v[:n] + masked(v[n:], m), "A text masked but for its first characters.")
_declare(
    "MASK_KEEP_RIGHT",
    lambda v, n, m: masked(v[: max(0, len(v) - n)], m) + v[max(0, len(v) - n) :],
    "A text masked but for its last characters.",
)
