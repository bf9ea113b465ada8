"""Topics: what there is, what a pipeline wants, the plan between the two, and carrying it out.

Partitions only grow: taking one away would lose records, and growing moves keys to other partitions. Topics that no
pipeline asks for are left alone, and so is every config entry that a pipeline does not mention.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from streamguard.errors import KafkaUnavailable, StreamguardError, TopicError
from streamguard.kafka import clients
from streamguard.model import Topic
from streamguard.project import did_you_mean
from streamguard.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

ANSWER_SECONDS = 10.0
VISIBLE_SECONDS = 15.0


class Action(StrEnum):
    """What is to be done about a topic, or that nothing can be."""

    CREATE = "create"
    GROW = "grow"
    CONFIGURE = "configure"
    DIFFERS = "differs"
    SAME = "same"


@dataclass(frozen=True)
class ExistingTopic:
    """A topic as Kafka has it; `config` holds every entry, `changed` the names of those set on the topic itself."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """One line of a plan. `result` is empty until it was carried out: then ``done``, or what went wrong."""

    topic: Topic
    action: Action
    detail: str
    result: str = ""

    @property
    def is_change(self) -> bool:
        """Whether `apply` has something to do."""
        return self.action in (Action.CREATE, Action.GROW, Action.CONFIGURE)

    @property
    def failed(self) -> bool:
        return bool(self.result) and self.result != "done"


@dataclass(frozen=True)
class PartitionState:
    """One partition: who has it; a reader of committed records can read from `first` to before `next`."""

    partition: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    first: int
    next: int


def plan(wanted: Iterable[Topic], existing: Mapping[str, ExistingTopic]) -> list[Change]:
    """What has to happen so that every wanted topic is as wanted, by name; a topic may need more than one change."""
    changes: list[Change] = []
    for topic in sorted(wanted, key=lambda topic: topic.name):
        found = existing.get(topic.name)
        changes += [_creation(topic)] if found is None else _differences(topic, found) or [_same(topic)]
    return changes


def _creation(topic: Topic) -> Change:
    config = "".join(f", {name}={value}" for name, value in sorted(topic.config.items()))
    return Change(topic, Action.CREATE, f"{_count(topic.partitions)}{config}")


def _same(topic: Topic) -> Change:
    return Change(topic, Action.SAME, _count(topic.partitions))


def _differences(topic: Topic, found: ExistingTopic) -> list[Change]:
    changes: list[Change] = []
    if topic.partitions > found.partitions:
        changes.append(Change(topic, Action.GROW, f"{found.partitions} to {_count(topic.partitions)}"))
    elif topic.partitions < found.partitions:
        why = f"has {_count(found.partitions)}, wanted {topic.partitions}: partitions can not be taken away"
        changes.append(Change(topic, Action.DIFFERS, why))
    if topic.replication is not None and topic.replication != found.replication:
        why = f"has {found.replication} replicas, wanted {topic.replication}: kafka-reassign-partitions moves them"
        changes.append(Change(topic, Action.DIFFERS, why))
    entries = [
        f"{name}: {found.config.get(name, 'not set')} to {value}"
        for name, value in sorted(topic.config.items())
        if found.config.get(name) != value
    ]
    if entries:
        changes.append(Change(topic, Action.CONFIGURE, ", ".join(entries)))
    return changes


def _count(partitions: int) -> str:
    return "1 partition" if partitions == 1 else f"{partitions} partitions"


def existing_topics(settings: Settings, names: Iterable[str] | None = None) -> dict[str, ExistingTopic]:
    """The topics that Kafka has, by name, with their config; `names` chooses some, unknown ones are left out."""
    admin = clients.admin(settings)
    with clients.translated(settings):
        metadata = admin.list_topics(timeout=ANSWER_SECONDS).topics
        chosen = metadata.keys() if names is None else metadata.keys() & set(names)
        configs = _configs(admin, sorted(chosen))
    return {name: _existing(name, metadata[name].partitions, configs[name]) for name in sorted(chosen)}


def _existing(name: str, partitions: Mapping[int, Any], entries: Mapping[str, Any]) -> ExistingTopic:
    from confluent_kafka.admin import ConfigSource

    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return ExistingTopic(
        name,
        len(partitions),
        max((len(partition.replicas) for partition in partitions.values()), default=0),
        {key: str(entry.value) for key, entry in entries.items()},
        frozenset(key for key, entry in entries.items() if entry.source == own),
    )


def _configs(admin: AdminClient, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    from confluent_kafka.admin import ConfigResource, ResourceType

    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=ANSWER_SECONDS)
    return {resource.name: answer.result(ANSWER_SECONDS) for resource, answer in answers.items()}


def apply(settings: Settings, changes: Sequence[Change]) -> list[Change]:
    """Carry the changes out and return them with results; new topics are there, with leaders, when it returns.

    Applying the plan of topics that are as wanted changes nothing.
    """
    if not any(change.is_change for change in changes):
        return list(changes)
    admin = clients.admin(settings)
    results = [_carry_out(admin, settings, change) for change in changes]
    made = [change for change in results if change.action in (Action.CREATE, Action.GROW) and not change.failed]
    _await_leaders(admin, settings, {change.topic.name: change.topic.partitions for change in made})
    return results


def create_topic(settings: Settings, topic: Topic) -> None:
    """Make one topic unless it exists, whatever it is like; it is there, with leaders, when this returns."""
    admin = clients.admin(settings)
    with clients.translated(settings):
        if topic.name not in admin.list_topics(timeout=ANSWER_SECONDS).topics:
            _create(admin, settings, topic)
            _await_leaders(admin, settings, {topic.name: topic.partitions})


def _carry_out(admin: AdminClient, settings: Settings, change: Change) -> Change:
    steps = {Action.CREATE: _create, Action.GROW: _grow, Action.CONFIGURE: _configure}
    if change.action not in steps:
        return change
    try:
        with clients.translated(settings):
            steps[change.action](admin, settings, change.topic)
    except KafkaUnavailable:
        raise
    except StreamguardError as exc:
        return replace(change, result=str(exc))
    return replace(change, result="done")


def _create(admin: AdminClient, settings: Settings, topic: Topic) -> None:
    from confluent_kafka.admin import NewTopic

    replication = topic.replication or settings.kafka_replication
    new = NewTopic(topic.name, topic.partitions, replication, config=dict(topic.config))
    try:
        _result(admin.create_topics([new], request_timeout=ANSWER_SECONDS))
    except KafkaException as exc:
        if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # somebody else was quicker
            raise


def _grow(admin: AdminClient, _settings: Settings, topic: Topic) -> None:
    from confluent_kafka.admin import NewPartitions

    _result(admin.create_partitions([NewPartitions(topic.name, topic.partitions)], request_timeout=ANSWER_SECONDS))


def _configure(admin: AdminClient, _settings: Settings, topic: Topic) -> None:
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in topic.config.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
    _result(admin.incremental_alter_configs([resource], request_timeout=ANSWER_SECONDS))


def _result(answers: Mapping[Any, Future[Any]]) -> None:
    for answer in answers.values():
        answer.result(ANSWER_SECONDS)


def _await_leaders(admin: AdminClient, settings: Settings, partitions: Mapping[str, int]) -> None:
    """Kafka answers a creation before every broker knows of it; what is written at once would fail."""
    deadline = time.monotonic() + VISIBLE_SECONDS
    missing = set(partitions)
    while missing:
        with clients.translated(settings):
            topics = admin.list_topics(timeout=ANSWER_SECONDS).topics
        missing = {name for name in missing if not _has_leaders(topics.get(name), partitions[name])}
        if missing and time.monotonic() > deadline:
            raise TopicError(f"no leader for the partitions of {', '.join(sorted(missing))}: see the log of Kafka")
        if missing:
            time.sleep(0.02)  # between two looks: Kafka offers nothing to wait on


def _has_leaders(topic: Any, partitions: int) -> bool:
    return (
        topic is not None
        and len(topic.partitions) >= partitions
        and all(partition.leader >= 0 for partition in topic.partitions.values())
    )


def describe(settings: Settings, name: str) -> tuple[ExistingTopic, list[PartitionState]]:
    """One topic, with the state of each partition; `TopicError` (did you mean …?) if there is none of that name."""
    found = require(settings, name)
    admin = clients.admin(settings)
    with clients.translated(settings):
        answers = admin.describe_topics(TopicCollection([name]), request_timeout=ANSWER_SECONDS)
        partitions = answers[name].result(ANSWER_SECONDS).partitions
        first, after = offsets(admin, name, range(len(partitions)))
    return found, [
        PartitionState(
            partition.id,
            partition.leader.id if partition.leader else -1,
            tuple(node.id for node in partition.replicas),
            tuple(node.id for node in partition.isr),
            first[partition.id],
            after[partition.id],
        )
        for partition in partitions
    ]


def require(settings: Settings, name: str) -> ExistingTopic:
    """The topic of that name; `TopicError` (did you mean …?) if there is none."""
    existing = existing_topics(settings, [name])
    if name not in existing:
        clients.require_shown(settings, name)
        with clients.translated(settings):
            known = clients.admin(settings).list_topics(timeout=ANSWER_SECONDS).topics
        visible = [other for other in known if not other.startswith("__")]
        raise TopicError(f"there is no topic {name}{did_you_mean(name, visible)}")
    return existing[name]


def offsets(admin: AdminClient, topic: str, partitions: Iterable[int]) -> tuple[dict[int, int], dict[int, int]]:
    """The first offset of each partition, and the one after the last committed record."""
    return bounds(admin, {topic: partitions})[topic]


def bounds(
    admin: AdminClient, partitions: Mapping[str, Iterable[int]]
) -> dict[str, tuple[dict[int, int], dict[int, int]]]:
    """As `offsets`, of several topics by two requests."""
    from confluent_kafka.admin import OffsetSpec

    from streamguard.kafka.listed import listed

    places = [(topic, number) for topic, numbers in partitions.items() for number in numbers]
    found: dict[str, tuple[dict[int, int], dict[int, int]]] = {topic: ({}, {}) for topic in partitions}
    for end, spec in enumerate((OffsetSpec.earliest(), OffsetSpec.latest())):
        for (topic, number), offset in listed(admin, places, spec, seconds=ANSWER_SECONDS, wait=ANSWER_SECONDS).items():
            found[topic][end][number] = offset
    return found
