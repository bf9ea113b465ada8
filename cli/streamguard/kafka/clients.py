"""Producers, consumers and admin clients of Kafka, all made from the settings in one way.

* Keys are placed as Java's default partitioner places them (``murmur2_random``), so that one key is on one partition
  whether streamguard, ksqlDB or a Java service wrote it.
* A producer waits for all replicas and is idempotent; a consumer reads committed records only and never commits by
  itself.
* librdkafka's own log lines go to the logger ``streamguard.kafka.librdkafka``, which is silent unless somebody sets its
  level.
* Errors of confluent_kafka become errors of streamguard in `translate`, and nowhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from streamguard.errors import Fenced, KafkaUnavailable, StreamguardError, TopicError
from streamguard.errors import KafkaError as KafkaRefusal
from streamguard.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_MS = 1_500
TRANSACTION_TIMEOUT_MS = 10_000
MAX_POLL_INTERVAL_MS = 60_000
LARGEST_RECORD_BYTES = 16 * 1024 * 1024
"""Before compression; what a broker accepts (after compression) is the topic's ``max.message.bytes``."""

SILENT = logging.CRITICAL + 1
LOG = logging.getLogger("streamguard.kafka.librdkafka")
LOG.setLevel(SILENT)

CAUSE_SECONDS = 5.0
"""Longest wait for what ended a producer, which its next call says at once, but for a busy machine."""
FENCED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
_AWAY = frozenset({KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE})
_NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})
DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


def producer(settings: Settings, **config: Any) -> Producer:
    """A producer. `config` holds librdkafka's own names, as in ``**{"linger.ms": 50}``, and wins."""
    return Producer({**_producer_config(settings), **config}, logger=LOG)


def transactional_producer(settings: Settings, transactional_id: str, **config: Any) -> Producer:
    """A producer for transactions; its first call must be ``init_transactions``.

    The id must be the same at every start: that is what fences a forgotten twin, and what ends the open transaction
    of a killed predecessor at once instead of after its time-out.
    """
    transactional = {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "retry.backoff.ms": 5,  # the first request after a commit meets the end of that commit; 100 ms would be lost
    }
    return Producer({**_producer_config(settings), **transactional, **config}, logger=LOG)


def consumer(settings: Settings, group: str, *, instance: str | None = None, **config: Any) -> Consumer:
    """A consumer of committed records. With `instance` it is a static member: a restart moves no partition."""
    return Consumer({**_consumer_config(settings, group, instance), **config}, logger=LOG)


def offsets_reader(settings: Settings, group: str) -> Consumer:
    """A consumer that is asked what its group has committed, and never joins it.

    An admin client can be asked the same, and is not: its process dies of a null pointer in librdkafka 2.16 when the
    group has another coordinator than before, as after the death of a broker.
    """
    return consumer(settings, group, **{"isolation.level": "read_uncommitted"})  # else an open transaction hides it


def admin(settings: Settings, *, timeout: float = 3.0) -> AdminClient:
    """An admin client of a Kafka that answers; `KafkaUnavailable` after at most `timeout` seconds otherwise."""
    from confluent_kafka.admin import AdminClient  # services do without it, and start sooner

    client = AdminClient(_shared(settings), logger=LOG)
    require_broker(client, settings, timeout=timeout)
    return client


def require_broker(client: Producer | Consumer | AdminClient, settings: Settings, *, timeout: float = 3.0) -> None:
    """Return when a broker answers, raise `KafkaUnavailable` when none does within `timeout` seconds."""
    with translated(settings):
        client.list_topics(timeout=timeout)


def members(settings: Settings, group: str) -> dict[str, str]:
    """The static members of a consumer group: member ids by group instance id."""
    client = admin(settings)
    with translated(settings):
        found = client.describe_consumer_groups([group], request_timeout=5.0)[group].result(5.0)
    return {member.group_instance_id: member.member_id for member in found.members if member.group_instance_id}


@contextmanager
def translated(settings: Settings, producer: Producer | None = None) -> Iterator[None]:
    """Errors of confluent_kafka leave this block as errors of streamguard. `producer`: what it writes with, if any."""
    try:
        yield
    except KafkaException as exc:
        told = exc if producer is None else KafkaException(cause(producer, exc.args[0]))
        raise translate(told, settings) from exc


def translate(exc: KafkaException, settings: Settings) -> StreamguardError:
    """One of confluent_kafka's errors as one of ours: what happened in a sentence, and what to do about it."""
    error = exc.args[0]
    if not isinstance(error, KafkaError):
        return KafkaRefusal(f"Kafka at {settings.kafka_bootstrap}: {error}")
    if error.code() in FENCED:
        return Fenced(f"another process runs under the same name and has taken over ({error.str()}): this one ends")
    if error.code() in _AWAY:
        return unavailable(settings)
    if error.code() in _NO_TOPIC:
        return TopicError(
            f"Kafka has no such topic or partition ({error.str()}): `streamguard topics apply` makes them"
        )
    if error.code() in DENIED:
        return KafkaRefusal(
            f"Kafka at {settings.kafka_bootstrap} refused: {error.str()}; ask who runs it for the permission"
        )
    return KafkaRefusal(f"Kafka at {settings.kafka_bootstrap} refused: {error.str()}")


def cause(producer: Producer, error: KafkaError) -> KafkaError:
    """What ended a producer: its ``produce`` says no more than that something did, which its other calls tell."""
    if error.code() == KafkaError._FATAL:
        try:
            producer.abort_transaction(CAUSE_SECONDS)
        except KafkaException as exc:
            return exc.args[0]  # type: ignore[no-any-return]
    return error


def unavailable(settings: Settings) -> KafkaUnavailable:
    """The error for a Kafka that does not answer."""
    return KafkaUnavailable(
        f"no Kafka broker answers at {settings.kafka_bootstrap}: start one with `streamguard up`, "
        f"or set STREAMGUARD_KAFKA_BOOTSTRAP"
    )


def discard(client: Producer) -> None:
    """Have a producer forget what it has not sent: an open transaction is left to its successor to end."""
    client.purge()
    with suppress(KafkaException):  # the fatal error that it is discarded for
        client.poll(0)


def _shared(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": "streamguard",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "error_cb": _ignore,
    }


def _producer_config(settings: Settings) -> dict[str, Any]:
    return {
        **_shared(settings),
        "partitioner": "murmur2_random",
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "message.max.bytes": LARGEST_RECORD_BYTES,
        "queue.buffering.max.messages": 200_000,
        "queue.buffering.max.kbytes": 256 * 1024,
    }


def _consumer_config(settings: Settings, group: str, instance: str | None) -> dict[str, Any]:
    config = {
        **_shared(settings),
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": SESSION_TIMEOUT_MS,
        "heartbeat.interval.ms": HEARTBEAT_MS,
        "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
        "fetch.queue.backoff.ms": 20,
    }
    if instance is not None:
        config["group.instance.id"] = instance
    return config


def _ignore(error: KafkaError) -> None:
    """librdkafka's events (a broker went away, came back) are news, not errors: calls raise what matters."""
