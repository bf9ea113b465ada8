"""`streamguard ksql …` without a server: options, help, and what it says when nobody answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.commands import run

NOWHERE = "http://127.0.0.1:1"
NOBODY = (
    f"Error: no ksql server answers at {NOWHERE}: `streamguard up` starts the local one; where another is say "
    "STREAMGUARD_KSQL_URL or --url"
)


@pytest.mark.parametrize("command", ["apply", "exec", "explain", "server", "test"])
def test_every_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ksql", command, "--help"]) == 0
    assert f"streamguard ksql {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["apply", "bank"], ["exec", "SHOW STREAMS;"], ["exec", "select 1"], ["explain", "CSAS_A_1"]]
)
def test_without_a_server_the_error_says_what_to_start(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["ksql", *arguments, "--url", NOWHERE]) == 1
    assert capsys.readouterr().err.strip() == NOBODY


def test_a_server_elsewhere_is_not_one_that_up_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ksql", "apply", "bank", "--url", "http://ksql.invalid:8088"]) == 1
    told = capsys.readouterr().err
    assert "no ksql server answers at http://ksql.invalid:8088: see that STREAMGUARD_KSQL_URL or --url is its" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["exec"], "give the statements as an argument or with --file, and not both"),
        (["exec", "SHOW STREAMS;", "-f", "a.sql"], "and not both"),
        (["exec", "SHOW STREAMS;", "-s", "earliest"], "--set takes NAME=VALUE, not 'earliest'"),
        (["apply", "-D", "=3", "--url", NOWHERE], "--define takes NAME=VALUE, not '=3'"),
        (["server", "--port", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage_is_64(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ksql", *arguments]) == 64
    assert message in capsys.readouterr().err


def test_an_unknown_pipeline_is_64_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ksql", "apply", "bnak", "--url", NOWHERE]) == 64
    assert "did you mean bank?" in capsys.readouterr().err


def test_a_file_that_is_missing_or_no_text_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ksql", "exec", "-f", str(tmp_path / "none.sql"), "--url", NOWHERE]) == 1
    assert "none.sql can not be read: No such file or directory" in capsys.readouterr().err
    (tmp_path / "latin.sql").write_bytes(b"-- caf\xe9")
    assert run(["ksql", "exec", "-f", str(tmp_path / "latin.sql"), "--url", NOWHERE]) == 1
    assert "latin.sql is not UTF-8 text" in capsys.readouterr().err


CASES = """
sql: |
  CREATE STREAM s (a INT) WITH (kafka_topic='s', value_format='JSON');
  CREATE STREAM o AS SELECT a + 1 AS b FROM s;
cases:
  - {name: one more, inputs: [{topic: s, value: {a: 1}}], outputs: [{topic: O, value: {B: 2}}]}
  - {name: two more, inputs: [{topic: s, value: {a: 1}}], outputs: [{topic: O, value: {B: 3}}]}
"""


def test_cases_that_fail_are_shown_with_what_differs_and_end_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.test.yml"
    path.write_text(CASES)
    assert run(["ksql", "test", str(tmp_path)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: 1 of 2 passed",
        "  x two more",
        "      O, record 1: B is 2, not 3",
        '        - {"value": {"B": 3}}',
        '        + {"time": 0, "value": {"B": 2}}',
        "1 passed, 1 failed",
    ]
    path.write_text(CASES.replace("{B: 3}", "{B: 2}"))
    assert run(["ksql", "test", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"


def test_a_folder_without_cases_is_said_to_be_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ksql", "test", str(tmp_path)]) == 0
    assert f"no *.test.yml files in {tmp_path}" in capsys.readouterr().err
