"""What the decider tells Prometheus."""

from __future__ import annotations

from collections import Counter
from typing import cast

from prometheus_client import CollectorRegistry, generate_latest

from streamguard.services.decider.measures import MOST_RULES, OTHER, Measures
from streamguard.services.decider.outbox import Outbox
from streamguard.services.decider.store import Store, Stored


class Database:
    trouble, retries, errors = "PostgreSQL is away", 3, Counter(outage=4, refused=0, tables=0)


class Published:
    published, waiting = 12, 5


def told(measures: Measures) -> set[str]:
    registry = CollectorRegistry()
    registry.register(measures)
    return {line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")}


def test_decisions_are_counted_by_action_and_their_reasons_by_rule() -> None:
    measures = Measures()
    for _ in range(2):
        measures.count(Stored({}, decided=Counter(decline=1), found=Counter({"VELOCITY": 2, "blacklisted-card": 1})))
    assert told(measures) == {
        'streamguard_decisions_total{action="decline"} 2.0',
        'streamguard_detections_total{rule="VELOCITY"} 4.0',
        'streamguard_detections_total{rule="blacklisted-card"} 2.0',
    }


def test_the_database_and_the_outbox_are_told_of() -> None:
    measures = Measures()
    measures.store, measures.outbox = cast(Store, Database()), cast(Outbox, Published())
    assert told(measures) == {
        "streamguard_outbox_published_total 12.0",
        "streamguard_outbox_waiting 5.0",
        "streamguard_database_up 0.0",
        "streamguard_database_retries_total 3.0",
        'streamguard_database_errors_total{kind="outage"} 4.0',
        'streamguard_database_errors_total{kind="refused"} 0.0',
        'streamguard_database_errors_total{kind="tables"} 0.0',
    }


def test_names_of_rules_that_records_make_up_are_no_flood_of_series() -> None:
    measures = Measures()
    measures.count(Stored({}, found=Counter({f"rule {number}": 1 for number in range(MOST_RULES + 50)})))
    measures.count(Stored({}, found=Counter({"rule 0": 1, "another": 1})))
    assert len(measures.found) == MOST_RULES + 1
    assert (measures.found["rule 0"], measures.found[OTHER]) == (2, 51)
