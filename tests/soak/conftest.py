"""The same real servers as in tests/stack."""

from __future__ import annotations

from tests.stack.conftest import bank, own, project, settings, stack, workers

__all__ = ["bank", "own", "project", "settings", "stack", "workers"]
