"""The tables in memory: what PostgreSQL would hold after the changes that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from streamguard.services.decider.batches import Batch
from streamguard.services.decider.changes import AccountSums, Changes, Sums
from streamguard.services.decider.facts import Alert, Transaction
from streamguard.services.decider.known import Decided, Known, Raised
from streamguard.services.decider.letters import Letter
from streamguard.services.decider.rows import AlertRow
from tests.services.decider.reference import Tables


@dataclass
class Memory:
    """What is stored."""

    taken: dict[str, Decided] = field(default_factory=dict)
    fraud: dict[str, bool] = field(default_factory=dict)
    alerts: dict[str, tuple[AlertRow, int, int]] = field(default_factory=dict)
    links: set[tuple[str, str]] = field(default_factory=set)
    accounts: dict[tuple[str, int], AccountSums] = field(default_factory=dict)
    days: dict[tuple[int, str, int], Sums] = field(default_factory=dict)
    rules: dict[tuple[str, int], int] = field(default_factory=dict)
    outbox: list[Letter] = field(default_factory=list)

    def known(self, batch: Batch) -> Known:
        """As `known_of` reads it."""
        rows = [item.row for item in batch.items]
        raised = {row.alert_id: self._raised(row) for row in rows if isinstance(row, AlertRow)}
        known_alerts = {alert_id: each for alert_id, each in raised.items() if each is not None}
        ids = {row.transaction_id for row in rows if isinstance(row, Transaction)}
        ids.update(*(row.transaction_ids for row in rows if isinstance(row, AlertRow)))
        ids.update(*(each.transaction_ids for each in known_alerts.values()))
        about: dict[str, dict[str, Alert]] = {}
        for transaction_id, alert_id in self.links:
            if transaction_id in ids:
                about.setdefault(transaction_id, {})[alert_id] = self.alerts[alert_id][0].alert
        decided = {key: self.taken[key] for key in ids if key in self.taken}
        return Known(decided, known_alerts, about, {key: sums.profile for key, sums in self.accounts.items()})

    def _raised(self, row: AlertRow) -> Raised | None:
        stored = self.alerts.get(row.alert_id)
        return None if stored is None else Raised(stored[0].rule, stored[0].transaction_ids)

    def apply(self, changes: Changes) -> None:
        """As `write` writes it."""
        for taken in (*changes.new, *changes.flagged):
            self.fraud[taken.transaction.transaction_id] = taken.decision.is_fraud
        assert not any(taken.transaction.transaction_id in self.taken for taken in changes.new)
        self.taken |= {taken.transaction.transaction_id: taken for taken in (*changes.new, *changes.changed)}
        self.alerts |= {each[0].alert_id: each for each in changes.alerts}
        self.links.difference_update(changes.unlinked)
        self.links.update(changes.linked)
        for key, sums in changes.accounts.items():
            self.accounts[key] = _added_account(self.accounts.get(key), sums)
        for day, more in changes.days.items():
            self.days[day] = _added(self.days.get(day, Sums()), more)
        for rule, number in changes.rules.items():
            self.rules[rule] = self.rules.get(rule, 0) + number
        self.outbox += changes.outbox

    def tables(self) -> Tables:
        """All rows, as the reference has them."""
        made = Tables(links=self.links, rules={key: number for key, number in self.rules.items() if number})
        for key, taken in self.taken.items():
            row, decision = taken.transaction, taken.decision
            amount = Decimal(repr(row.amount))
            told = (amount, row.currency, row.event_time, self.fraud[key], taken.partition, taken.offset)
            made.transactions[key] = (*row[1:7], *told)
            reasons = tuple((reason.rule, reason.text) for reason in decision.reasons)
            made.decisions[key] = (f"d-{key}", *decision[:3], reasons, *decision[4:], tuple(taken.profile))
        made.alerts = {key: _alert(*each) for key, each in self.alerts.items()}
        for account, sums in self.accounts.items():
            made.accounts[account] = (*_sums(sums), sums.first, sums.last, *sums.profile[1:])
        for (day, currency, partition), daily in self.days.items():
            made.days[date(1970, 1, 1) + timedelta(day), currency, partition] = _sums(daily)
        return made


def _alert(row: AlertRow, partition: int, offset: int) -> tuple[Any, ...]:
    amount = None if row.amount is None else Decimal(repr(row.amount))
    return (*row[1:10], amount, *row[11:], partition, offset)


def _added(sums: Sums, more: Sums) -> Sums:
    return Sums(*[getattr(sums, name) + getattr(more, name) for name in Sums.__dataclass_fields__])


def _added_account(sums: AccountSums | None, more: AccountSums) -> AccountSums:
    if sums is None:
        return more
    added = _added(sums, more)
    return AccountSums(
        **{name: getattr(added, name) for name in Sums.__dataclass_fields__},
        first=min(sums.first, more.first),
        last=max(sums.last, more.last),
        profile=more.profile if more.transactions else sums.profile,
    )


def _sums(sums: Sums) -> tuple[Any, ...]:
    unit = Decimal("0.0001")
    return sums.transactions, sums.amount * unit, sums.reviews, sums.frauds, sums.fraud_amount * unit


def cut(items: Sequence[Any], at: Sequence[int]) -> list[Sequence[Any]]:
    """Pieces of a list, cut at these places."""
    places = [0, *sorted({place for place in at if 0 < place < len(items)}), len(items)]
    return [items[first:end] for first, end in pairwise(places)]
