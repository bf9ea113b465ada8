"""What `ksql exec` prints of a server's answers."""

from __future__ import annotations

from streamguard.engine.client.entities import listing
from streamguard.engine.functions import answers
from streamguard.engine.functions.listing import find


def test_named_types_are_written_as_in_sql() -> None:
    place = {"type": "STRUCT", "fields": [{"name": "CITY", "schema": {"type": "STRING"}}]}
    answer = {"@type": "type_list", "types": {"PLACE": place}}
    assert listing(answer) == ([{"name": "PLACE", "type": "STRUCT<CITY STRING>"}], ["name", "type"])


def test_a_function_is_described_by_its_text_and_every_way_to_call_it() -> None:
    function = find("substring")
    assert function is not None
    rows, columns = listing({"@type": "describe_function", **answers.description(function)})
    assert columns == []
    assert rows[0]["message"] == function.description
    assert "SUBSTRING(value STRING, pos INTEGER) -> STRING" in [row["message"] for row in rows]
