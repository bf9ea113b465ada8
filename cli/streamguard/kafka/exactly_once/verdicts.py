"""What an error of Kafka means to the read-process-write loop.

There are three classes of errors, and two ends:

* *again*: retriable, the same call once more;
* *abort*: abort the transaction and seek back to the committed offsets, because aborting does not rewind a consumer;
* *rebuild*: fatal, or of unknown outcome: new clients, ``init_transactions``, and on from the committed offsets;
* *fenced*: another process has taken over, unless we have been silent for so long that Kafka gave us up;
* *hopeless*: somebody has to change something, a permission say.
"""

from __future__ import annotations

from enum import Enum, auto

from confluent_kafka import KafkaError

from streamguard.kafka import clients


class Verdict(Enum):
    """What is to be done."""

    AGAIN = auto()
    ABORT = auto()
    REBUILD = auto()
    FENCED = auto()
    HOPELESS = auto()


class Stopped(BaseException):
    """The stop event was set while waiting for Kafka. No Exception: no handler may take it for a bad record."""


class Rebuild(BaseException):
    """The outcome of a call is unknown, or a client is of no more use: begin again at the committed offsets."""


HOPELESS = clients.DENIED | {
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.INVALID_TRANSACTION_TIMEOUT,
    KafkaError.UNSUPPORTED_VERSION,
}
"""Neither a retry nor new clients help."""
REPLACED = frozenset({KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL})
"""What a consumer says, its only fatal error, when somebody has its group instance id: another process, or itself."""


def of_call(error: KafkaError) -> Verdict:
    """Of a call that failed."""
    if error.txn_requires_abort():
        return Verdict.ABORT
    if error.retriable() or timed_out(error):
        return Verdict.AGAIN
    return of_end(error)


def of_abort(error: KafkaError) -> Verdict:
    """Of an error in a transaction: whether an abort is enough. What is not allowed is not allowed next time either."""
    return of_end(error) if error.fatal() or error.code() in clients.FENCED | HOPELESS else Verdict.ABORT


def of_end(error: KafkaError) -> Verdict:
    """Of an error that neither a retry nor an abort can cure."""
    if error.code() in HOPELESS:
        return Verdict.HOPELESS
    return Verdict.FENCED if error.code() in clients.FENCED else Verdict.REBUILD


def timed_out(error: KafkaError) -> bool:
    """Whether the outcome of the call is unknown."""
    return bool(error.code() == KafkaError._TIMED_OUT)
