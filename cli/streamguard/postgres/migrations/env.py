"""Alembic runs this to know what to migrate: the connection that `migrate` hands over, and nothing from a file."""

from __future__ import annotations

from alembic import context

from streamguard.postgres.schema import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
