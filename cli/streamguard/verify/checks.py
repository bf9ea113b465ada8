"""The report on what was read: pure, so that every fault can be tried on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamguard.kafka.tail import Record
from streamguard.model import Place
from streamguard.verify import documents, records, rows
from streamguard.verify.compare import compare
from streamguard.verify.entries import Fault, Found, Wanted
from streamguard.verify.oracle import Expectation
from streamguard.verify.report import Report, Row
from streamguard.verify.sinks import Collection, Table


@dataclass(frozen=True)
class Held:
    """Everything that was read.

    `seen` is offset and digest of what a reader saw of each partition in the meantime, `gone` the ids of documents that
    were there before the run and are no longer.
    """

    topics: Mapping[str, Sequence[Record]]
    seen: Mapping[Place, Sequence[tuple[int, int]]]
    documents: Mapping[Collection, Sequence[Mapping[str, Any]]]
    gone: Mapping[Collection, Sequence[str]]
    rows: Mapping[Table, Sequence[Mapping[str, Any]]]


def check(expected: Expectation, held: Held) -> Report:
    """Compare topics with the expectation, and each sink with the topic that it is made from."""
    found = {topic: records.found_in(read) for topic, read in held.topics.items()}
    faults = compare(expected.topics, found, expected.wholes)
    for (topic, number), seen in held.seen.items():
        there = [record for record in held.topics[topic] if record.partition == number]
        faults[topic][Fault.UNSTEADY] += [f"{number}/{offset}" for offset in records.unsteady(seen, there)]
    report = [Row(topic, len(wanted), len(found[topic]), faults[topic]) for topic, wanted in expected.topics.items()]
    for collection, stored in held.documents.items():
        latest = documents.wanted_in(held.topics[collection.topic])
        row = _sink(str(collection), latest, documents.found_in(stored, latest))
        row.faults[Fault.LOST] += held.gone[collection]
        report.append(row)
    for table, stored in held.rows.items():
        report.append(_sink(str(table), rows.wanted_in(held.topics[table.topic]), rows.found_in(stored)))
    return Report(report)


def _sink(name: str, wanted: Sequence[Wanted], found: Sequence[Found]) -> Row:
    return Row(name, len(wanted), len(found), compare({name: wanted}, {name: found})[name])
