from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.columns.entities import TRAIT_BITS, Pool
from streamguard.datagen.columns.stream import Columns, compile_stream
from streamguard.datagen.world.model import World
from streamguard.datagen.world.reading import world_of
from tests.datagen.joining import joined

COUNTRIES = ["GB", "FR", "PL"]


def world(shop: dict[str, Any], **campaigns: Any) -> World:
    """Cards of users buy in shops; `shop` says how a shop is picked."""
    return world_of(
        {
            "world": "shops",
            "entities": {
                "user": {
                    "count": 200,
                    "attributes": {"id": {"index": True}, "country": {"choice": COUNTRIES}},
                },
                "card": {
                    "count": 400,
                    "attributes": {"id": {"index": True}, "owner": {"entity": "user"}},
                    "traits": {"place": {"place": 100}, "activity": {"gamma": {"shape": 2, "mean": 1}}},
                },
                "shop": {
                    "count": 600,
                    "attributes": {"id": {"index": True}, "country": {"choice": {"PL": 0.2, "GB": 0.5, "FR": 0.3}}},
                    "traits": {"place": {"place": 100}, "popularity": {"zipf": 1.0}},
                },
            },
            "streams": {
                "purchases": {
                    "topic": "purchases",
                    "key": "card.id",
                    "rate": 10,
                    "columns": {
                        "card": {"entity": "card", "weight": "activity"},
                        "user": {"of": "card.owner"},
                        "shop": {"entity": "shop", **shop},
                        "amount": {"uniform": [1, 2], "decimals": 2},
                    },
                    "record": {"card": "card.id", "user": "user.id", "shop": "shop.id", "amount": "amount"},
                }
            },
            "campaigns": campaigns,
        }
    )


def sample(declared: World, blocks: int = 30) -> Columns:
    stream = compile_stream(declared, "purchases", seed=4, start=1_795_000_000_000_000)
    return joined([stream.block(number) for number in range(blocks)])


def pool(declared: World, name: str) -> Pool:
    return Pool(declared.entity(name), 4, {each.name: each.count for each in declared.entities})


def countries(declared: World, name: str) -> np.ndarray[Any, Any]:
    """The country of each entity as text."""
    made = pool(declared, name)
    return np.array(made.choices("country").values)[made.codes("country")]


def test_who_is_more_active_comes_more_often() -> None:
    declared = world({})
    columns, activity = sample(declared), pool(declared, "card").weights("activity")
    expected = activity / activity.sum() * columns.size
    counts = np.bincount(columns.values["card"], minlength=400)
    assert ((counts - expected) ** 2 / expected).sum() < 400 + 5 * np.sqrt(800)
    assert (columns.values["user"] == columns.values["card"] * 200 // 400).all()


def test_a_shop_near_a_card_is_near_it() -> None:
    declared = world({"near": {"of": "card", "place": "place", "radius": 8}})
    columns = sample(declared)
    (card_x, card_y), (shop_x, shop_y) = pool(declared, "card").places("place"), pool(declared, "shop").places("place")
    every = np.hypot(card_x[:, None] - shop_x, card_y[:, None] - shop_y) / (1 << TRAIT_BITS)
    card, shop = columns.values["card"], columns.values["shop"]
    alone = every.min(axis=1) > 8
    assert (every[card, shop][~alone[card]] <= 8).all()
    assert (shop[alone[card]] == every.argmin(axis=1)[card[alone[card]]]).all()
    busiest = np.bincount(card).argmax()
    assert set(shop[card == busiest]) == set(np.flatnonzero(every[busiest] <= 8))


@pytest.mark.parametrize("weight", [{}, {"weight": "popularity"}])
def test_a_shop_like_a_user_has_the_same_value(weight: dict[str, str]) -> None:
    declared = world({**weight, "same": {"attribute": "country", "as": "user.country"}})
    columns = sample(declared, blocks=10)
    users, shops = countries(declared, "user"), countries(declared, "shop")
    assert (users[columns.values["user"]] == shops[columns.values["shop"]]).all()
    assert len(np.unique(columns.values["shop"])) > 400


def test_favourites_have_their_share_and_their_order() -> None:
    declared = world({"favourites": {"of": "card", "count": 5, "share": 0.8, "skew": 1.0}})
    columns = sample(declared, blocks=60)
    shares = []
    for card in np.bincount(columns.values["card"]).argsort()[-40:]:
        counts = np.sort(np.bincount(columns.values["shop"][columns.values["card"] == card], minlength=600))[::-1]
        shares.append(counts[:5] / counts.sum())
    ranks = 1 / np.arange(1, 6)
    assert np.mean(shares, axis=0) == pytest.approx(0.8 * ranks / ranks.sum(), abs=0.015)


def test_favourites_like_a_user_have_the_same_value_too() -> None:
    same = {"attribute": "country", "as": "user.country"}
    declared = world({"same": same, "favourites": {"of": "card", "count": 5, "share": 0.8}})
    columns = sample(declared, blocks=10)
    users, shops = countries(declared, "user"), countries(declared, "shop")
    assert (users[columns.values["user"]] == shops[columns.values["shop"]]).all()


def test_who_is_away_is_in_one_other_country() -> None:
    journey = {"kind": "travel", "actor": "card", "merchant": "shop", "home": "user.country", "share": 0.05,
               "records": [3, 5], "every": "30s"}  # fmt: skip
    declared = world({"same": {"attribute": "country", "as": "user.country"}}, journey=journey)
    columns = sample(declared)
    users, shops = countries(declared, "user"), countries(declared, "shop")
    at_home = users[columns.values["user"]] == shops[columns.values["shop"]]
    assert (at_home == (columns.campaign == 0)).all()
    assert not columns.fraud.any()
    for instance in np.unique(columns.instance[columns.campaign == 1]):
        places = (columns.campaign == 1) & (columns.instance == instance)
        assert len(np.unique(shops[columns.values["shop"][places]])) == 1
    assert columns.size == 30 * BLOCK
