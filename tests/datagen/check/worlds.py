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
