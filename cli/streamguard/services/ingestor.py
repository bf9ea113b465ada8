"""The ingestor: reads bank transactions and sends each where its evaluation says.

``fraudulent`` and ``unidentified`` ones go on to topics of their own, bytes, key, timestamp and headers unchanged;
``legitimate`` ones are dropped and counted; what is no bank transaction becomes a dead letter. Nothing is repaired,
nothing gets a default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamguard.errors import ProjectError, RecordRefused
from streamguard.kafka.exactly_once import dead_letters
from streamguard.model import Pipeline
from streamguard.project import generator_of
from streamguard.services.frame import Decision, Service
from streamguard.services.transaction import parse
from streamguard.settings import Settings

if TYPE_CHECKING:
    from streamguard.kafka.exactly_once.produce import Record

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


def decide(record: Record) -> Decision:
    """Send a record on as it is, or drop it."""
    value = record.value()
    topic = route(value)
    if topic is None:
        return LEGITIMATE
    return ((topic, value, record.key(), dead_letters.time_of(record), dead_letters.headers_of(record)),)


def service(settings: Settings, pipeline: Pipeline) -> Service:
    """The ingestor of a pipeline."""
    group = f"sg.{pipeline.name}.{NAME}"
    return Service(NAME, group, source_of(pipeline), settings.ingestor_port, decide=decide)


def source_of(pipeline: Pipeline) -> str:
    """The topic that the ingestor of a pipeline reads; `ProjectError` if the pipeline lacks a topic it writes to."""
    source = generator_of(pipeline).topic
    for topic in (source, *filter(None, ROUTES.values()), dead_letters.topic_for(source)):
        if pipeline.topic(topic) is None:
            raise ProjectError(f"init/{pipeline.name}.yml has no topic {topic}, which the ingestor needs")
    return source
