"""The matrix of tests/stack/test_rights.py for the other pipelines: stateful queries, decider, notifier."""

from __future__ import annotations

import pytest

from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.secured import Secured
from tests.stack.test_rights import check_matrix


@pytest.mark.parametrize("name", ["card", "transfers"])
def test_of_every_pipeline_everybody_may_do_exactly_what_is_intended(
    secured: Secured, project: Project, settings: Settings, name: str
) -> None:
    check_matrix(secured, project, settings, name)
