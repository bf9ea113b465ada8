"""What the rules of ksql/card must find, worked out from records by plain Python: no engine, no SQL, no Kafka.

Every alert that there must be, by its id, with what its last record must say. Windows begin at whole minutes of the
clock; a record that comes when its window has been over for the grace period is not counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE = 60_000
GRACE = 60 * MINUTE
FIRST = 20
"""So many ids of a window's transactions are kept."""


@dataclass(frozen=True)
class Thresholds:
    """The variables of init/card.yml."""

    high_amount: float
    velocity_max: int
    risk_countries: int
    risk_count: int
    risk_score: int
    night_from: int
    night_to: int
    night_zone: ZoneInfo
    night_amount: float
    high_risk_categories: frozenset[str]
    high_risk_amount: float

    @staticmethod
    def of(variables: Mapping[str, str]) -> Thresholds:
        """From the texts that statements get."""
        return Thresholds(
            high_amount=float(variables["high_amount"]),
            velocity_max=int(variables["velocity_max"]),
            risk_countries=int(variables["risk_countries"]),
            risk_count=int(variables["risk_count"]),
            risk_score=int(variables["risk_score"]),
            night_from=int(variables["night_from"]),
            night_to=int(variables["night_to"]),
            night_zone=ZoneInfo(variables["night_zone"]),
            night_amount=float(variables["night_amount"]),
            high_risk_categories=frozenset(variables["high_risk_categories"].split(",")),
            high_risk_amount=float(variables["high_risk_amount"]),
        )


@dataclass(frozen=True)
class Alert:
    """What an alert's last record says. `window` in ms; `transactions` in the order in which they came."""

    rule: str
    score: int
    amount: float | None
    count: int
    countries: int
    time: int
    transactions: tuple[str, ...]
    window: tuple[int, int] | None = None


@dataclass
class _Window:
    """What is known of an account, or a user, in one window."""

    count: int = 0
    countries: set[str] = field(default_factory=set)
    amounts: list[float] = field(default_factory=list)
    transactions: list[str] = field(default_factory=list)
    time: int = 0

    def add(self, record: Mapping[str, Any], time: int) -> None:
        self.count += 1
        self.transactions.append(record["transaction_id"])
        self.time = max(self.time, time)
        if record.get("country") is not None:
            self.countries.add(record["country"])
        if record.get("amount") is not None:
            self.amounts.append(record["amount"])


@dataclass
class _Windows:
    """The windows of all accounts, or users. `latest`: the event time that closes windows."""

    minutes: int
    grace: int
    latest: int = 0
    found: dict[tuple[str, int], _Window] = field(default_factory=dict)

    def add(self, key: str | None, record: Mapping[str, Any], time: int) -> None:
        if key is None:
            return
        size = self.minutes * MINUTE
        start = time // size * size
        self.latest = max(self.latest, time)
        if self.latest < start + size + self.grace:
            self.found.setdefault((key, start), _Window()).add(record, time)


def alerts(values: Iterable[bytes | None], thresholds: Thresholds, *, grace: int = GRACE) -> dict[str, Alert]:
    """The alerts about records, by their ids. The records are in the order in which they are read; `grace` in ms."""
    accounts, users = _Windows(1, grace), _Windows(5, grace)
    found: dict[str, Alert] = {}
    for value in values:
        record, time = _record(value)
        if record.get("transaction_id") is None:
            continue
        found.update({f"{alert.rule}:{record['transaction_id']}": alert for alert in _alone(record, time, thresholds)})
        accounts.add(record.get("account_id"), record, time)
        users.add(record.get("user_id"), record, time)
    for (account, start), window in accounts.found.items():
        if window.count > thresholds.velocity_max:
            found[f"VELOCITY:{account}:{start}"] = _windowed("VELOCITY", 2, window, (start, start + MINUTE))
    for (user, start), window in users.found.items():
        score = _points(window, thresholds)
        if score >= thresholds.risk_score:
            found[f"RISK:{user}:{start}"] = _windowed("RISK", score, window, (start, start + 5 * MINUTE))
    return found


def by_rule(ids: Iterable[str]) -> dict[str, set[str]]:
    """Alert ids, by the rule that they begin with."""
    rules: dict[str, set[str]] = {}
    for each in ids:
        rules.setdefault(each.partition(":")[0], set()).add(each)
    return rules


def _record(value: bytes | None) -> tuple[Mapping[str, Any], int]:
    """A record and its event time; an empty one for what is no transaction."""
    try:
        record = json.loads(value or b"{}")
        return record, (datetime.fromisoformat(record["timestamp"]) - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, KeyError, TypeError):
        return {}, 0


def _alone(record: Mapping[str, Any], time: int, thresholds: Thresholds) -> Iterable[Alert]:
    """The alerts that need this transaction only."""
    amount = record.get("amount")
    if amount is None:
        return
    transaction = (record["transaction_id"],)
    if amount > thresholds.high_amount:
        yield Alert("HIGH_AMOUNT", 2, amount, 1, 1, time, transaction)
    if amount > thresholds.night_amount and _is_night(time, thresholds):
        yield Alert("NIGHT_TIME", 1, amount, 1, 1, time, transaction)
    category = record.get("merchant_category")
    risky = category is not None and category.lower() in thresholds.high_risk_categories
    if amount > thresholds.high_risk_amount and risky:
        yield Alert("HIGH_RISK_CATEGORY", 1, amount, 1, 1, time, transaction)


def _is_night(time: int, thresholds: Thresholds) -> bool:
    hour = (EPOCH + timedelta(milliseconds=time)).astimezone(thresholds.night_zone).hour
    first, last = thresholds.night_from, thresholds.night_to
    return first <= hour < last if first <= last else hour >= first or hour < last


def _points(window: _Window, thresholds: Thresholds) -> int:
    high = any(amount > thresholds.high_amount for amount in window.amounts)
    many_countries = len(window.countries) > thresholds.risk_countries
    return 2 * high + 2 * many_countries + (window.count > thresholds.risk_count)


def _windowed(rule: str, score: int, window: _Window, bounds: tuple[int, int]) -> Alert:
    largest = max(window.amounts, default=None)
    first = tuple(window.transactions[:FIRST])
    return Alert(rule, score, largest, window.count, len(window.countries), window.time, first, bounds)
