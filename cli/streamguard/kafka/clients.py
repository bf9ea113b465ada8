"""Producers, consumers and admin clients of Kafka, all made from the settings in one way.

* Keys are placed as Java's default partitioner places them (``murmur2_random``), so that one key is on one partition
  whether streamguard, ksqlDB or a Java service wrote it.
* A producer waits for all replicas and is idempotent; a consumer reads committed records only and never commits by
  itself.
* librdkafka's own log lines go to the logger ``streamguard.kafka.librdkafka``, which is silent unless somebody sets its
  level.
* How Kafka is reached, and as whom, says the file of `properties`, to all clients alike. librdkafka's events (a broker
  went away, came back) are news, not errors: calls raise what matters, but for one thing, see `door`.
* Errors of confluent_kafka become errors of streamguard in `translate`, and nowhere else.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from streamguard.errors import Fenced, KafkaUnavailable, SettingsError, StreamguardError, TopicError
from streamguard.errors import KafkaError as KafkaRefusal
from streamguard.kafka import properties
from streamguard.kafka.door import DOOR, SHUT
from streamguard.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient, ClusterMetadata

Client = TypeVar("Client")

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


SHUT_SECONDS = 5.0
"""For so long a loop is not let in before it ends: a broker that starts may not know its users yet."""
ANSWER_SECONDS = 3.0
HANDSHAKE_SECONDS = 8.0
"""TLS and a login, from far away or on a busy machine."""
FIRST_LOOK = 0.25
"""Seconds after which it is looked for the first time why nobody answers."""
_REMARK = re.compile(r"^\S+://\S+: |,? ?\(after .*$|: Disconnected.*$|\s*\(install .*$")
"""What librdkafka says beside the cause: the broker, and after how long."""
_PLACES = re.compile(r"\w+://\S+: |Broker: ")
_REPEATED = re.compile(r"(: [^:]+?)\1(?=\.?$)")
"""A broker's words may stand there twice."""


def producer(settings: Settings, **config: Any) -> Producer:
    """A producer. `config` holds librdkafka's own names, as in ``**{"linger.ms": 50}``, and wins."""
    return _made(Producer, settings, {**_producer_config(settings), **config})


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
    return _made(Producer, settings, {**_producer_config(settings), **transactional, **config})


def consumer(settings: Settings, group: str, *, instance: str | None = None, **config: Any) -> Consumer:
    """A consumer of committed records. With `instance` it is a static member: a restart moves no partition."""
    return _made(Consumer, settings, {**_consumer_config(settings, group, instance), **config})


def offsets_reader(settings: Settings, group: str) -> Consumer:
    """A consumer that is asked what its group has committed, and never joins it.

    An admin client can be asked the same, and is not: its process dies of a null pointer in librdkafka 2.16 when the
    group has another coordinator than before, as after the death of a broker.
    """
    return consumer(settings, group, **{"isolation.level": "read_uncommitted"})  # else an open transaction hides it


def admin(settings: Settings, *, timeout: float | None = None) -> AdminClient:
    """An admin client of a Kafka that answers; `KafkaUnavailable` as `metadata` raises it otherwise."""
    from confluent_kafka.admin import AdminClient  # services do without it, and start sooner

    client = _made(AdminClient, settings, _shared(settings))
    metadata(client, settings, timeout=timeout)
    return client


def metadata(client: Producer | AdminClient, settings: Settings, *, timeout: float | None = None) -> ClusterMetadata:
    """What a broker says of the cluster.

    Raises:
        KafkaUnavailable: none answers within `timeout` seconds; by default 3, 8 of a Kafka that asks who we are.
        KafkaError: it does not let us in, which is told sooner.
    """
    if timeout is None:
        timeout = ANSWER_SECONDS if settings.kafka_properties == Path() else HANDSHAKE_SECONDS
    end, wait = time.monotonic() + timeout, FIRST_LOOK
    while True:
        left = end - time.monotonic()
        try:
            return client.list_topics(timeout=max(0.0, min(wait, left)))
        except KafkaException as exc:
            client.poll(0)  # serves the events that say why
            shut = wait > FIRST_LOOK and DOOR.refusal(settings) is not None  # another broker may be about to answer
            if left <= wait or shut or exc.args[0].code() not in _AWAY:
                raise translate(exc, settings) from exc
        wait *= 2


def require_admission(settings: Settings) -> None:
    """Raise if Kafka does not let us in, and has not for `SHUT_SECONDS`; to be asked while nothing comes."""
    refusal = DOOR.refusal(settings, lasting=SHUT_SECONDS)
    if refusal is not None:
        raise translate(KafkaException(refusal), settings)


def require_shown(settings: Settings, topic: str) -> None:
    """Raise if a topic that a list of all topics lacks is there, or may be, and we may not see it."""
    from confluent_kafka import TopicCollection

    if settings.kafka_properties == Path():  # nobody knows who we are: there is nothing that others may and we may not
        return
    client = admin(settings)
    try:
        client.describe_topics(TopicCollection([topic]), request_timeout=3.0)[topic].result(3.0)
    except KafkaException as exc:
        if exc.args[0].code() in DENIED:
            raise KafkaRefusal(_denied(exc.args[0], settings, f"topic {topic}: ")) from exc
    except TimeoutError:
        pass


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
    if error.code() in SHUT:
        return _shut_out(error, settings)
    if error.code() in _NO_TOPIC:
        return TopicError(
            f"Kafka has no such topic or partition ({error.str()}): `streamguard topics apply` makes them"
        )
    if error.code() in DENIED:
        return KafkaRefusal(_denied(error, settings))
    return KafkaRefusal(f"Kafka at {settings.kafka_bootstrap} refused: {error.str()}")


def cause(producer: Producer, error: KafkaError) -> KafkaError:
    """What ended a producer: its ``produce`` says no more than that something did, which its other calls tell."""
    if error.code() == KafkaError._FATAL:
        try:
            producer.abort_transaction(CAUSE_SECONDS)
        except KafkaException as exc:
            return exc.args[0]  # type: ignore[no-any-return]
    return error


def unavailable(settings: Settings) -> KafkaRefusal:
    """The error for a Kafka that does not answer, or does not let us in."""
    refusal = DOOR.refusal(settings)
    if refusal is not None:
        return _shut_out(refusal, settings)
    nobody = f"no Kafka broker answers at {settings.kafka_bootstrap}"
    if settings.mode == "compose":
        return KafkaUnavailable(f"{nobody}: start it with `streamguard up --mode compose`")
    if settings.mode != "external":
        return KafkaUnavailable(f"{nobody}: start one with `streamguard up`, or set STREAMGUARD_KAFKA_BOOTSTRAP")
    given = properties.read(settings.kafka_properties)
    wanted = (
        "name a file with security.protocol in STREAMGUARD_KAFKA_PROPERTIES if it wants TLS or a user"
        if given is properties.NONE
        else f"say in {given.path} what security.protocol it wants, {given.protocol} now"
    )
    return KafkaUnavailable(f"{nobody}: see that STREAMGUARD_KAFKA_BOOTSTRAP is its address, and {wanted}")


def _shut_out(error: KafkaError, settings: Settings) -> KafkaRefusal:
    """The error for a Kafka that is there, and does not let us in."""
    at, file = f"Kafka at {settings.kafka_bootstrap}", settings.kafka_properties
    said = _REMARK.sub("", error.str())
    if "verify failed" in said or "hostname" in said.lower():
        return KafkaRefusal(
            f"{at} shows a certificate that ssl.ca.location in {file} does not vouch for, or that is of another host: "
            "have the certificate of its authority written there"
        )
    if error.code() == KafkaError._SSL:
        return KafkaRefusal(f"{at} and we do not agree on TLS ({said}): see the lines ssl.… in {file}")
    if "mechanism" in said and "credentials" not in said:
        return KafkaRefusal(f"{at} has no such way to log in ({said}): correct sasl.mechanism in {file}")
    return KafkaRefusal(
        f"{at} does not take this user and password: correct sasl.username and sasl.password in {file}, or have who "
        "runs it make the user"
    )


def _denied(error: KafkaError, settings: Settings, of: str = "") -> str:
    user = properties.read(settings.kafka_properties).values.get("sasl.username", "us")
    said = _REPEATED.sub(r"\1", _PLACES.sub("", error.str())).strip(" .")
    return (
        f"Kafka at {settings.kafka_bootstrap} refused {user}: {of}{said}; have who runs it allow what "
        "`streamguard rights` lists"
    )


def discard(client: Producer) -> None:
    """Have a producer forget what it has not sent: an open transaction is left to its successor to end."""
    client.purge()
    with suppress(KafkaException):  # the fatal error that it is discarded for
        client.poll(0)


def _made(kind: Callable[..., Client], settings: Settings, config: dict[str, Any]) -> Client:
    """A client whose events are heard at the door, and by whoever asked for them."""
    heard = config.get("error_cb")

    def hear(error: KafkaError) -> None:
        DOOR.note(settings, error)
        if heard is not None:
            heard(error)

    given = properties.read(settings.kafka_properties)
    try:
        return kind({**config, **given.values, "error_cb": hear}, logger=LOG)
    except KafkaException as exc:
        if given is properties.NONE:
            raise
        said = given.without_secrets(str(exc.args[0].str()))
        if "mechanism GSSAPI" in said:  # what it takes when nobody says one
            said = "sasl.mechanism is not set, or is GSSAPI: SCRAM-SHA-256, SCRAM-SHA-512, PLAIN or OAUTHBEARER"
        raise SettingsError(f"{given.path}: librdkafka does not take it: {said}") from None


def _shared(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "client.id": "streamguard",
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
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
