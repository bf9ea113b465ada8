"""What a query without a sink makes: lists of columns, and of tables also the rows that are gone."""

from __future__ import annotations

from typing import Any


class Tombstone(list[Any]):
    """A row that is gone: only its key columns and window bounds are filled."""
