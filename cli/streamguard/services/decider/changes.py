"""What a batch does to the tables: a pure function of the batch, of what is stored, and of the rules.

* The alerts of a batch are looked at before its transactions, and of an alert id only the last one: a transaction is
  decided with all alerts that are known by then, whichever of them came first.
* Transactions are taken in the order of their partition, since each changes the profile that the next one meets.
* A stored transaction is decided again if an alert about it came, changed, or is no longer about it; with the profile
  that it met at the time.
* So the rows are the same however the records were cut into batches and whichever topic was ahead. Only `revision` and
  `published` tell something of the way: 1 + how often a stored decision changed, and whether anybody was told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from streamguard.errors import RecordRefused
from streamguard.services.decider.decisions import decide
from streamguard.services.decider.facts import NEW, Alert, Profile, Transaction, tuple_of
from streamguard.services.decider.known import Decided, Known
from streamguard.services.decider.letters import Letter, dead_letter, decision_letter
from streamguard.services.decider.rows import TEN_THOUSANDTHS, AlertRow

if TYPE_CHECKING:
    from streamguard.kafka.metrics import Key
    from streamguard.services.decider.batches import Batch, Item
    from streamguard.services.decider.outcomes import Decision
    from streamguard.services.decider.rules import Rules

Decide = Callable[[Transaction, Sequence[Alert], Profile, "Rules"], "Decision"]
DAY = 86_400_000
RULES_VERSION = 5
"""The field of a decision that does not make it another one, and the last."""
DUPLICATE = "duplicate"
"""The rule by which a transaction is dropped that is there already."""


@dataclass(slots=True)
class Sums:
    """What is added to totals; amounts in ten thousandths."""

    transactions: int = 0
    amount: int = 0
    reviews: int = 0
    frauds: int = 0
    fraud_amount: int = 0


@dataclass(slots=True)
class AccountSums(Sums):
    """What is added to the totals of an account in a partition; times in milliseconds since 1970."""

    first: int = 0
    last: int = 0
    profile: Profile = NEW
    """After the last transaction; means nothing if there is none."""


@dataclass
class Changes:
    """Rows to write, each key once."""

    new: list[Decided] = field(default_factory=list)
    """Transactions that were not there."""
    changed: list[Decided] = field(default_factory=list)
    """Those that were there and are decided in another way now."""
    flagged: list[Decided] = field(default_factory=list)
    """Of these, what has become fraud, or is none any more."""
    alerts: list[tuple[AlertRow, int, int]] = field(default_factory=list)
    """With partition and offset."""
    unlinked: list[tuple[str, str]] = field(default_factory=list)
    """Transaction id and alert id."""
    linked: list[tuple[str, str]] = field(default_factory=list)
    accounts: dict[tuple[str, int], AccountSums] = field(default_factory=dict)
    days: dict[tuple[int, str, int], Sums] = field(default_factory=dict)
    """By days since 1970, currency and partition."""
    rules: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Alerts by rule and partition."""
    outbox: list[Letter] = field(default_factory=list)
    counted: Counter[Key] = field(default_factory=Counter)

    def decided(self) -> Counter[str]:
        """How many decisions of each action were made."""
        return Counter([taken.decision.action for taken in (*self.new, *self.changed)])

    def found(self) -> Counter[str]:
        """How many reasons of each rule they have."""
        return Counter([reason.rule for taken in (*self.new, *self.changed) for reason in taken.decision.reasons])


def changes(
    batch: Batch,
    known: Known,
    rules: Rules,
    now: datetime,
    *,
    topic: str,
    service: str,
    decide: Decide = decide,
) -> Changes:
    """What follows from a batch; `topic` is where decisions are published, `service` signs dead letters."""
    work = _Work(known, rules, now, topic, service, decide)
    work.take_alerts(batch.items)
    for place, number in Counter([item.place for item in batch.items]).items():
        work.made.counted["in", place[0]] += number
    for item in batch.items:
        row = item.row
        if type(row) is Transaction:
            work.take(item, row)
        elif isinstance(row, RecordRefused):
            work.refuse(item, row)
        else:
            work.made.counted["out",] += 1
    work.decide_again()
    work.made.counted["out",] += len(work.made.new)
    return work.made


class _Work:
    """One batch under way."""

    def __init__(  # noqa: PLR0917
        self, known: Known, rules: Rules, now: datetime, topic: str, service: str, decide: Decide
    ) -> None:
        self.made = Changes()
        self._known = known
        self._decided = known.decided
        self._profiles = known.profiles
        self._rules = rules
        self._now = now
        self._topic = topic
        self._service = service
        self._decide = decide
        self._about = {key: dict(alerts) for key, alerts in known.alerts_about.items()}
        self._touched: dict[str, None] = {}
        """Stored transactions to decide again, in a fixed order."""
        self._new: dict[str, Transaction] = {}

    def take_alerts(self, items: Sequence[Item]) -> None:
        """Put the last version of each alert in the place of what is stored."""
        last: dict[str, tuple[AlertRow, Item]] = {}
        for item in items:
            if type(item.row) is AlertRow:
                last[item.row.alert_id] = item.row, item
        for alert_id, (row, item) in last.items():
            before = self._known.raised.get(alert_id)
            if before is None or before.rule != row.rule:
                self.made.rules[row.rule, item.place[1]] += 1
            if before is not None and before.rule != row.rule:
                self.made.rules[before.rule, item.place[1]] -= 1
            self.made.alerts.append((row, item.place[1], item.offset))
            self._link(row, () if before is None else before.transaction_ids)

    def _link(self, row: AlertRow, before: tuple[str, ...]) -> None:
        alert, now = row.alert, set(row.transaction_ids)
        for transaction_id in before:
            if transaction_id not in now:
                self.made.unlinked.append((transaction_id, row.alert_id))
                self._about.get(transaction_id, {}).pop(row.alert_id, None)
        self.made.linked += [(key, row.alert_id) for key in row.transaction_ids if key not in before]
        for transaction_id in row.transaction_ids:
            self._about.setdefault(transaction_id, {})[row.alert_id] = alert
        for transaction_id in (*before, *row.transaction_ids):
            if transaction_id in self._decided:
                self._touched[transaction_id] = None

    def take(self, item: Item, row: Transaction) -> None:
        """Decide about a transaction, unless it is there already."""
        made, transaction_id, partition = self.made, row[0], item[1][1]
        stored = self._decided.get(transaction_id)
        before = self._new.get(transaction_id) if stored is None else stored.transaction
        if before is not None:
            self._repeated(item, row, before)
            return
        self._new[transaction_id] = row
        key = row[1], partition
        account = made.accounts.get(key)
        if account is None:
            profile = self._profiles.get(key, NEW)
            account = made.accounts[key] = AccountSums(first=row.event_time, last=row.event_time)
        else:
            profile = account.profile
        account.profile = profile.after(row)
        about = self._about.get(transaction_id)
        rules = self._rules
        decision = self._decide(row, () if about is None else tuple(about.values()), profile, rules)
        action = decision[0]
        published = action in rules.publish
        taken = tuple_of(Decided, (row, partition, item[2], profile, decision, 1, published))
        made.new.append(taken)
        self._add(account, row, action, partition)
        if published:
            self._publish(taken)

    def _add(self, account: AccountSums, row: Transaction, action: str, partition: int) -> None:
        """Add a new transaction to the totals."""
        _, _, _, _, _, _, _, amount, currency, time = row
        units = round(amount * TEN_THOUSANDTHS)
        key = (time // DAY, currency, partition)
        day = self.made.days.get(key)
        if day is None:
            day = self.made.days[key] = Sums()
        if time > account.last:
            account.last = time
        elif time < account.first:
            account.first = time
        account.transactions += 1
        account.amount += units
        day.transactions += 1
        day.amount += units
        if action != "approve":
            _count(account, action, units, 1)
            _count(day, action, units, 1)

    def _repeated(self, item: Item, row: Transaction, before: Transaction) -> None:
        if row == before:
            self.made.counted["filtered", DUPLICATE] += 1
        else:
            self.refuse(item, RecordRefused("E_DUPLICATE", "its transaction_id is that of another transaction"))

    def refuse(self, item: Item, refusal: RecordRefused) -> None:
        """A dead letter."""
        letter = dead_letter(item, refusal, self._service)
        self.made.outbox.append(letter)
        self.made.counted["dead_letter", letter.topic, refusal.code] += 1

    def decide_again(self) -> None:
        """About stored transactions whose alerts have changed."""
        for transaction_id in self._touched:
            stored = self._decided[transaction_id]
            alerts = tuple(self._about.get(transaction_id, {}).values())
            decision = self._decide(stored.transaction, alerts, stored.profile, self._rules)
            if decision[:RULES_VERSION] != stored.decision[:RULES_VERSION]:
                self._change(stored, decision)

    def _change(self, stored: Decided, decision: Decision) -> None:
        made, before = self.made, stored.decision.action
        published = stored.published or decision.action in self._rules.publish
        taken = stored._replace(decision=decision, revision=stored.revision + 1, published=published)
        made.changed.append(taken)
        if (before == "decline") != (decision.action == "decline"):
            made.flagged.append(taken)
        if before != decision.action:
            self._move(taken, before)
        if published:
            self._publish(taken)

    def _move(self, taken: Decided, before: str) -> None:
        """Count a stored transaction under another action."""
        row, partition = taken.transaction, taken.partition
        amount, time = round(row.amount * TEN_THOUSANDTHS), row.event_time
        account = self.made.accounts.setdefault((row.account_id, partition), AccountSums(first=time, last=time))
        day = self.made.days.setdefault((time // DAY, row.currency, partition), Sums())
        for sums in (account, day):
            _count(sums, before, amount, -1)
            _count(sums, taken.decision.action, amount, 1)

    def _publish(self, taken: Decided) -> None:
        self.made.outbox.append(
            decision_letter(self._topic, taken.transaction, taken.decision, taken.revision, self._now)
        )
        self.made.counted["written", self._topic] += 1


def _count(sums: Sums, action: str, amount: int, times: int) -> None:
    if action == "review":
        sums.reviews += times
    elif action == "decline":
        sums.frauds += times
        sums.fraud_amount += times * amount
