"""World files are read into the values that they mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.explaining.explain import explain
from streamguard.datagen.world.campaigns import Away, Burst, Condition, SetEntity, SetNumber, Times
from streamguard.datagen.world.document import NoYaml, parse
from streamguard.datagen.world.population import ChoiceText
from streamguard.datagen.world.reading import find_world, read_world, world_of, worlds
from streamguard.datagen.world.resolving.kinds import KINDS
from streamguard.datagen.world.resolving.population import _KNOWN, _providers
from streamguard.datagen.world.shapes import Constant, LogNormal, Uniform
from streamguard.datagen.world.streams import EntityColumn, Favourites, Follow, NumberColumn, Same
from streamguard.datagen.world.validating import schema
from streamguard.errors import ProjectError, UnknownName
from streamguard.project import Project
from tests.datagen.world.worlds import SMALL, world, written

PROJECT = Project(Path(__file__).parents[3])


@pytest.mark.parametrize("name", ["bank", "card", "handbook", "transfers", "ulb-cards"])
def test_the_shipped_worlds_are_read(name: str) -> None:
    found = read_world(find_world(PROJECT, name))
    assert found.name == name
    assert found.about
    assert world_of(json.loads(json.dumps(found.document))) == found


def test_the_shipped_worlds_are_listed() -> None:
    assert worlds(PROJECT) == ["bank", "card", "handbook", "transfers", "ulb-cards"]


def test_all_ten_kinds_of_fraud_are_in_the_shipped_worlds_and_each_has_something_that_looks_like_it() -> None:
    found = [campaign for name in worlds(PROJECT) for campaign in read_world(find_world(PROJECT, name)).campaigns]
    kinds = {name for name, kind in KINDS.items() if kind.fraud}
    assert kinds == {campaign.kind for campaign in found if campaign.kind in kinds}
    for name in ("bank", "card"):
        campaigns = read_world(find_world(PROJECT, name)).campaigns
        assert sum(one.share for one in campaigns if isinstance(one, Burst) and not one.fraud) > sum(
            one.share for one in campaigns if isinstance(one, Burst) and one.fraud
        )


def test_columns_lead_to_entities_and_their_traits(tmp_path: Path) -> None:
    stream = world(tmp_path).stream("purchases")
    assert stream.column("user") == EntityColumn("user", "user", Follow("card", "owner"))
    shop = stream.column("shop")
    assert isinstance(shop, EntityColumn)
    assert isinstance(shop.pick, Favourites)
    assert (shop.pick.of, shop.pick.otherwise.within) == ("card", Same("country", "user.country"))
    amount = stream.column("amount")
    assert isinstance(amount, NumberColumn)
    assert amount.distributions == (LogNormal(20, 0.7), LogNormal(200, 0.9))
    assert (amount.by, amount.times, amount.decimals) == ("shop.kind", ("user.spend",), 2)


def test_kinds_become_phases_and_changes(tmp_path: Path) -> None:
    testing, abroad, leak, holidays, presents = world(tmp_path).campaigns
    assert isinstance(testing, Burst)
    small, large = testing.phases
    assert small.changes[0] == SetNumber("amount", Uniform(0.5, 2.0))
    assert isinstance(small.changes[1], SetEntity)
    assert small.changes[1].once
    assert isinstance(large.changes[0], Times)
    assert isinstance(abroad, Burst)
    assert [phase.records.high for phase in abroad.phases] == [1, 3]
    assert abroad.phases[1].changes[0] == SetEntity("shop", Away("country", "user.country"), once=True)
    assert isinstance(leak, Condition)
    assert (leak.days, leak.changes) == (14, (Times("amount", Constant(5.0)),))
    assert [one.fraud for one in (testing, abroad, leak, holidays, presents)] == [True, True, True, False, False]
    assert isinstance(presents, Condition)
    assert presents.steady


def test_times_between_records_are_read_with_their_units(tmp_path: Path) -> None:
    found = world(
        tmp_path, SMALL.replace("merchant: shop, share: 0.01", "merchant: shop, share: 0.01, every: [500ms, 2h]", 1)
    )
    campaign = found.campaigns[0]
    assert isinstance(campaign, Burst)
    assert campaign.phases[0].every == Uniform(0.5, 7200.0)


def test_the_country_norway_is_no_falsehood(tmp_path: Path) -> None:
    kind = world(tmp_path).entity("user").attribute("country").kind
    assert isinstance(kind, ChoiceText)
    assert kind.choices.values == ("US", "GB", "NO")


@pytest.mark.parametrize("locale", _KNOWN)
def test_the_usual_providers_are_those_of_faker(locale: str) -> None:
    assert (_providers(locale) or frozenset()) >= _KNOWN[locale]


def test_templates_are_made_after_what_they_use(tmp_path: Path) -> None:
    text = SMALL.replace("      first: {faker: first_name, hidden: true}\n", "")
    text = text.replace(
        "      country: {choice: {US: 0.5", "      first: {faker: first_name}\n      country: {choice: {US: 0.5", 1
    )
    user = world(tmp_path, text).entity("user")
    assert [one.name for one in user.in_order] == ["id", "first", "email", "country", "born"]
    assert [one.name for one in user.shown] == ["id", "email", "first", "country", "born"]


def test_options_replace_parts_before_the_file_is_checked(tmp_path: Path) -> None:
    path = written(tmp_path)
    found = read_world(path, {"entities.user.count": 7, "streams.purchases.rate": 5})
    assert (found.entity("user").count, found.stream("purchases").rate.mean) == (7, 5.0)
    assert world_of(found.document) == found
    with pytest.raises(ProjectError, match=r"as changed by an option: entities\.user\.count: 0 is out of range"):
        read_world(path, {"entities.user.count": 0})
    with pytest.raises(ProjectError, match=r"unknown key cuont \(did you mean count\?\)"):
        read_world(path, {"entities.user.cuont": 1})


def test_the_digest_is_that_of_the_meaning(tmp_path: Path) -> None:
    plain = world(tmp_path)
    assert world(tmp_path, SMALL.replace("  user:", "  user: # people", 1)).digest == plain.digest
    assert world(tmp_path, SMALL.replace("[1m, 1h]", "[60s, 60m]")).digest == plain.digest
    assert world(tmp_path, SMALL.replace("share: 0.02", "share: 0.03")).digest != plain.digest


def test_the_plan_is_the_same_every_time_and_tells_what_to_expect(tmp_path: Path) -> None:
    told = explain(world(tmp_path))
    assert told == explain(world(tmp_path))
    for part in (
        "entity card: 100",
        "food: lognormal(median 20, sigma 0.7): mean 25.55, median 20, 90 % from 6.324 to 63.25",
        "testing: card testing, fraud, 10,000 records in 769.2 instances of 13",
        "70 % one of 4 favourites of the card",
        "late: 1 % of records, 1m to 1h late",
        "labels -> topic purchases-labels, after lognormal(median 6d, sigma 0.5); 3 % wrong, 15 % never reported",
        "clock: from 2026-01-01 00:00:00 UTC, 3 days at once",
        "stops: after 1,000 records",
    ):
        assert part in told


def test_a_world_that_is_not_there_is_told_with_the_ones_that_are() -> None:
    with pytest.raises(UnknownName, match=r"no world crad in .* \(did you mean card\?\)"):
        find_world(PROJECT, "crad")
    with pytest.raises(UnknownName, match=r"there is no file \./nowhere\.yml"):
        find_world(PROJECT, "./nowhere.yml")


def test_every_part_of_the_schema_is_described_for_editors() -> None:
    definitions = schema()["$defs"]
    properties = [
        (name, key, value)
        for name, definition in {"": schema(), **definitions}.items()
        for key, value in definition.get("properties", {}).items()
    ]
    assert len(properties) > 150
    undescribed = [(name, key) for name, key, value in properties if "description" not in value and "$ref" not in value]
    assert not undescribed


@given(st.text(max_size=200))
def test_any_text_is_a_document_or_no_yaml_with_a_line(text: str) -> None:
    try:
        parse(text)
    except NoYaml as exc:
        assert exc.line >= 1
        assert exc.reason


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=12,
    )
)
def test_json_is_yaml_and_means_the_same(value: object) -> None:
    text = json.dumps(value, ensure_ascii=True)
    assert parse(text).value == value
