"""`streamguard query`, as typed: bad input is one sentence and the right exit code."""

from __future__ import annotations

import json

import pytest

from streamguard.commands import run
from streamguard.query.rows import Rows


def test_a_bare_call_lists_the_queries(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "-o", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"fraud-report", "top-senders", "fraud-by-bank"} <= {row["name"] for row in listed}
    assert set(listed[0]) == {"name", "pipeline", "about"}


def test_an_unknown_query_is_answered_with_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "fraud-reprot"]) == 64
    assert capsys.readouterr().err == "Error: no query fraud-reprot (did you mean fraud-report?)\n"


@pytest.mark.parametrize("arguments", [["-e", "mysql"], ["--limit", "0"], ["--limit", "many"], ["too", "much"]])
def test_options_that_make_no_sense_are_a_usage_error(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(["query", "fraud-report", *arguments]) == 64
    assert "Traceback" not in capsys.readouterr().err


def test_an_unknown_pipeline_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "fraud-report", "-p", "bnak"]) == 64
    assert "did you mean bank?" in capsys.readouterr().err


def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGUARD_POSTGRES_URI", "postgresql://me:s3cret@127.0.0.1:1/")
    assert run(["-v", "query", "totals"]) == 1
    told = capsys.readouterr().err
    assert "Error: PostgreSQL does not answer at 127.0.0.1:1/card: is the stack up" in told
    assert "s3cret" not in told


def test_a_query_that_is_not_for_the_engine_names_those_that_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "totals", "-e", "mongodb"]) == 1
    assert capsys.readouterr().err.endswith("totals.mongodb.json: there is one for postgres\n")


def test_an_answer_without_rows_says_what_that_may_mean(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streamguard.query.run", lambda *_, **__: Rows((), []))
    assert run(["query", "suspicious-accounts"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(
        "No rows yet: there is nothing of the kind that suspicious-accounts asks for. If there should"
    )
