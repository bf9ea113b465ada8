"""The properties of a request."""

from __future__ import annotations

import pytest

from streamguard.engine.analysis.metastore import Source
from streamguard.engine.server.rejection import Rejection
from streamguard.engine.server.session import after_set, checked, from_beginning

STREAM, TABLE = Source("S", "s", (), ()), Source("T", "t", (), (), kind="TABLE")


@pytest.mark.parametrize(
    ("given", "stream", "table"),
    [(None, False, True), ("latest", False, False), ("earliest", True, True), ("EARLIEST", True, True)],
)
def test_streams_begin_at_the_end_and_tables_at_the_beginning_unless_told(
    given: str | None, stream: bool, table: bool
) -> None:
    properties = {} if given is None else checked({"ksql.streams.auto.offset.reset": given})
    assert (from_beginning(properties, STREAM), from_beginning(properties, TABLE)) == (stream, table)


def test_unset_takes_a_property_away() -> None:
    properties = after_set({}, "auto.offset.reset", "earliest")
    assert after_set(properties, "ksql.streams.auto.offset.reset", None) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"auto.ofset.reset": "latest"},
            "Not recognizable as ksql, streams, consumer, or producer property: 'auto.ofset",
        ),
        ({"auto.offset.reset": "never"}, "Invalid value never for configuration auto.offset.reset"),
    ],
)
def test_what_is_not_known_is_refused(given: dict[str, str], told: str) -> None:
    with pytest.raises(Rejection) as refused:
        checked(given)
    assert told in refused.value.message
