"""The people of a world: made once by Faker, then only pointed at.

Faker takes some 60 microseconds a person, many times what a whole record may cost; so a pool is filled before
the first record and kept in the cache directory. Person i of a pool is the same whatever the pool's size.
Domains and telephone numbers are those reserved for examples (RFC 2606; 555-0100 to 555-0199): they reach nobody.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import orjson

RECIPE = 1
"""Goes up when the people change: a cached pool of another recipe is not used."""

_NAMESPACE = uuid.UUID("5b1c3f0e-6d0a-5a53-9d0e-0f6c1f1a7a10")
_MAIL_DOMAINS = ("example.com", "example.net", "example.org")
_BLOOD_GROUPS = ("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-")
_BORN_FROM, _BORN_UNTIL = date(1940, 1, 1).toordinal(), date(2007, 12, 31).toordinal()


@dataclass(frozen=True)
class People:
    """A pool: `details[i]` is person i as JSON, `accounts[i]` the person's account."""

    details: tuple[bytes, ...]
    accounts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.details)

    def person(self, index: int) -> dict[str, Any]:
        """Person `index` as a value."""
        details: dict[str, Any] = orjson.loads(self.details[index])
        return details


def make_people(size: int) -> People:
    """Fill a pool of `size` people."""
    return _pool([orjson.dumps(person) for _, person in zip(range(size), _people(), strict=False)])


def cached_people(size: int, cache_dir: Path) -> People:
    """The same pool, read from `cache_dir` if it is there, else made and left there for the next start.

    A cache that can not be read or written, or is damaged, costs the time of making the pool and nothing else.
    """
    path = cache_dir / "people" / f"{size}-recipe{RECIPE}-faker{version('faker')}.jsonl"
    found = _read(path)
    if found is not None and len(found) == size:
        return _pool(found)
    people = make_people(size)
    with contextlib.suppress(OSError):
        _write(path, people.details)
    return people


def _pool(details: list[bytes]) -> People:
    return People(tuple(details), tuple(orjson.loads(person)["bank_account"] for person in details))


def _people() -> Iterator[dict[str, str]]:
    """People without end, always the same ones in the same order."""
    from faker import Faker

    fake = Faker("en_US", use_weighting=False)  # weighting is 4 times slower, and nobody counts the Smiths
    fake.seed_instance(RECIPE)
    random = Random(RECIPE)  # noqa: S311 - this must repeat itself
    index = 0
    while True:
        first, last, company = fake.first_name(), fake.last_name(), fake.company()
        username = f"{_letters(first)}.{_letters(last)}{index}"
        yield {
            "id": str(uuid.uuid5(_NAMESPACE, f"{RECIPE}/{index}")),
            "name": f"{first} {last}",
            "address": fake.address().replace("\n", ", "),
            "email": f"{username}@{random.choice(_MAIL_DOMAINS)}",
            "birthdate": date.fromordinal(random.randint(_BORN_FROM, _BORN_UNTIL)).isoformat(),
            "phone_number": f"+1-{random.randrange(200, 990)}-555-01{random.randrange(100):02d}",
            "job": fake.job(),
            "company": company,
            "ssn": fake.ssn(),
            "blood_group": random.choice(_BLOOD_GROUPS),
            "website": f"https://www.{_slug(company)}.example",
            "username": username,
            "bank_account": _account(index, random),
        }
        index += 1


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _account(index: int, random: Random) -> str:
    """An account in the shape of a British IBAN, with right check digits; never twice, as it ends with the index."""
    bank = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=4))
    number = f"{random.randrange(10**6):06d}{index:08d}"
    digits = "".join(str(ord(letter) - 55) for letter in bank)  # A is 10, Z is 35; GB00 ends as 161100
    return f"GB{98 - int(f'{digits}{number}161100') % 97:02d}{bank}{number}"


def _read(path: Path) -> list[bytes] | None:
    """The lines of a pool, or None; the first line is the digest of the rest, so that half a file is no pool."""
    try:
        digest, _, rest = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return rest.splitlines() if digest == _digest(rest) else None


def _write(path: Path, details: tuple[bytes, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rest = b"\n".join(details)
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_bytes(_digest(rest) + b"\n" + rest)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).hexdigest().encode()
