"""Mistakes that people make in world files: each is told with file, line and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from streamguard.datagen.world.reading import read_world
from streamguard.errors import ProjectError
from tests.datagen.world.worlds import SMALL, written


@dataclass(frozen=True)
class Mistake:
    """`old` is written as `new`; the error is told of the line that has `where`, and says `told`, which has the fix."""

    name: str
    old: str
    new: str
    where: str
    told: str


MISTAKES = [
    # YAML
    Mistake("a tab", "  user:\n", "\tuser:\n", "\tuser", "indent with spaces"),
    Mistake("a bracket left open", "[food, travel]}", "[food, travel}", "[food, travel}", "check the brackets"),
    Mistake("a colon in a text", "about: A little", "about: A: little", "about: A: little", "into quotes"),
    Mistake("a key twice", "  card:\n    count", "  user:\n    count", "  user:\n    count: 100", "leave one out"),
    # shapes
    Mistake("a key misspelt", "about:", "abuot:", "abuot", "unknown key abuot (did you mean about?)"),
    Mistake("a key missing", "    topic: purchases\n", "", "  purchases:", "topic missing: add `topic: …`"),
    Mistake("a count in words", "count: 50", "count: fifty", "fifty", '"fifty" does not fit: write a whole number'),
    Mistake("a count of nothing", "count: 50", "count: 0", "count: 0", "write a number from 1"),
    Mistake("a share above one", "share: 0.7}", "share: 70}", "share: 70}", "write a part of one, from 0 to 1"),
    Mistake("a duration in words", "[1m, 1h]", "[1 min, 1h]", "1 min", "a duration like 500ms, 20s, 5m"),
    Mistake("no such fault", "duplicate:", "duplicates:", "duplicates", "did you mean duplicate?"),
    Mistake("no such time format", "iso_ms", "iso_millis", "iso_millis", "did you mean iso_ms?"),
    Mistake("a topic with a blank", "topic: purchases\n", "topic: my purchases\n", "my purchases", "write a topic"),
    Mistake("a rate below nothing", "per_day: 864000", "per_day: -1", "per_day: -1", "write a number above 0"),
    Mistake("six weekdays", "1, 2, 2]", "2, 2]", "week:", "write seven weights from Monday on"),
    # numbers that do not fit together
    Mistake("shares of 0.9", "{chip: 0.7,", "{chip: 0.6,", "chip: 0.6", "the shares sum to 0.9: add 0.1"),
    Mistake("a range backwards", "[1m, 1h]", "[1h, 1m]", "[1h, 1m]", "is backwards: write [1m, 1h]"),
    Mistake("a day that is none", "2005-12-31", "2005-02-31", "2005-02-31", "there is no day 2005-02-31"),
    Mistake("two shapes at once", "{gamma: {", "{uniform: [0, 1], gamma: {", "uniform: [0", "exclude each other"),
    Mistake("lists of unequal length", "sd: [2, 1]", "sd: [2]", "sd: [2]", "make them equal"),
    Mistake("too many favourites", "card, count: 4", "card, count: 40", "count: 40", "take fewer than there are"),
    # names
    Mistake("no such provider", "first_name", "frist_name", "frist_name", "did you mean first_name?"),
    Mistake("no such attribute in a template", "{first|", "{fist|", "{fist|", "no attribute fist (did you mean first"),
    Mistake("no such entity", "{entity: card,", "{entity: crad,", "crad", "no entity crad (did you mean card?)"),
    Mistake("no such trait", "weight: activity", "weight: activty", "activty", "did you mean activity?"),
    Mistake("no such column", "amount: amount\n", "amount: amuont\n", "amuont", "(did you mean amount?)"),
    Mistake("no such attribute in a record", "shop.id", "shop.name", "shop.name", "no attribute of shop, shop.name"),
    Mistake("a whole entity as key", "key: card.hash", "key: user", "key: user", "name an attribute of it, as user.id"),
    Mistake("a value of another choice", "travel: {l", "fun: {l", "fun: {l", "no value fun (there are food, travel)"),
    Mistake("an owner that comes later", "{entity: user}", "{entity: shop}", "{entity: shop}", "move shop above card"),
    Mistake("favourites by what changes", "user: {of: card.owner}", "user: {entity: user}", "same: {", "of: card."),
    Mistake("a column before its time", "of: card, count", "of: late, count", "of: late", "no column late"),
    # campaigns
    Mistake("no such kind", "kind: travel", "kind: travels", "travels", "did you mean travel?"),
    Mistake("a role left out", "testing, actor: card,", "testing,", "testing: {", "needs actor: add `actor: …`"),
    Mistake("a role that does not fit", "actor: card, amount: amount, m", "actor: channel, amount: amount, m",
            "actor: channel", "name one of card, user, shop"),
    Mistake("a target that follows", "actor: card, amount: amount, m", "actor: user, amount: amount, m",
            "actor: user", "user follows card: name card instead"),
    Mistake("a key of another kind", "per_day: 2}", "per_day: 2, share: 0.1}", "per_day: 2,", "share does not go with"),
    Mistake("a change that does not fit", "share: 0.02}", "share: 0.02, changes: {shop: {times: 2}}}", "{times: 2}",
            "write one of hold: …, anyone: …, away: …"),
    Mistake("bursts that take it all", "share: 0.02}", "share: 0.9}", "campaigns:", "let them take 50% at most"),
    # the rest
    Mistake("truth among the records", "topic: purchases-truth", "topic: purchases", "  topic: purchases\n  labels",
            "write another"),
    Mistake("faults of more than all", "duplicate: 0.001", "duplicate: 0.995", "faults:", "let them sum to 1 at most"),
    Mistake("a name that is not the file's", "world: small", "world: tiny", "world: tiny", "write small, or rename"),
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_told_with_file_line_and_fix(mistake: Mistake, tmp_path: Path) -> None:
    assert SMALL.count(mistake.old) >= 1
    text = SMALL.replace(mistake.old, mistake.new, 1)
    path = written(tmp_path, text)
    with pytest.raises(ProjectError) as caught:
        read_world(path)
    line = text[: text.index(mistake.where)].count("\n") + 1
    told = str(caught.value).splitlines()
    place = f"{path}, line {line}: "
    assert any(one.startswith(place) and mistake.told in one for one in told), "\n".join((place + mistake.told, *told))
    assert len(told) <= 2, told


PROVIDER = next(mistake for mistake in MISTAKES if mistake.name == "no such provider")
MEANING = MISTAKES[[mistake.name for mistake in MISTAKES].index("shares of 0.9") :]


@pytest.mark.parametrize("mistake", MEANING, ids=lambda mistake: mistake.name)
def test_a_mistake_is_told_beside_one_of_the_entities(mistake: Mistake, tmp_path: Path) -> None:
    text = SMALL.replace(mistake.old, mistake.new, 1).replace(PROVIDER.old, PROVIDER.new, 1)
    with pytest.raises(ProjectError) as caught:
        read_world(written(tmp_path, text))
    assert mistake.told in str(caught.value)
    assert PROVIDER.told in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("owner: {entity: user}", "owner: {entity: user, index: true}", "owner: entity and index exclude each other"),
        ("hash: {hex: 16}", "hash: {}", "hash: an attribute needs one of"),
        ("kind: {choice: [food, travel]}", "kind: {choice: [food, travel], hex: 8}", "kind: choice and hex exclude"),
        ("card: {entity: card, weight: activity}", "card: {entity: card, of: a.b}", "card: entity and of exclude"),
        ("user: {of: card.owner}", "user: {of: card.owner, entity: user}", "user: of and entity exclude"),
        ("entity: shop\n", "entity: shop\n        of: card.owner\n", "shop: entity and of exclude"),
    ],
    ids=["an owner", "a key", "a choice", "an actor", "a follower", "a merchant"],
)
def test_what_leads_to_a_mistake_is_none(old: str, new: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        read_world(written(tmp_path, SMALL.replace(old, new, 1)))
    (line,) = str(caught.value).splitlines()
    assert told in line


def test_an_empty_file_is_told_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"small\.yml is empty: begin it with `world: small`"):
        read_world(written(tmp_path, "# nothing yet\n"))


def test_all_mistakes_of_a_stage_are_told_at_once(tmp_path: Path) -> None:
    text = SMALL.replace("amount: amount\n", "amount: amuont\n", 1).replace("shop.id", "shop.name", 1)
    text = text.replace("kind: travel", "kind: travels", 1).replace("[1m, 1h]", "[1h, 1m]")
    with pytest.raises(ProjectError) as caught:
        read_world(written(tmp_path, text))
    told = str(caught.value).splitlines()
    assert [
        word for line, word in zip(told, ("amuont", "shop.name", "travels", "backwards"), strict=True) if word in line
    ]
    assert len(told) == 4
