"""A Parquet file has the fields of a record as columns, and loses nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyarrow import parquet

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source, records, written
from streamguard.datagen.sinks import open_sink
from streamguard.datagen.sinks import parquet as sink_module
from streamguard.errors import StreamguardError
from tests.datagen.sinks.storing import stored
from tests.datagen.small import FAULTS, SMALL, TRUTH, world

START = datetime(2026, 3, 1, tzinfo=UTC)
CLEAN = Run(SMALL, "r", 7, START)
COUNT = BLOCK + 77


def table(run: Run, path: Path, count: int = COUNT) -> pa.Table:
    stored(run, path, count)
    return parquet.read_table(path)


def test_every_record_is_a_row(tmp_path: Path) -> None:
    rows = table(CLEAN, tmp_path / "out.parquet").to_pylist()
    expected = list(records(CLEAN, COUNT))
    for row in expected:
        row["at"] = datetime.fromisoformat(row["at"])
    assert rows == expected


def test_columns_have_types(tmp_path: Path) -> None:
    schema = table(CLEAN, tmp_path / "out.parquet", 10).schema
    assert schema.field("amount").type == pa.float64()
    assert schema.field("at").type == pa.timestamp("us", "UTC")
    assert schema.field("payer").type == pa.struct([(name, pa.string()) for name in ("id", "name", "country")])
    assert sink_module.MALFORMED not in schema.names


def test_what_a_fault_has_left_is_kept_as_it_is(tmp_path: Path) -> None:
    run = Run(world(faults=FAULTS, truth=TRUTH), "r", 7, START)
    rows = table(run, tmp_path / "out.parquet").to_pylist()
    expected = list(written(run, COUNT))
    assert len(rows) == len(expected)
    kept = [row[sink_module.MALFORMED] for row in rows]
    assert sum(each is not None for each in kept) > 100
    for row, record, malformed in zip(rows, expected, kept, strict=True):
        if malformed is None:
            assert orjson.loads(record.value or b"")["id"] == row["id"]
        else:
            assert malformed == (record.value or b"") and row["id"] is None
    assert (tmp_path / "out-truth.jsonl").stat().st_size > 0


def test_without_pyarrow_a_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "pa", None)
    with pytest.raises(StreamguardError, match=r"pip install 'streamguard\[parquet\]'"):
        open_sink(str(tmp_path / "out.parquet"), Source(CLEAN, "payments"))
