"""A dead letter is the record itself, with its story in headers."""

from __future__ import annotations

import re
from pathlib import Path

from streamguard.errors import RecordRefused
from streamguard.kafka.exactly_once import dead_letters
from tests.kafka.records import Written, record


def test_a_dead_letter_keeps_bytes_key_time_and_headers_and_tells_its_story() -> None:
    written = Written()
    refused = record(b"\xff\x00", partition=3, offset=42, key=b"\xfe", headers=[("trace", b"1"), ("trace", None)])

    topic = dead_letters.write(written, refused, RecordRefused("E_JSON", "the value is not JSON"), "ingestor")

    assert topic == "bank-transactions-dead-letter"
    assert written.records == [
        (
            "bank-transactions-dead-letter",
            b"\xff\x00",
            b"\xfe",
            1700000000000,
            [
                ("trace", b"1"),
                ("trace", None),
                ("sg-dlq-topic", b"bank-transactions"),
                ("sg-dlq-partition", b"3"),
                ("sg-dlq-offset", b"42"),
                ("sg-dlq-timestamp", b"1700000000000"),
                ("sg-dlq-code", b"E_JSON"),
                ("sg-dlq-reason", b"the value is not JSON"),
                ("sg-dlq-service", b"ingestor"),
            ],
        )
    ]


def test_a_record_without_a_time_is_written_with_the_present_one() -> None:
    assert dead_letters.time_of(record(b"", timestamp=(0, -1))) is None
    assert dead_letters.time_of(record(b"", timestamp=(1, 0))) == 0


def test_every_code_that_a_service_refuses_with_is_known() -> None:
    package = Path(dead_letters.__file__).parents[2]
    texts = [path.read_text() for path in package.rglob("*.py") if path != Path(dead_letters.__file__)]
    used = {code for text in texts for code in re.findall(r'"(E_[A-Z_]+)"', text)}
    assert set(dead_letters.CODES) == used
