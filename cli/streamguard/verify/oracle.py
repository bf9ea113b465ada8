"""What a run of the bank world must have left in every topic: a second, small implementation of the whole pipeline.

It knows the generator's records, the rules of the routes, the shape of results and users, and where Java places a key;
it imports nothing of the services, the engine or the connectors, so that a mistake of theirs is none of its own.

Order is promised within a lane: what one key of the input topic became, on one partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from streamguard.verify.entries import Wanted, result, transaction, user

FRAUDULENT = "fraudulent-transactions"
UNIDENTIFIED = "unidentified-transactions"
RESULT = "fraudulent-transactions-result"
USERS = "users"
ROUTES = {"fraudulent": FRAUDULENT, "unidentified": UNIDENTIFIED}
KSQL, PROCESSOR = "ksql", "processor"

Judge = Callable[[Mapping[str, Any]], bool]
Input = tuple[bytes, bytes, Mapping[str, Any]]
"""Key, value, and the value as a document."""


@dataclass
class Expectation:
    """The records of each topic; of each fraudulent transaction its result and its two users, which belong together."""

    topics: dict[str, list[Wanted]]
    wholes: list[tuple[Wanted, Wanted, Wanted]] = field(default_factory=list)


def expect(records: Iterable[Input], source: str, partitions: Mapping[str, int], judge: Judge | None) -> Expectation:
    """What must be in every topic of `partitions` (their numbers by name) when `records` were written to `source`.

    `judge` is None when nobody judges the unidentified transactions: they then stay where they are.
    """
    expected = Expectation({topic: [] for topic in partitions})
    for sequence, (key, value, document) in enumerate(records):
        copies = [source, *filter(None, [ROUTES.get(document["evaluation"])])]
        for topic in copies:
            at, name = partition_of(key, partitions[topic]), document["transaction_id"]
            copy = Wanted(transaction(name), at, key, value, name, lane=key, sequence=sequence)
            expected.topics[topic].append(copy)
        if FRAUDULENT in copies:
            _add_whole(expected, partitions, document, sequence, KSQL)
        elif UNIDENTIFIED in copies and judge is not None and judge(document):
            _add_whole(expected, partitions, document, sequence, PROCESSOR)
    return expected


def _add_whole(
    expected: Expectation, partitions: Mapping[str, int], document: Mapping[str, Any], sequence: int, process: str
) -> None:
    number, lane = document["transaction_id"], (process, document["sender_bank_account"])
    at = partition_of(number.encode(), partitions[RESULT])
    flat = Wanted(result(number), at, number.encode(), flat_result(document, process), number, lane, sequence)
    expected.topics[RESULT].append(flat)
    # ksql's users do not say of which transaction they are, and those of one person are all alike: they have no order.
    told = number if process == PROCESSOR else None
    people = []
    for role in ("sender_details", "receiver_details"):
        person = document[role]
        key, own = person["id"].encode(), (lane, person["id"]) if told else None
        at = partition_of(key, partitions[USERS])
        identity = user(person["id"], told)
        people.append(Wanted(identity, at, key, flat_user(person, process), person["id"], own, sequence))
    expected.topics[USERS] += people
    expected.wholes.append((flat, people[0], people[1]))


def flat_result(document: Mapping[str, Any], process: str) -> dict[str, Any]:
    """The value of a transaction's result."""
    return {
        "TRANSACTION_ID": document["transaction_id"],
        "SENDER_BANK_ACCOUNT": document["sender_bank_account"],
        "SENDER_ID": document["sender_details"]["id"],
        "RECEIVER_BANK_ACCOUNT": document["receiver_bank_account"],
        "RECEIVER_ID": document["receiver_details"]["id"],
        "AMOUNT": document["amount"],
        "STATUS": document["status"],
        "EVALUATION": document["evaluation"],
        "TRANSFER_DATE": document["transfer_date"],
        "SENDER_BANK": document["sender_bank"],
        "SOURCE_PROCESS": process,
    }


def flat_user(person: Mapping[str, Any], process: str) -> dict[str, Any]:
    """The value of a user's record."""
    return {**{name.upper(): value for name, value in person.items()}, "SOURCE_PROCESS": process}


@cache
def partition_of(key: bytes, partitions: int) -> int:
    """Where Java's default partitioner puts a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2, as an unsigned number."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15
