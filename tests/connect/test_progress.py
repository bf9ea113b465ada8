from __future__ import annotations

import pytest

from streamguard.connect.progress import topics_of

EXISTING = {"orders": [0], "orders-2": [0], "users": [0]}


@pytest.mark.parametrize(
    ("config", "topics"),
    [
        ({"topics": "orders, users"}, ["orders", "users"]),
        ({"topics": "orders,gone"}, ["orders"]),
        ({"topics.regex": "orders.*"}, ["orders", "orders-2"]),
        ({"topics.regex": "orders"}, ["orders"]),
        ({"topics.regex": r"\p{Alpha}+"}, []),
        ({}, []),
    ],
)
def test_a_sink_reads_the_topics_of_its_list_or_its_pattern_that_exist(
    config: dict[str, str], topics: list[str]
) -> None:
    assert topics_of(config, EXISTING) == topics
