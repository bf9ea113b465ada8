"""Whom a verification waits for, where the statements run on our server and where they run on ksqlDB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from streamguard.project import find_project
from streamguard.settings import Settings, load
from streamguard.verify import verification
from streamguard.verify.oracle import FRAUDULENT
from streamguard.verify.verification import groups_of

BANK = find_project(Path(__file__)).pipeline("bank")


def test_the_local_server_is_waited_for_by_its_name(tmp_path: Path) -> None:
    groups = groups_of(load(tmp_path, environ={}), BANK)
    assert groups[f"sg.ksql.default.{FRAUDULENT}"] == (FRAUDULENT,)


def test_elsewhere_every_ksql_group_is_waited_for_that_reads_the_topic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ksqldb = ["_confluent-ksql-default_query_CSAS_RESULT_3", "_confluent-ksql-default_query_CSAS_SENDERS_5"]

    def readers(_settings: Settings, partitions: Mapping[str, int]) -> dict[str, list[str]]:
        assert partitions == {FRAUDULENT: 4}
        return {FRAUDULENT: ["audit", *ksqldb]}

    monkeypatch.setattr(verification, "readers", readers)
    groups = groups_of(load(tmp_path, environ={}, mode="compose"), BANK)
    assert sorted(group for group, topics in groups.items() if topics == (FRAUDULENT,)) == ksqldb
