"""The same real servers as in tests/stack, the Connect worker among them from the start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamguard.project import Project
from streamguard.stack.stack import Stack
from tests.stack.conftest import SERVERS, bank, connect, own, project, secured, settings, started, workers

__all__ = ["bank", "connect", "own", "project", "secured", "settings", "workers"]


@pytest.fixture(scope="session")
def stack(project: Project, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The running stack."""
    with started(project, pytestconfig, (*SERVERS, "connect")) as running:
        yield running
