"""The quick way through a JSON value gives what the complete way gives, for every type and any number of digits."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from streamguard.engine.analysis.metastore import Source
from streamguard.engine.codecs import Undecodable, value_decoder, value_encoder
from streamguard.engine.execution.compile import Run, compile_source
from streamguard.engine.execution.topology import Record
from tests.engine.records import Written, applied

SQL = """
    CREATE STREAM i (m DECIMAL(6, 2), d DATE, t TIME, w TIMESTAMP, r BYTES, n INT, b BIGINT, x DOUBLE, s STRING,
                     q BOOLEAN, a ARRAY<DECIMAL(6, 2)>, f STRUCT<m DECIMAL(6, 2), w TIMESTAMP>, g MAP<STRING, DATE>)
      WITH (kafka_topic='i', value_format='JSON');
    CREATE STREAM o AS SELECT * FROM i;
"""
DECIMALS = ["0", "-0", "1.5", "1.25", "1.250", "9999.99", "10000", "1e2", "12.340000000000000001", "1e400", "1e-400"]
WHOLE = ["86399999", "86400000", "-1", "2147483648", "9223372036854775807", "9223372036854775808"]
NUMBERS = st.sampled_from([*DECIMALS, *WHOLE, "0.30000000000000004"])
ATOMS = NUMBERS | st.sampled_from(["null", "true", '"1.25"', '"7"', '"aGk="', '"x"', '"NaN"', '""'])
VALUES = (
    ATOMS
    | st.lists(ATOMS, max_size=3).map(lambda each: f"[{','.join(each)}]")
    | st.dictionaries(st.sampled_from(["m", "M", "W", "k"]), ATOMS, max_size=3).map(
        lambda each: "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in each.items()) + "}"
    )
)
NAMES = st.sampled_from([*"MDTWRNBXSQAFG", "m", "f", "extra"])


@cache
def made() -> tuple[Source, Run]:
    metastore = applied(SQL)
    (query,) = metastore.queries.values()
    return metastore.sources["I"], compile_source({query.id: query.plan})


@given(fields=st.dictionaries(NAMES, VALUES, max_size=5))
@example(fields={"M": "0.30000000000000004"})
@example(fields={"M": "1e-400"})
@example(fields={"F": '{"m": 1.25, "w": "12"}', "A": "[1.5, null]"})
def test_the_quick_way_and_the_complete_way_agree(fields: dict[str, Any]) -> None:
    raw = ("{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in fields.items()) + "}").encode()
    source, run = made()
    written = Written()
    run([Record(raw)], written.produce, written.on_error)
    try:
        row = value_decoder(source.values, "JSON")(raw)
    except Undecodable as exc:
        assert [reason for _, reason in written.errors] == [str(exc)]
        assert written.records == []
        return
    assert row is not None
    assert [record.raw_value for _, record in written.records] == [value_encoder(source.values, "JSON")(row)]
