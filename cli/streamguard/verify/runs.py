"""What a run wrote, worked out again from its description."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

import orjson

from streamguard.datagen.encoding import JsonEncoder
from streamguard.datagen.people import cached_people
from streamguard.datagen.worlds.bank import Run, Shares, blocks
from streamguard.errors import StreamguardError
from streamguard.verify.oracle import Input


def run_of(summary: Mapping[str, Any]) -> tuple[Run, int]:
    """The run that a summary of `produce` describes, and how many records it wrote.

    Raises StreamguardError if not all were acknowledged: of the others nobody knows whether they were written.
    """
    if summary["produced"] != summary["acknowledged"]:
        raise StreamguardError(
            f"run {summary['run']}: {summary['produced'] - summary['acknowledged']:,} records were not acknowledged, "
            "so nobody can say what must be there: verify again"
        )
    shares = Shares(summary["fraudulent_share"], summary["unidentified_share"])
    start = datetime.fromisoformat(summary["start"])
    run = Run(summary["run"], summary["seed"], start, summary["target_rate"], shares, summary["people"])
    return run, summary["produced"]


def inputs(run: Run, count: int, cache_dir: Path) -> Iterator[Input]:
    """The first `count` records of a run."""
    encoder = JsonEncoder(run, cached_people(run.people, cache_dir))
    pairs = (zip(encoder.keys(chunk), encoder.values(chunk), strict=True) for chunk in blocks(run))
    for key, value in islice(chain.from_iterable(pairs), count):
        yield key, value, orjson.loads(value)
