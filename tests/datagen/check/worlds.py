"""A world for the checks: quick to draw, with everything that they look at."""

HONEST = """\
world: honest
entities:
  user:
    count: 600
    attributes:
      id: {uuid: true}
      country: {choice: {US: 0.5, GB: 0.3, DE: 0.2}}
      bank: {choice: [Albion, Severn, Thistle], hidden: true}
    traits:
      spend: {lognormal: {median: 1, sigma: 0.5}}
      home: {place: 100}
  card:
    count: 1200
    attributes:
      hash: {hex: 16}
      owner: {entity: user}
    traits:
      activity: {gamma: {shape: 2, mean: 1}}
  shop:
    count: 500
    attributes:
      id: {template: "s-{index}"}
      kind: {choice: {food: 0.7, travel: 0.3}}
      country: {choice: {US: 0.5, GB: 0.3, DE: 0.2}}
    traits:
      fame: {zipf: 0.9}
streams:
  purchases:
    topic: purchases
    key: card.hash
    rate: {per_second: 20, day: [1, 1, 2, 4, 3, 2], week: [80, 90, 100, 100, 125, 150, 150]}
    columns:
      card: {entity: card, weight: activity}
      user: {of: card.owner}
      status: {choice: {done: 0.9, pending: 0.1}}
      shop:
        entity: shop
        weight: fame
        same: {attribute: country, as: user.country}
        favourites: {of: card, count: 6, share: 0.7}
      amount:
        by: shop.kind
        each:
          food: {lognormal: {median: 20, sigma: 0.7}}
          travel: {lognormal: {median: 200, sigma: 0.9}}
        times: user.spend
        least: 0.5
        rounding: [{share: 0.2, to: 5}]
      verdict: {label: {bad: 0.10, fine: 0.90}, fraud: {bad: 0.8, fine: 0.2}}
      v: {components: {sd: [2, 1, 0.5], kurtosis: [0.2, 3, 12], fraud_means: [-1.5, 0.5, 0.1], hard: 0.1}}
    record:
      id: "{run}-{index:09d}"
      card: card.hash
      user: user
      bank: user.bank
      shop: shop.id
      kind: shop.kind
      status: status
      amount: amount
      verdict: verdict
      at: {time: iso_ms}
      V: {each: v}
campaigns:
  testing: {kind: card_testing, actor: card, amount: amount, merchant: shop, share: 0.01}
  fast: {kind: velocity_burst, actor: card, share: 0.01, records: [4, 12], every: [5s, 25s]}
  leak: {kind: leaked_card, actor: card, amount: amount, per_day: 2}
  evening: {kind: spree, actor: card, share: 0.02, records: [4, 12], every: [5s, 25s]}
  small: {kind: small_payments, actor: card, amount: amount, merchant: shop, share: 0.03}
"""

ODD = """\
world: odd
entities:
  one: {count: 1, attributes: {id: {index: true}}}
  place:
    count: 300
    attributes: {id: {index: true}, kind: {choice: [a, b]}, size: {number: {uniform: [1, 9]}}}
    traits: {at: {place: 10}, big: {by: kind, each: {a: 1, b: [2, 3]}}}
streams:
  first:
    topic: first
    key: null
    rate: {steps: [{at: 0s, rate: 10}, {at: 60s, rate: 100}], bursts: {every: 5m, length: 10s, times: 4}}
    columns:
      who: {entity: one}
      fixed: {constant: 5}
      flag: {choice: {true: 0.5, false: 0.5}}
    record: {who: who.id, fixed: fixed, flag: flag, at: {time: epoch_ms}, n: {index: true}}
  second:
    topic: second
    key: "{index:05d}"
    rate: {per_day: 5000, month_days: {1: 3}}
    columns:
      place: {entity: place, weight: big}
      next: {entity: place, near: {of: place, place: at, radius: 2}, other_than: place}
      level:
        by: place.kind
        each: {a: {pareto: {least: 1, exponent: 3}}, b: {normal: {mean: 0, sd: 2}}}
        decimals: 3
      flagged: {choice: {x: 0.3, y: 0.7}}
      mood: {by: flagged, each: {x: {choice: [good, bad]}, y: {choice: {bad: 1}}}}
    record: {place: place, next: next.id, level: level, mood: mood, size: place.size}
campaigns:
  away:
    kind: burst
    fraud: true
    stream: second
    actor: place
    share: 0.02
    records: [2, 5]
    every: {exponential: 30s}
    changes: {level: {set: 9}, mood: {set: bad, once: true}}
    drift: [{from: 1d, times: 3}]
  ill:
    kind: condition
    fraud: false
    stream: second
    actor: place
    per_day: 3
    days: 4
    hours: [22, 4]
    changes: {level: {times: 2}}
"""
"""Two streams, and what the other one has not."""
