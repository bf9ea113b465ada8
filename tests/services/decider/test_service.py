"""Metrics of the decider's own."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

from streamguard.services.decider.service import Measures


def test_what_the_database_refuses_is_counted_by_its_sqlstate() -> None:
    measures = Measures()
    measures.store = cast(Any, SimpleNamespace(trouble="", errors=Counter({"57P01": 2, "none": 1}), retries=3))
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for metric in measures.collect()
        for sample in metric.samples
    }
    assert told["streamguard_database_errors_total", "57P01"] == 2
    assert told["streamguard_database_errors_total", "none"] == 1
    assert told["streamguard_database_retries_total",] == 3
    assert told["streamguard_database_up",] == 1
