"""A small world for tests, which has something of everything."""

from __future__ import annotations

from pathlib import Path

from streamguard.datagen.world.model import World
from streamguard.datagen.world.reading import read_world

SMALL = """\
world: small
about: A little of everything.
entities:
  user:
    count: 50
    attributes:
      id: {uuid: true}
      first: {faker: first_name, hidden: true}
      email: {template: "{first|letters}{index}@example.com"}
      country: {choice: {US: 0.5, GB: 0.3, NO: 0.2}}
      born: {date: [1950-01-01, 2005-12-31]}
    traits:
      spend: {lognormal: {median: 1, sigma: 0.5}}
      home: {place: 100}
  card:
    count: 100
    attributes:
      hash: {hex: 16}
      owner: {entity: user}
    traits:
      activity: {gamma: {shape: 2, mean: 1}}
  shop:
    count: 30
    attributes:
      id: {template: "s-{index}"}
      kind: {choice: [food, travel]}
      country: {choice: {US: 0.5, GB: 0.3, NO: 0.2}}
    traits:
      fame: {zipf: 1}
streams:
  purchases:
    topic: purchases
    key: card.hash
    rate: {per_day: 864000, week: [1, 1, 1, 1, 1, 2, 2]}
    columns:
      card: {entity: card, weight: activity}
      user: {of: card.owner}
      shop:
        entity: shop
        weight: fame
        same: {attribute: country, as: user.country}
        favourites: {of: card, count: 4, share: 0.7}
      amount:
        by: shop.kind
        each:
          food: {lognormal: {median: 20, sigma: 0.7}}
          travel: {lognormal: {median: 200, sigma: 0.9}}
        times: user.spend
        least: 0.01
      country: {attribute: shop.country}
      channel: {choice: {chip: 0.7, online: 0.3}}
      verdict: {label: {fraud: 0.1, fine: 0.9}, fraud: {fraud: 0.8, fine: 0.2}}
      v: {components: {sd: [2, 1], kurtosis: [0, 9], fraud_means: [-3, 1], hard: 0.1}}
    record:
      id: "{run}-{index:09d}"
      card: card.hash
      buyer: user
      shop: shop.id
      amount: amount
      country: country
      channel: channel
      verdict: verdict
      at: {time: iso_ms}
      more: {object: {currency: {constant: EUR}}}
      V: {each: v}
campaigns:
  testing: {kind: card_testing, actor: card, amount: amount, merchant: shop, share: 0.01}
  abroad: {kind: impossible_travel, actor: card, merchant: shop, home: user.country, share: 0.01}
  leak: {kind: leaked_card, actor: card, amount: amount, per_day: 2}
  holidays: {kind: travel, actor: card, merchant: shop, home: user.country, share: 0.02}
  presents: {kind: gifts, amount: amount, seasons: {gifts: {from: "11-20", to: "12-24"}}}
faults:
  late: {share: 0.01, delay: [1m, 1h]}
  duplicate: 0.001
truth:
  topic: purchases-truth
  labels: {topic: purchases-labels, delay: {lognormal: {median: 6d, sigma: 0.5}}, wrong: 0.03, unreported: 0.15}
clock: {start: 2026-01-01, days: 3}
stops: {count: 1000}
"""


def written(folder: Path, text: str = SMALL, name: str = "small.yml") -> Path:
    """The text in a file."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def world(folder: Path, text: str = SMALL) -> World:
    """The world of a text."""
    return read_world(written(folder, text))
