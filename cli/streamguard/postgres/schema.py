"""The tables of a pipeline's decisions, as SQLAlchemy Core knows them; `migrations/` makes them, and the views.

* A row is a function of the records, but for `decided_at`, `revision` and `published`.
* Amounts are numeric(18, 4): what a card is charged has at most four decimals in any currency (ISO 4217), sums are
  exact, and so the same in whatever order they are made. They are added up as they stand, whatever the currency, as the
  rules compare them; `daily_totals` has them by currency.
* Totals of accounts are whole numbers of ten-thousandths: the view over all accounts adds them up four times as fast.
* Totals have a row for each partition of the topic: an account's profile is what came before in the same partition, the
  only order there is. Readers ask the views, which add them up.
* No foreign keys: alerts may come before their transactions. No index that nobody needs: each costs every insert.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import TypeEngine

METADATA = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(column_0_label)s",
    }
)
AMOUNT = Numeric(18, 4)
TIME = DateTime(timezone=True)


def _filled(name: str, kind: TypeEngine[Any], default: str | None = None, comment: str | None = None) -> Column[Any]:
    """A column that is never null."""
    server_default = None if default is None else text(default)
    return Column(name, kind, nullable=False, server_default=server_default, comment=comment)


def _count(name: str) -> Column[Any]:
    return _filled(name, BigInteger(), "0")


def _sum(name: str) -> Column[Any]:
    """A sum of amounts: it may have more digits than they."""
    return _filled(name, Numeric(), "0")


TRANSACTIONS = Table(
    "transactions",
    METADATA,
    _filled("transaction_id", Text()),
    _filled("account_id", Text()),
    _filled("card_hash", Text()),
    _filled("user_id", Text()),
    _filled("merchant_id", Text()),
    _filled("merchant_category", Text()),
    _filled("country", Text()),
    _filled("amount", AMOUNT),
    _filled("currency", Text()),
    _filled("event_time", TIME),
    _filled("is_fraud", Boolean(), "false"),
    _filled("kafka_partition", Integer()),
    _filled("kafka_offset", BigInteger()),
    PrimaryKeyConstraint("transaction_id"),
    Index("transactions_event_time_idx", "event_time", postgresql_using="brin"),
)

FRAUD_ALERTS = Table(
    "fraud_alerts",
    METADATA,
    _filled("alert_id", Text()),
    _filled("rule", Text()),
    _filled("reason", Text()),
    _filled("score", Integer()),
    _filled("action_required", Text()),
    _filled("source", Text()),
    Column("account_id", Text()),
    Column("card_hash", Text()),
    Column("user_id", Text()),
    _filled("transaction_ids", ARRAY(Text()), "'{}'"),
    Column("amount", AMOUNT),
    Column("tx_count", BigInteger()),
    Column("countries", BigInteger()),
    Column("window_start", TIME),
    Column("window_end", TIME),
    _filled("event_time", TIME),
    _filled("kafka_partition", Integer()),
    _filled("kafka_offset", BigInteger()),
    PrimaryKeyConstraint("alert_id"),
    Index("fraud_alerts_rule_event_time_idx", "rule", "event_time"),
)

ALERT_TRANSACTIONS = Table(
    "alert_transactions",
    METADATA,
    _filled("transaction_id", Text()),
    _filled("alert_id", Text()),
    PrimaryKeyConstraint("transaction_id", "alert_id"),
)

FRAUD_DECISIONS = Table(
    "fraud_decisions",
    METADATA,
    _filled("transaction_id", Text()),
    _filled("decision_id", Text(), comment="made from transaction_id, so unique without an index"),
    _filled("revision", Integer()),
    _filled("action", Text()),
    _filled("reasons", JSONB(), "'[]'"),
    _filled("alert_ids", ARRAY(Text()), "'{}'"),
    _filled("score", Integer()),
    _filled("severity", Text()),
    _filled("rules_version", Text()),
    _filled("published", Boolean()),
    _filled("decided_at", TIME),
    # The profile that the transaction met: a column each is written in half the time of a document.
    _filled("profile_transactions", Integer()),
    _filled("profile_total", Double()),
    _filled("profile_highest", Double()),
    Column("profile_last_time", BigInteger(), comment="milliseconds since 1970"),
    Column("profile_last_country", Text()),
    PrimaryKeyConstraint("transaction_id"),
)

ACCOUNT_TOTALS = Table(
    "account_totals",
    METADATA,
    _filled("account_id", Text()),
    _filled("kafka_partition", Integer()),
    _filled("transactions", Integer(), "0"),
    _filled("amount_units", BigInteger(), "0", comment="the sum in ten-thousandths"),
    _filled("reviews", Integer(), "0"),
    _filled("frauds", Integer(), "0"),
    _filled("fraud_amount_units", BigInteger(), "0", comment="the sum in ten-thousandths"),
    _filled("first_seen", TIME),
    _filled("last_seen", TIME),
    # The profile: doubles added in the order of the partition, which come back bit for bit.
    _filled("profile_total", Double()),
    _filled("profile_highest", Double()),
    _filled("profile_last_time", BigInteger(), comment="milliseconds since 1970"),
    _filled("profile_last_country", Text()),
    PrimaryKeyConstraint("account_id", "kafka_partition"),
    postgresql_with={"fillfactor": "70"},  # rows change all the time, and then stay on their page
)

DAILY_TOTALS = Table(
    "daily_totals",
    METADATA,
    _filled("day", Date(), comment="of event_time, in UTC"),
    _filled("currency", Text()),
    _filled("kafka_partition", Integer()),
    _count("transactions"),
    _sum("amount"),
    _count("reviews"),
    _count("frauds"),
    _sum("fraud_amount"),
    PrimaryKeyConstraint("day", "currency", "kafka_partition"),
    postgresql_with={"fillfactor": "70"},
)

RULE_TOTALS = Table(
    "rule_totals",
    METADATA,
    _filled("rule", Text()),
    _filled("kafka_partition", Integer(), comment="of fraud-alerts"),
    _count("alerts"),
    PrimaryKeyConstraint("rule", "kafka_partition"),
    postgresql_with={"fillfactor": "70"},
)

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", BigInteger(), Identity(always=True), nullable=False),
    _filled("topic", Text()),
    Column("key", LargeBinary()),
    Column("value", LargeBinary()),
    Column("timestamp_ms", BigInteger()),
    Column("headers", LargeBinary()),
    PrimaryKeyConstraint("id"),
)
"""Records that Kafka does not have yet: what it has is deleted."""

KAFKA_OFFSETS = Table(
    "kafka_offsets",
    METADATA,
    _filled("service", Text()),
    _filled("topic", Text()),
    _filled("partition", Integer()),
    _filled("next_offset", BigInteger()),
    PrimaryKeyConstraint("service", "topic", "partition"),
)
