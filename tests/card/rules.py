"""The rules as `ksql test` runs them: the statements of ksql/card in memory, records in, alerts out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from streamguard.engine.execution.topology import Record
from streamguard.engine.testing.cases import Run, Script, execute, feed
from streamguard.project import Project
from tests.card.reference import Alert

PROJECT = Project(Path(__file__).parents[2])
VARIABLES = PROJECT.pipeline("card").variables
ALERTS = "fraud-alerts"


def found(values: Iterable[bytes | None], variables: Mapping[str, str]) -> dict[str, Alert]:
    """The last record of each alert id."""
    run = Run()
    for path in PROJECT.statements("card"):
        execute(run, Script(str(path), path.read_text()), variables)
    feed(run, [("transactions", Record(value, b"card", 0)) for value in values])
    return dict(said(record.raw_key, record.raw_value) for record in run.topics[ALERTS])


def said(key: bytes | None, value: bytes | None) -> tuple[str, Alert]:
    """An alert of the topic, by its id, which is also its key."""
    assert key is not None
    assert value is not None
    alert = json.loads(value)
    assert alert["ALERT_ID"] == key.decode()
    assert alert["SOURCE"] == "ksql"
    assert alert["ACTION_REQUIRED"] == ("BLOCK" if alert["RULE"] == "VELOCITY" else "REVIEW")
    start, end = alert["WINDOW_START"], alert["WINDOW_END"]
    return alert["ALERT_ID"], Alert(
        rule=alert["RULE"],
        score=alert["SCORE"],
        amount=alert["AMOUNT"],
        count=alert["TX_COUNT"],
        countries=alert["COUNTRIES"],
        time=alert["EVENT_TIME"],
        transactions=tuple(alert["TRANSACTION_IDS"]),
        window=None if start is None else (start, end),
    )
