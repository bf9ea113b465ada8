"""Every principal of a pipeline may do what its rights say and nothing else, of everything that there is to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from confluent_kafka.admin import NewTopic

from streamguard.connect.templates.choose import render_pipeline
from streamguard.kafka import clients, topics
from streamguard.kafka.exactly_once.dead_letters import SUFFIX
from streamguard.kafka.exactly_once.produce import Headers
from streamguard.kafka.letters.plan import prepare
from streamguard.kafka.letters.replay import Replay
from streamguard.model import Pipeline, Topic
from streamguard.project import Project
from streamguard.rights.derive import principals, rights_of
from streamguard.rights.model import OPERATIONS, Right
from streamguard.settings import Settings
from tests.stack.permitted import differences, intended, names, tried
from tests.stack.secured import ADMIN, Secured

STRANGER = "m-stranger"


def renamed(rights: Iterable[Right]) -> list[Right]:
    """The same rights on names of the test's own: what is tried out here must not meet a pipeline that runs."""
    return [replace(right, name=f"m.{right.name}") for right in rights]


@contextmanager
def granted_to_all(secured: Secured, rights: list[Right]) -> Iterator[None]:
    """The principals and the topics are there, and the rights are granted."""
    secured.make(*principals(rights), STRANGER)
    secured.allow(rights)
    new = [NewTopic(name, 1, 1) for name in names(rights, "topic")]
    for answer in secured.admin.create_topics(new).values():
        answer.result()
    yield
    for answer in secured.admin.delete_topics([topic.topic for topic in new]).values():
        answer.result()


def check_matrix(secured: Secured, project: Project, settings: Settings, name: str) -> None:
    """Try everything out, and print the cells that differ."""
    pipeline = project.pipeline(name)
    connectors = render_pipeline(project, settings, pipeline)
    rights = renamed(rights_of(project, settings, pipeline, connectors, prefix=f"m-{name}-"))
    everybody = [*principals(rights), STRANGER]
    with granted_to_all(secured, rights):
        found, wanted = tried(secured, rights, everybody), intended(rights, everybody)
    cells = sum(len(names(rights, kind)) * len(OPERATIONS[kind]) for kind in OPERATIONS if kind != "cluster")
    print(f"{len(everybody) * (cells + len(OPERATIONS['cluster']))} cells, {len(wanted)} allowed")
    assert list(differences(wanted, found)) == []


def test_of_the_bank_pipeline_everybody_may_do_exactly_what_is_intended(
    secured: Secured, project: Project, settings: Settings
) -> None:
    check_matrix(secured, project, settings, "bank")


def test_a_dead_letter_is_replayed_with_the_rights_of_an_operator_alone(
    secured: Secured, project: Project, settings: Settings
) -> None:
    pipeline = Pipeline("replays", topics=(Topic("replays.in", 1), Topic(f"replays.in{SUFFIX}", 1)))
    rights = rights_of(project, settings, pipeline, [], prefix="replays-")
    secured.make("replays-deployer", "replays-operator")
    secured.allow(rights)
    topics.apply(secured.settings("replays-deployer"), topics.plan(pipeline.topics, {}))
    story = {
        "topic": "replays.in",
        "partition": 0,
        "offset": 0,
        "timestamp": 1,
        "code": "E_JSON",
        "service": "ingestor",
    }
    headers: Headers = [(f"sg-dlq-{name}", str(fact).encode()) for name, fact in story.items()]
    producer = clients.producer(secured.settings(ADMIN))
    producer.produce(f"replays.in{SUFFIX}", b"value", b"key", headers=headers)
    assert not producer.flush(20)
    operator = secured.settings("replays-operator")
    plan = prepare(operator, f"replays.in{SUFFIX}", lambda _done, _wanted: None)
    assert Replay(operator, plan).run(lambda _written: None).total() == 1
    again = prepare(operator, f"replays.in{SUFFIX}", lambda _done, _wanted: None)
    assert not again.records
