"""What the attributes of entities say: made once by Faker and from draws, then only pointed at.

Faker takes some ten microseconds a text, several times what a whole record may cost; so texts are made before the first
record and kept in the cache directory. They depend on the declaration of the entity alone, not on a seed, and those of
entity i not on how many entities there are. An attribute that is added leaves the others as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from string import Formatter

import numpy as np
import orjson

from streamguard.datagen.columns.draws import Draws32, Scatter, Whole, below, key_of
from streamguard.datagen.world.population import (
    ChoiceText,
    DateText,
    Entity,
    FakerText,
    HexText,
    IbanText,
    IndexText,
    NumberText,
    PatternText,
    ReferenceText,
    TemplateText,
    UuidText,
)

RECIPE = 2
"""Goes up when the texts change: a cached pool of another recipe is not used."""

Encoded = Mapping[str, Sequence[bytes]]
"""How each entity is shown in JSON: attributes by name, and by the name `WHOLE` the entity."""

WHOLE = ""
Values = list[str | int]

_NAMESPACE = uuid.UUID("5b1c3f0e-6d0a-5a53-9d0e-0f6c1f1a7a10")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOT_TEXT = (ChoiceText, NumberText, ReferenceText)
_FILTERS: Mapping[str, Callable[[str], str]] = {
    "slug": lambda text: re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-"),
    "letters": lambda text: "".join(filter(str.isalnum, text.lower())),
}


def cached_texts(entity: Entity, others: Encoded, cache_dir: Path | None) -> Encoded:
    """The texts of an entity, read from `cache_dir` if they are there, else made and left there for the next start.

    `others` has its attributes that are no texts (choices and numbers), which templates may use. A cache that can not
    be read or written, or is damaged, costs the time of making the texts and nothing else.
    """
    if cache_dir is None:
        return make_texts(entity, others)
    name = f"{entity.name}-{entity.digest[:16]}-{entity.count}-recipe{RECIPE}-faker{version('faker')}.jsonl"
    path = cache_dir / "entities" / name
    texts = _read(path, entity.count)
    if texts is None:
        texts = make_texts(entity, others)
        with contextlib.suppress(OSError):
            _write(path, texts)
    return texts


def make_texts(entity: Entity, others: Encoded) -> Encoded:
    """All attributes of an entity that are texts, and the entity as a whole."""
    made: dict[str, Values] = {}

    def of(name: str) -> Values:
        if name in others:
            return [text_of(json) for json in others[name]]
        if name not in made:
            kind = entity.attribute(name).kind
            made[name] = (
                _filled(kind, entity.count, of)
                if isinstance(kind, TemplateText)
                else texts_of(kind, entity.count, (entity.name, name))
            )
        return made[name]

    for attribute in entity.attributes:
        if not isinstance(attribute.kind, _NOT_TEXT):
            of(attribute.name)
    encoded = {name: [orjson.dumps(value) for value in values] for name, values in made.items()}
    return {**encoded, WHOLE: _whole(entity, {**others, **encoded})}


def text_of(json: bytes) -> str:
    """A JSON value as text: strings without quotes and escapes, all else as it stands."""
    return str(orjson.loads(json)) if json.startswith(b'"') else json.decode()


def _whole(entity: Entity, encoded: Encoded) -> list[bytes]:
    names = [b"%b%b:" % (b"," if place else b"{", orjson.dumps(one.name)) for place, one in enumerate(entity.shown)]
    parts = [part for name, one in zip(names, entity.shown, strict=True) for part in ([name], encoded[one.name])]
    columns = [list(part) * entity.count if len(part) == 1 else part for part in parts]
    return [b"".join((*pieces, b"}")) for pieces in zip(*columns, strict=True)] if parts else [b"{}"] * entity.count


def texts_of(kind: object, count: int, name: tuple[str, str]) -> Values:
    """The texts of `count` entities; `name` is that of the entity and of the attribute."""
    match kind:
        case UuidText():
            return [str(uuid.uuid5(_NAMESPACE, f"{RECIPE}/{name[0]}/{name[1]}/{index}")) for index in range(count)]
        case IndexText():
            return list(range(count))
        case FakerText():
            return _faked(kind, count, name)
        case PatternText():
            parts = [_letters(letter, count, (*name, place)) for place, letter in enumerate(kind.pattern)]
            return ["".join(letters) for letters in zip(*parts, strict=True)]
        case HexText():
            return _hexes(kind, count, name)
        case IbanText():
            return _accounts(count, name)
        case DateText():
            first, days = kind.first.toordinal(), (kind.last - kind.first).days + 1
            return [date.fromordinal(first + day).isoformat() for day in below(_draws(count, name), days).tolist()]
        case _:
            raise TypeError(f"{kind!r} is no text")


def _faked(kind: FakerText, count: int, name: tuple[str, str]) -> Values:
    from faker import Faker

    fake = Faker(kind.locale, use_weighting=False)  # weighting is 4 times slower, and nobody counts the Smiths
    fake.seed_instance(int.from_bytes(key_of(RECIPE, *name), "little"))
    provider = getattr(fake, kind.provider)
    return [str(provider()).replace("\n", ", ") for _ in range(count)]


def _hexes(kind: HexText, count: int, name: tuple[str, str]) -> Values:
    """Multiplying by an odd number and folding take no two numbers to the same one: no text comes twice."""
    bits = 4 * kind.digits
    odd = int.from_bytes(hashlib.shake_256(key_of(RECIPE, *name)).digest(kind.digits), "little") | 1
    mask, fold = (1 << bits) - 1, (bits + 1) // 2
    texts: Values = []
    for index in range(1, count + 1):
        number = index
        for _ in range(4):
            number = number * odd & mask
            number ^= number >> fold
        texts.append(f"{number:0{kind.digits}x}")
    return texts


def _accounts(count: int, name: tuple[str, str]) -> Values:
    """In the shape of a British IBAN; never twice, as it ends with the number of the entity."""
    banks = [_letters("?", count, (*name, place)) for place in range(4)]
    sorts = below(_draws(count, (*name, "sort")), 10**6).tolist()
    return [_account("".join(bank), sort, index) for index, (*bank, sort) in enumerate(zip(*banks, sorts, strict=True))]


def _account(bank: str, sort: int, index: int) -> str:
    number = f"{sort:06d}{index:08d}"
    digits = "".join(str(ord(letter) - 55) for letter in bank)  # A is 10, Z is 35; GB00 ends as 161100
    return f"GB{98 - int(f'{digits}{number}161100') % 97:02d}{bank}{number}"


def _letters(letter: str, count: int, name: tuple[object, ...]) -> list[str]:
    """One place of a pattern, for every entity."""
    if letter == "?":
        return [_LETTERS[draw] for draw in below(_draws(count, name), 26).tolist()]
    if letter in "#%":  # any digit, and one that is not 0
        least = int(letter == "%")
        return [str(least + draw) for draw in below(_draws(count, name), 10 - least).tolist()]
    return [letter] * count


def _draws(count: int, name: tuple[object, ...]) -> Draws32:
    return entity_draws(np.arange(count, dtype=np.int64), *name)


def entity_draws(indexes: Whole, *name: object) -> Draws32:
    """Draws for attributes of entities: they know no seed."""
    return Scatter(RECIPE, "attributes", *name).of(indexes)


def _filled(kind: TemplateText, count: int, of: Callable[[str], Values]) -> Values:
    """A template with the texts of other attributes in it."""
    parts: list[Values] = []
    for literal, field, form, _ in Formatter().parse(kind.template):
        if literal:
            parts.append([literal] * count)
        if field is not None:
            name, _, wanted = field.partition("|")
            texts = list(range(count)) if name == "index" else of(name)
            apply = _FILTERS.get(wanted, str)
            parts.append([apply(format(text, form or "")) for text in texts])
    return ["".join(map(str, pieces)) for pieces in zip(*parts, strict=True)] if parts else [""] * count


def _read(path: Path, count: int) -> Encoded | None:
    """What is cached, or None. The first line is the digest of the rest, so that half a file is no pool; then come the
    names, and for each of them a line an entity (JSON has no line breaks of its own)."""
    try:
        digest, _, rest = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if digest != _digest(rest):
        return None
    lines = rest.split(b"\n")
    names: list[str] = orjson.loads(lines[0])
    return {name: lines[1 + place * count : 1 + (place + 1) * count] for place, name in enumerate(names)}


def _write(path: Path, texts: Encoded) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = b"\n".join([orjson.dumps(list(texts)), *(line for lines in texts.values() for line in lines)])
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_bytes(_digest(rest) + b"\n" + rest)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).hexdigest().encode()
