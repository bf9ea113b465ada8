"""A service of the bank pipeline with topics and a group of a test's own, as a process.

Arguments: the service, and the prefix of its topics. It reads the topic ``<prefix>in``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from streamguard.errors import StreamguardError
from streamguard.kafka.exactly_once.dead_letters import topic_for
from streamguard.model import Generator, Pipeline, Topic
from streamguard.services import frame, ingestor, processor
from streamguard.settings import load

OUTPUTS = {
    "ingestor": [topic for topic in ingestor.ROUTES.values() if topic is not None],
    "processor": [processor.RESULTS, processor.USERS],
}
"""The topics of each service without the prefix, other than ``in`` and its dead-letter topic."""


def topics_of(service: str, prefix: str) -> list[str]:
    """The topics of a service: the first one is what it reads, the second its dead-letter topic."""
    source = f"{prefix}in"
    return [source, topic_for(source), *(prefix + topic for topic in OUTPUTS[service])]


def main(service: str, prefix: str) -> None:
    source, *_ = topics = topics_of(service, prefix)
    pipeline = Pipeline(prefix, tuple(Topic(name, 4) for name in topics), (), Generator("bank", source, 1), None, None)
    settings = load(Path.cwd())
    if service == "processor":
        processor.SOURCE = source
        processor.RESULTS, processor.USERS = (prefix + topic for topic in OUTPUTS[service])
        processor.run(settings, pipeline)
    else:
        ingestor.ROUTES.update({name: prefix + topic for name, topic in ingestor.ROUTES.items() if topic is not None})
        frame.run(settings, ingestor.service(settings, pipeline))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except StreamguardError as exc:
        sys.exit(exc.exit_code)
