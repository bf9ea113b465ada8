"""What the tables must hold after all records of two topics: worked out record by record, with nothing of the decider's
but its rules.

A table is a dictionary: rows by their keys, each as a tuple of its other columns. Columns that tell of the way
(revision, published, decided_at) are left out.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from streamguard.services.decider.decisions import decide
from streamguard.services.decider.facts import Alert, Profile, Transaction
from streamguard.services.decider.rules import Rules


class Sent(NamedTuple):
    """A record as it lies in its topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes


@dataclass
class Tables:
    """The rows of every table, by their keys."""

    transactions: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    decisions: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    alerts: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)
    accounts: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    days: dict[tuple[date, str, int], tuple[Any, ...]] = field(default_factory=dict)
    rules: dict[tuple[str, int], int] = field(default_factory=dict)

    def differences(self, other: Tables, most: int = 3) -> list[str]:
        """What is not the same, a few of each table."""
        found: list[str] = []
        for name in self.__dataclass_fields__:
            ours, theirs = getattr(self, name), getattr(other, name)
            if isinstance(ours, set):
                ours, theirs = dict.fromkeys(ours), dict.fromkeys(theirs)
            keys = [key for key in {*ours, *theirs} if ours.get(key, "none") != theirs.get(key, "none")]
            found += [f"{name} {key}: {ours.get(key, 'none')} != {theirs.get(key, 'none')}" for key in keys[:most]]
        return found


def expected(
    transactions: Iterable[Sent],
    alerts: Iterable[Sent],
    rules: Rules,
    take: Callable[[Sent], bool] = lambda _sent: True,
) -> Tables:
    """The tables. A record that `take` is false about is a dead letter."""
    made = Tables()
    about: dict[str, dict[str, Alert]] = defaultdict(dict)
    for sent in filter(take, _ordered(alerts)):
        _note_alert(made, json.loads(sent.value), sent)
    for alert_id, row in made.alerts.items():
        for transaction_id in row[8]:
            made.links.add((transaction_id, alert_id))
            about[transaction_id][alert_id] = Alert(alert_id, *row[:4])
    made.rules = dict(Counter((row[0], row[15]) for row in made.alerts.values()))
    profiles: dict[tuple[str, int], Profile] = {}
    for sent in filter(take, _ordered(transactions)):
        _decide(made, json.loads(sent.value), sent, about, profiles, rules)
    _add_up(made, profiles)
    return made


def _ordered(records: Iterable[Sent]) -> Sequence[Sent]:
    return sorted(records, key=lambda sent: (sent.partition, sent.offset))


def _note_alert(made: Tables, read: dict[str, Any], sent: Sent) -> None:
    """The last one of an id counts."""
    names = ["RULE", "REASON", "SCORE", "ACTION_REQUIRED", "SOURCE", "ACCOUNT_ID", "CARD_HASH", "USER_ID"]
    amount = None if read["AMOUNT"] is None else Decimal(str(read["AMOUNT"]))
    rest = [read[name] for name in ["TX_COUNT", "COUNTRIES", "WINDOW_START", "WINDOW_END", "EVENT_TIME"]]
    row = (*[read[name] for name in names], tuple(dict.fromkeys(read["TRANSACTION_IDS"])), amount, *rest)
    made.alerts[read["ALERT_ID"]] = (*row, sent.partition, sent.offset)


def _decide(  # noqa: PLR0917
    made: Tables,
    read: dict[str, Any],
    sent: Sent,
    about: dict[str, dict[str, Alert]],
    profiles: dict[tuple[str, int], Profile],
    rules: Rules,
) -> None:
    names = ["transaction_id", "account_id", "card_hash", "user_id", "merchant_id", "merchant_category", "country"]
    texts = [str(read[name]) for name in names]
    if texts[0] in made.transactions:
        return
    time = round(datetime.fromisoformat(read["timestamp"]).timestamp() * 1000)
    transaction = Transaction._make([*texts, float(read["amount"]), read["currency"], time])
    before = profiles.get((texts[1], sent.partition), Profile())
    decision = decide(transaction, list(about[texts[0]].values()), before, rules)
    profiles[texts[1], sent.partition] = Profile(
        before.transactions + 1,
        before.total + transaction.amount,
        max(before.highest, transaction.amount),
        time,
        transaction.country,
    )
    amount = Decimal(str(read["amount"]))
    told = (amount, read["currency"], time, decision.action == "decline", sent.partition, sent.offset)
    made.transactions[texts[0]] = (*texts[1:], *told)
    reasons = tuple((reason.rule, reason.text) for reason in decision.reasons)
    made.decisions[texts[0]] = (
        f"d-{texts[0]}",
        *decision[:3],
        reasons,
        decision.alert_ids,
        decision.rules_version,
        tuple(before),
    )


def _add_up(made: Tables, profiles: dict[tuple[str, int], Profile]) -> None:
    accounts: dict[tuple[str, int], list[Any]] = defaultdict(list)
    days: dict[tuple[date, str, int], list[Any]] = defaultdict(list)
    for transaction_id, row in made.transactions.items():
        account, amount, currency, time, partition = row[0], row[6], row[7], row[8], row[10]
        one = (amount, time, made.decisions[transaction_id][1])
        accounts[account, partition].append(one)
        days[datetime.fromtimestamp(time / 1000, UTC).date(), currency, partition].append(one)
    for key, ones in accounts.items():
        times = [time for _, time, _ in ones]
        made.accounts[key] = (*_sums(ones), min(times), max(times), *profiles[key][1:])
    for day, ones in days.items():
        made.days[day] = _sums(ones)


def _sums(ones: list[tuple[Decimal, int, str]]) -> tuple[Any, ...]:
    frauds = [amount for amount, _, action in ones if action == "decline"]
    reviews = sum(action == "review" for _, _, action in ones)
    return len(ones), sum(amount for amount, _, _ in ones), reviews, len(frauds), sum(frauds, Decimal(0))
