"""What Kafka lets us do, and what its access control list says of others: asked, never tried out."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from streamguard.kafka import clients
from streamguard.settings import Settings

SECONDS = 5.0
"""Longest wait for one answer."""
_RESOURCES = {
    ResourceType.TOPIC: "topic",
    ResourceType.GROUP: "group",
    ResourceType.TRANSACTIONAL_ID: "transactional_id",
    ResourceType.BROKER: "cluster",  # the same number in Kafka's protocol
}


@dataclass(frozen=True)
class Entry:
    """An entry of the access control list, in the words of `rights.model`; `operation` may be ``all``."""

    principal: str
    resource: str
    name: str
    pattern: str
    operation: str
    allows: bool
    host: str = "*"


@dataclass(frozen=True)
class Answered:
    """What Kafka says of one resource: the operations that we may do, or None and why it does not say."""

    operations: frozenset[str] | None
    reason: str = ""


@dataclass(frozen=True)
class Brokers:
    """A cluster: its id, how many brokers answer for it."""

    cluster_id: str
    count: int


def brokers(settings: Settings) -> Brokers:
    """Who answers. Raises KafkaUnavailable, or KafkaError when the login is refused."""
    admin = clients.admin(settings, timeout=SECONDS)
    with clients.translated(settings):
        found = admin.list_topics(timeout=SECONDS)
    return Brokers(str(found.cluster_id), len(found.brokers))


def of_topics(settings: Settings, names: Collection[str]) -> dict[str, Answered]:
    """What we may do with each topic; a topic that is not there, or hidden from us, has a reason."""
    if not names:
        return {}
    admin = clients.admin(settings, timeout=SECONDS)
    answers = admin.describe_topics(
        TopicCollection(list(names)), include_authorized_operations=True, request_timeout=SECONDS
    )
    return {name: _answered(answer) for name, answer in answers.items()}


def of_groups(settings: Settings, names: Collection[str]) -> dict[str, Answered]:
    """What we may do with each consumer group; of one that nobody has used yet, Kafka may say nothing."""
    if not names:
        return {}
    admin = clients.admin(settings, timeout=SECONDS)
    answers = admin.describe_consumer_groups(list(names), include_authorized_operations=True, request_timeout=SECONDS)
    return {name: _answered(answer) for name, answer in answers.items()}


def entries(settings: Settings) -> list[Entry] | str:
    """The whole access control list; or why it is not to be seen, "" if Kafka has none at all."""
    whatever: Any = None
    everything = AclBindingFilter(
        ResourceType.ANY, whatever, ResourcePatternType.ANY, whatever, whatever, AclOperation.ANY, AclPermissionType.ANY
    )
    admin: AdminClient = clients.admin(settings, timeout=SECONDS)
    try:
        found = admin.describe_acls(everything, request_timeout=SECONDS).result(SECONDS)
    except KafkaException as exc:
        error = exc.args[0]
        if error.code() == KafkaError.SECURITY_DISABLED:
            return ""
        return str(error.str())
    except TimeoutError:
        return f"no answer within {SECONDS:.0f} s"
    if found:
        return [_entry(binding) for binding in found]
    authorizer = _authorizer(admin)  # librdkafka drops what Kafka says of an empty list: why it is
    return [] if authorizer else "" if authorizer is not None else "Kafka shows it to its administrators only"


def _authorizer(admin: AdminClient) -> str | None:
    """Who decides what is allowed, as a broker says: a class, "" if nobody does; None if we may not ask."""
    try:
        broker = ConfigResource(ResourceType.BROKER, str(next(iter(admin.list_topics(timeout=SECONDS).brokers))))
        config = admin.describe_configs([broker], request_timeout=SECONDS)[broker].result(SECONDS)
    except (KafkaException, TimeoutError):
        return None
    found = config.get("authorizer.class.name")
    return None if found is None else str(found.value or "")


def _entry(binding: Any) -> Entry:
    return Entry(
        binding.principal.removeprefix("User:"),
        _RESOURCES.get(binding.restype, binding.restype.name.lower()),
        binding.name,
        binding.resource_pattern_type.name.lower(),
        binding.operation.name.lower(),
        binding.permission_type is AclPermissionType.ALLOW,
        binding.host,
    )


def _answered(answer: Future[Any]) -> Answered:
    try:
        found = answer.result(SECONDS)
    except KafkaException as exc:
        return Answered(None, str(exc.args[0].str()))
    except TimeoutError:
        return Answered(None, f"no answer within {SECONDS:.0f} s")
    told = found.authorized_operations
    if told is None:
        return Answered(None, "this Kafka does not say")
    return Answered(frozenset(operation.name.lower() for operation in told))
