"""What the database knows of the records of a batch, before anything of the batch is in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from streamguard.services.decider.facts import Alert, Profile, Transaction
from streamguard.services.decider.outcomes import Decision, Reason
from streamguard.services.decider.rows import AlertRow

if TYPE_CHECKING:
    import psycopg

    from streamguard.services.decider.batches import Batch


class Decided(NamedTuple):
    """A transaction with its decision and what that was made of, as they are stored."""

    transaction: Transaction
    partition: int
    offset: int
    profile: Profile
    decision: Decision
    revision: int
    published: bool


class Raised(NamedTuple):
    """An alert that is stored, as far as its next version must know it."""

    rule: str
    transaction_ids: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """What is stored: transactions, alerts, the alerts about each transaction, profiles by account and partition."""

    decided: Mapping[str, Decided] = field(default_factory=dict)
    raised: Mapping[str, Raised] = field(default_factory=dict)
    alerts_about: Mapping[str, Mapping[str, Alert]] = field(default_factory=dict)
    profiles: Mapping[tuple[str, int], Profile] = field(default_factory=dict)


# Many ids come as one text: that is made and read faster than an array, and no id has a control character in it.
DECIDED = """
SELECT
  t.transaction_id, t.account_id, t.card_hash, t.user_id, t.merchant_id, t.merchant_category, t.country,
  CAST(t.amount AS DOUBLE PRECISION), t.currency, CAST(extract(epoch FROM t.event_time) * 1000 AS BIGINT),
  t.kafka_partition, t.kafka_offset,
  d.profile_transactions, d.profile_total, d.profile_highest, d.profile_last_time, d.profile_last_country,
  d.action, d.score, d.severity, d.reasons, d.alert_ids, d.rules_version, d.revision, d.published
FROM transactions AS t JOIN fraud_decisions AS d USING (transaction_id)
WHERE t.transaction_id = ANY(%s)
"""
STORED = "SELECT transaction_id FROM transactions WHERE transaction_id = ANY(string_to_array(%s, E'\t'))"
"""Hardly ever one, so the index is all that is read."""
RAISED = "SELECT alert_id, rule, transaction_ids FROM fraud_alerts WHERE alert_id = ANY(%s)"
ALERTS_ABOUT = """
SELECT l.transaction_id, a.alert_id, a.rule, a.reason, a.score, a.action_required
FROM alert_transactions AS l JOIN fraud_alerts AS a USING (alert_id)
WHERE l.transaction_id = ANY(string_to_array(%s, E'\t'))
"""
PROFILES = """
SELECT
  account_id, kafka_partition,
  transactions, profile_total, profile_highest, profile_last_time, profile_last_country
FROM account_totals
WHERE account_id = ANY(string_to_array(%s, E'\t')) AND kafka_partition = ANY(%s)
"""


def known_of(connection: psycopg.Connection[Any], batch: Batch, profiles: dict[tuple[str, int], Profile]) -> Known:
    """Read what is stored about a batch. `profiles` are known already; those that are read are added."""
    alerts = [item.row for item in batch.items if type(item.row) is AlertRow]
    raised = _raised(connection, {row.alert_id for row in alerts})
    accounts: dict[str, None] = {}
    partitions: set[int] = set()
    ids: set[str] = set()
    for row, place, _, _ in batch.items:
        if type(row) is Transaction:
            ids.add(row[0])
            if (row[1], place[1]) not in profiles:
                accounts[row[1]] = None
                partitions.add(place[1])
    ids.update(*(row.transaction_ids for row in alerts), *(each.transaction_ids for each in raised.values()))
    wanted = "\t".join(sorted(ids))
    about: dict[str, dict[str, Alert]] = {}
    for transaction_id, *alert in connection.execute(ALERTS_ABOUT, [wanted]):
        about.setdefault(transaction_id, {})[alert[0]] = Alert(*alert)
    if accounts:
        asked = ["\t".join(accounts), sorted(partitions)]
        for account_id, partition, *profile in connection.execute(PROFILES, asked):
            profiles[account_id, partition] = Profile(*profile)
    return Known(_decided_of(connection, wanted), raised, about, profiles)


def _decided_of(connection: psycopg.Connection[Any], wanted: str) -> dict[str, Decided]:
    stored = [transaction_id for (transaction_id,) in connection.execute(STORED, [wanted])]
    if not stored:
        return {}
    return {row[0]: _decided(row) for row in connection.execute(DECIDED, [stored])}


def _raised(connection: psycopg.Connection[Any], ids: Iterable[str]) -> dict[str, Raised]:
    wanted = list(ids)
    if not wanted:
        return {}
    return {key: Raised(rule, tuple(about)) for key, rule, about in connection.execute(RAISED, [wanted])}


def _decided(row: tuple[Any, ...]) -> Decided:
    action, score, severity, reasons, alert_ids, version, revision, published = row[17:]
    told = tuple([Reason(reason["rule"], reason["text"]) for reason in reasons])
    decision = Decision(action, score, severity, told, tuple(alert_ids), version)
    return Decided(Transaction(*row[:10]), row[10], row[11], Profile(*row[12:17]), decision, revision, published)
