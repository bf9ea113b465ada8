"""The profile of a decision as columns: as a document it took longer to write than the rest of the row."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

# Rows that are there are written anew once, with all columns, and no copy of them is left behind.
COLUMNS = """
ALTER TABLE fraud_decisions
  ADD COLUMN profile_transactions INTEGER NOT NULL DEFAULT 0,
  ADD COLUMN profile_total DOUBLE PRECISION NOT NULL DEFAULT 0,
  ADD COLUMN profile_highest DOUBLE PRECISION NOT NULL DEFAULT 0,
  ADD COLUMN profile_last_time BIGINT,
  ADD COLUMN profile_last_country TEXT;
ALTER TABLE fraud_decisions
  ALTER COLUMN profile_transactions DROP DEFAULT,
  ALTER COLUMN profile_total DROP DEFAULT,
  ALTER COLUMN profile_highest DROP DEFAULT,
  ALTER COLUMN profile_transactions TYPE INTEGER USING CAST(profile ->> 'transactions' AS INTEGER),
  ALTER COLUMN profile_total TYPE DOUBLE PRECISION USING CAST(profile ->> 'total' AS DOUBLE PRECISION),
  ALTER COLUMN profile_highest TYPE DOUBLE PRECISION USING CAST(profile ->> 'highest' AS DOUBLE PRECISION),
  ALTER COLUMN profile_last_time TYPE BIGINT USING CAST(profile ->> 'last_time' AS BIGINT),
  ALTER COLUMN profile_last_country TYPE TEXT USING profile ->> 'last_country';
ALTER TABLE fraud_decisions DROP COLUMN profile;
COMMENT ON COLUMN fraud_decisions.profile_last_time IS 'milliseconds since 1970';
"""
DOCUMENT = """
ALTER TABLE fraud_decisions ADD COLUMN profile JSONB NOT NULL DEFAULT '{}';
ALTER TABLE fraud_decisions
  ALTER COLUMN profile DROP DEFAULT,
  ALTER COLUMN profile TYPE JSONB USING jsonb_build_object(
    'transactions', profile_transactions, 'total', profile_total, 'highest', profile_highest,
    'last_time', profile_last_time, 'last_country', profile_last_country
  );
ALTER TABLE fraud_decisions
  DROP COLUMN profile_transactions, DROP COLUMN profile_total, DROP COLUMN profile_highest,
  DROP COLUMN profile_last_time, DROP COLUMN profile_last_country;
"""


def upgrade() -> None:
    """A column for each part."""
    op.execute(COLUMNS)


def downgrade() -> None:
    """One document of them again."""
    op.execute(DOCUMENT)
