"""The yardstick: the bank pipeline's routing as an engineer would write it by hand for this one case.

One decode, one flat result and two users a record, batches of 10,000, lz4, exactly once. It does the same work as
`ksql/bank/*.sql` and nothing else: no schema, no coercion, no errors. Ends when it has committed `count` records.

    python -m benchmarks.handwritten BOOTSTRAP GROUP COUNT
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import orjson

from benchmarks.batches import run

SOURCE = "fraudulent-transactions"
RESULT = "handwritten-result"
USERS = "handwritten-users"


def user(details: dict[str, Any]) -> bytes:
    """A user record, as the statements write it."""
    return orjson.dumps(
        {
            "ID": details["id"],
            "NAME": details["name"],
            "ADDRESS": details["address"],
            "EMAIL": details["email"],
            "BIRTHDATE": details["birthdate"],
            "PHONE_NUMBER": details["phone_number"],
            "JOB": details["job"],
            "COMPANY": details["company"],
            "SSN": details["ssn"],
            "BLOOD_GROUP": details["blood_group"],
            "WEBSITE": details["website"],
            "USERNAME": details["username"],
            "BANK_ACCOUNT": details["bank_account"],
            "SOURCE_PROCESS": "ksql",
        }
    )


def result(row: dict[str, Any]) -> bytes:
    """The flat result of a transaction."""
    return orjson.dumps(
        {
            "TRANSACTION_ID": row["transaction_id"],
            "SENDER_BANK_ACCOUNT": row["sender_bank_account"],
            "SENDER_ID": row["sender_details"]["id"],
            "RECEIVER_BANK_ACCOUNT": row["receiver_bank_account"],
            "RECEIVER_ID": row["receiver_details"]["id"],
            "AMOUNT": row["amount"],
            "STATUS": row["status"],
            "EVALUATION": row["evaluation"],
            "TRANSFER_DATE": row["transfer_date"],
            "SENDER_BANK": row["sender_bank"],
            "SOURCE_PROCESS": "ksql",
        }
    )


def route(messages: list[Any], produce: Callable[..., None]) -> dict[int, int]:
    """Write the result and the users of each record of a batch: the next offsets."""
    positions: dict[int, int] = {}
    for message in messages:
        row = orjson.loads(message.value())
        _, time = message.timestamp()
        positions[message.partition()] = message.offset() + 1
        produce(RESULT, result(row), row["transaction_id"].encode(), timestamp=time)
        for details in (row["sender_details"], row["receiver_details"]):
            produce(USERS, user(details), details["id"].encode(), timestamp=time)
    return positions


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], SOURCE, int(sys.argv[3]), route)
