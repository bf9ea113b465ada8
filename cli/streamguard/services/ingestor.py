"""The ingestor: reads bank transactions and sends each where its evaluation says.

``fraudulent`` and ``unidentified`` ones go on to topics of their own, bytes, key, timestamp and headers unchanged;
``legitimate`` ones are dropped and counted; what is no bank transaction becomes a dead letter. Nothing is repaired,
nothing gets a default.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from streamguard.errors import ProjectError, RecordRefused
from streamguard.kafka import dead_letters
from streamguard.kafka.metrics import Counts
from streamguard.model import Pipeline
from streamguard.services.transaction import parse

if TYPE_CHECKING:
    from streamguard.kafka.produce import Produce, Record

NAME = "ingestor"
LEGITIMATE = "legitimate"
ROUTES: dict[str, str | None] = {
    "fraudulent": "fraudulent-transactions",
    "unidentified": "unidentified-transactions",
    LEGITIMATE: None,
}
"""The topic of each evaluation; None: dropped."""


def route(value: bytes | None) -> str | None:
    """The topic that a bank transaction goes to; None: it is dropped.

    Raises:
        RecordRefused: it is no bank transaction. The reason names the field and never says what is in it.
    """
    evaluation = parse(value)["evaluation"]
    if not isinstance(evaluation, str) or evaluation not in ROUTES:
        raise RecordRefused("E_EVALUATION", f"evaluation is none of {', '.join(ROUTES)}")
    return ROUTES[evaluation]


class Ingestor:
    """Handles batches of one input topic and counts what it did with each record."""

    def __init__(self, source: str, counts: Counts) -> None:
        self.source = source
        self.counts = counts

    def handle(self, batch: Sequence[Record], produce: Produce) -> None:
        """Route every record of the batch."""
        counted = self.counts.begin()
        counted["in", self.source] += len(batch)
        for record in batch:
            value = record.value()
            try:
                topic = route(value)
            except RecordRefused as refusal:
                dead = dead_letters.write(produce, record, refusal, NAME)
                counted["dead_letter", dead, refusal.code] += 1
                continue
            if topic is None:
                counted["filtered", LEGITIMATE] += 1
            else:
                produce(topic, value, record.key(), dead_letters.time_of(record), dead_letters.headers_of(record))
                counted["out", topic] += 1


def source_of(pipeline: Pipeline) -> str:
    """The topic that the ingestor of a pipeline reads; `ProjectError` if the pipeline lacks a topic it writes to."""
    source = pipeline.generator.topic
    for topic in (source, *filter(None, ROUTES.values()), dead_letters.topic_for(source)):
        if pipeline.topic(topic) is None:
            raise ProjectError(f"init/{pipeline.name}.yml has no topic {topic}, which the ingestor needs")
    return source
