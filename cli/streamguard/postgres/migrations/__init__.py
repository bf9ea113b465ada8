"""The schema's history, as Alembic runs it: one file a step, never changed once it was released."""
