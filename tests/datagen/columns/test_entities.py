from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import orjson
import pytest

from streamguard.datagen.columns import texts
from streamguard.datagen.columns.entities import TRAIT_BITS, Pool
from streamguard.datagen.world.population import (
    Attribute,
    ChoiceText,
    DateText,
    Entity,
    FakerText,
    HexText,
    IbanText,
    IndexText,
    NumberText,
    PatternText,
    Place,
    ReferenceText,
    TemplateText,
    Trait,
    UuidText,
)
from streamguard.datagen.world.shapes import Choices, Gamma, Uniform, Zipf

PERSON = Entity(
    "person",
    300,
    (
        Attribute("id", UuidText()),
        Attribute("number", IndexText()),
        Attribute("name", FakerText("name")),
        Attribute("username", TemplateText("{name|letters}{index:03d}")),
        Attribute("site", TemplateText("https://{name|slug}.example"), hidden=True),
        Attribute("telephone", PatternText("+1-%##-555-01##?")),
        Attribute("hash", HexText(5)),
        Attribute("account", IbanText("GB")),
        Attribute("born", DateText(date(1999, 12, 30), date(2000, 1, 2))),
        Attribute("club", ChoiceText(Choices(('Rot-Weiß "Essen"', "none"), (0.25, 0.75)))),
        Attribute("score", NumberText(Uniform(-1, 1), 2)),
        Attribute("bank", ReferenceText("bank")),
    ),
    (
        Trait("activity", (Gamma(2, 1),)),
        Trait("fame", (Zipf(1.0),)),
        Trait("home", (Place(10),)),
        Trait("wealth", (Uniform(0, 1), Uniform(5, 6)), by="club"),
    ),
    digest="0123456789abcdef0123",
)


def pool(entity: Entity = PERSON, seed: int = 0, cache_dir: Path | None = None) -> Pool:
    return Pool(entity, seed, {"person": entity.count, "bank": 10}, cache_dir)


def test_texts_have_the_shape_that_is_declared() -> None:
    made = pool()
    shapes = {
        "id": r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "number": r"\d+",
        "username": r"[a-z]+\d{3}",
        "site": r"https://[a-z-]+\.example",
        "telephone": r"\+1-[1-9]\d\d-555-01\d\d[A-Z]",
        "hash": r"[0-9a-f]{5}",
        "account": r"GB\d\d[A-Z]{4}\d{14}",
        "born": r"(1999-12-3[01]|2000-01-0[12])",
        "score": r"-?[01]\.\d\d",
    }
    for name, shape in shapes.items():
        pieces = made.pieces(name)
        assert all(re.fullmatch(shape, text) for text in pieces.text), name
        read = [orjson.loads(json) for json in pieces.json]
        shown = pieces.text if name != "score" else [f"{float(text):g}" for text in pieces.text]
        assert [f"{each:g}" if isinstance(each, float) else str(each) for each in read] == list(shown)


@pytest.mark.parametrize("name", ["id", "hash", "account"])
def test_what_names_an_entity_comes_once(name: str) -> None:
    everybody = pool(replace(PERSON, count=5_000))
    assert len(set(everybody.pieces(name).text)) == 5_000


def test_an_account_has_right_check_digits() -> None:
    for account in pool().pieces("account").text:
        moved = account[4:] + account[:4]
        assert int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


def test_an_entity_as_a_whole_shows_what_is_not_hidden_in_order() -> None:
    made = pool()
    for index, json in enumerate(made.objects().json[:50]):
        person = orjson.loads(json)
        assert list(person) == [each.name for each in PERSON.shown]
        assert "site" not in person
        assert "bank" not in person
        assert person["number"] == index
        assert person["name"] == made.pieces("name").text[index]


def test_an_entity_is_the_same_whatever_the_seed_and_the_size_of_the_pool() -> None:
    small, large = pool(), pool(replace(PERSON, count=700), seed=9)
    assert small.objects().json == large.objects().json[:300]


def test_an_attribute_that_is_added_leaves_the_others_as_they_were() -> None:
    less = pool(replace(PERSON, attributes=PERSON.attributes[2:]))
    assert less.pieces("username").text == pool().pieces("username").text
    assert less.pieces("account").text == pool().pieces("account").text


def test_traits_follow_their_distribution_and_the_seed() -> None:
    made = pool(replace(PERSON, count=20_000))
    activity = made.trait("activity") / (1 << TRAIT_BITS)
    assert activity.mean() == pytest.approx(1, abs=3 * np.sqrt(0.5 / 20_000))
    wealth = made.trait("wealth") / (1 << TRAIT_BITS)
    assert ((wealth > 2) == (made.codes("club") == 1)).all()
    assert (made.weights("fame")[:3] * 6).tolist() == pytest.approx([6, 3, 2])
    x, y = made.places("home")
    assert abs(np.corrcoef(x, y)[0, 1]) < 0.03
    assert x.max() < 10 << TRAIT_BITS
    assert pool(seed=1).trait("activity").tolist() != pool(seed=2).trait("activity").tolist()


def test_entities_are_dealt_out_evenly_to_their_owners() -> None:
    counts = np.bincount(pool().codes("bank"), minlength=10)
    assert counts.tolist() == [30] * 10


def test_texts_are_made_once_and_read_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pool(cache_dir=tmp_path).objects().json
    monkeypatch.setattr(texts, "make_texts", lambda *_: pytest.fail("made again"))
    assert pool(cache_dir=tmp_path).objects().json == first


@pytest.mark.parametrize("damage", [b"", b"half", b"0\n{}"])
def test_a_damaged_cache_is_made_again(tmp_path: Path, damage: bytes) -> None:
    first = pool(cache_dir=tmp_path).objects().json
    (path,) = (tmp_path / "entities").iterdir()
    path.write_bytes(damage)
    assert pool(cache_dir=tmp_path).objects().json == first
    assert path.read_bytes() != damage


def test_a_cache_that_can_not_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "entities").write_text("in the way")
    assert len(pool(cache_dir=tmp_path).objects().json) == 300
