from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.datagen.people import People, cached_people, make_people
from tests.person import PERSON_FIELDS


def test_a_person_has_the_thirteen_fields_and_all_are_filled(people: People) -> None:
    for index in range(len(people)):
        person = people.person(index)
        assert list(person) == list(PERSON_FIELDS)
        assert all(isinstance(value, str) and value.isprintable() and value for value in person.values())


@pytest.mark.parametrize("name", ["id", "email", "username", "bank_account"])
def test_nobody_shares_what_tells_people_apart(people: People, name: str) -> None:
    assert len({people.person(index)[name] for index in range(len(people))}) == len(people)


def test_domains_are_reserved_ones(people: People) -> None:
    for index in range(len(people)):
        person = people.person(index)
        assert person["email"].rpartition("@")[2] in {"example.com", "example.net", "example.org"}
        assert person["website"].endswith(".example")


def test_accounts_have_the_check_digits_of_an_iban(people: People) -> None:
    for account in people.accounts:
        assert int("".join(str(int(letter, 36)) for letter in account[4:] + account[:4])) % 97 == 1


def test_a_larger_pool_begins_with_the_smaller_one(people: People) -> None:
    assert make_people(20).details == people.details[:20]


def test_a_cached_pool_is_the_pool(people: People, tmp_path: Path) -> None:
    assert cached_people(300, tmp_path) == people
    assert cached_people(300, tmp_path) == people
    assert len(list(tmp_path.rglob("*"))) == 2, "the folder and one file, no draft"


def test_a_cached_pool_needs_no_faker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cached_people(10, tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "faker", None)
    assert cached_people(10, tmp_path) == before


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\n", b"half"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    before = cached_people(10, tmp_path)
    (path,) = tmp_path.rglob("*.jsonl")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage == b"half" else damage)
    assert cached_people(10, tmp_path) == before
    assert cached_people(10, tmp_path) == before


def test_a_cache_that_can_not_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "people").write_text("a file where the folder should be")
    assert len(cached_people(10, tmp_path)) == 10
