"""All checks run at once; each ends as a row, whatever becomes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from streamguard.doctor.checks import Check, examine, failed
from streamguard.errors import CatalogError, KafkaUnavailable, ProjectError

GOOD = Check("a", "ok", "there")


def silent(_done: int, _wanted: int) -> None:
    """Nobody looks."""


def test_rows_come_in_the_order_of_the_jobs_and_jobs_run_at_once() -> None:
    both = threading.Barrier(2, timeout=5)

    def job(name: str) -> Iterator[Check]:
        both.wait()
        yield Check(name, "ok", "")

    found = examine({"b": lambda: job("b"), "a": lambda: job("a")}, silent)
    assert [check.what for check in found] == ["b", "a"]
    assert not failed(found)


def test_a_job_that_hangs_is_unknown_and_holds_up_nobody() -> None:
    def hanging() -> Iterator[Check]:
        yield GOOD
        threading.Event().wait()

    begun = time.monotonic()
    found = examine({"slow": hanging, "a": lambda: [GOOD]}, silent, seconds=0.3)
    assert found == [GOOD, Check("slow", "unknown", "no answer within 0 s", "run it again"), GOOD]
    assert time.monotonic() - begun < 3


def test_an_error_of_ours_fails_with_what_to_do_and_any_other_is_unknown_and_quotes_nothing() -> None:
    def away() -> list[Check]:
        raise KafkaUnavailable("no broker at k:9092: start one")

    def wrong() -> list[Check]:
        raise ProjectError("init/a.yml, line 3: unknown key")

    def bug() -> list[Check]:
        raise ValueError("mongodb://me:s3cret@host")

    found = examine({"kafka": away, "file": wrong, "mongodb": bug}, silent)
    assert found == [
        Check("kafka", "fail", "no broker at k:9092", "start one"),
        Check("file", "fail", "init/a.yml, line 3: unknown key"),
        Check("mongodb", "unknown", "the check itself failed: ValueError", "`streamguard status`"),
    ]
    assert failed(found)


def test_a_catalog_that_does_not_answer_comes_with_advice_and_its_own_words_come_whole() -> None:
    def silent() -> list[Check]:
        raise CatalogError("the Iceberg catalog at http://c does not answer: is it there?")

    def talking() -> list[Check]:
        raise CatalogError("the Iceberg catalog at http://c: 500: oops")

    assert examine({"a": silent, "b": talking}, lambda _done, _wanted: None) == [
        Check("a", "fail", "the Iceberg catalog at http://c does not answer", "is it there?"),
        Check("b", "fail", "the Iceberg catalog at http://c: 500: oops"),
    ]


def test_progress_is_told_from_none_to_all() -> None:
    told: list[tuple[int, int]] = []
    examine({"a": lambda: [GOOD], "b": lambda: [GOOD]}, lambda done, wanted: told.append((done, wanted)))
    assert told[0] == (0, 2)
    assert told[-1] == (2, 2)


def test_no_row_shows_a_secret() -> None:
    row = Check("mongodb", "fail", "mongodb://me:s3cret@host/ refuses", "look at mongodb://me:s3cret@host/").document()
    assert "s3cret" not in str(row)
