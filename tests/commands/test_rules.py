"""`streamguard rules`: what a person types and sees."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from pathlib import Path

import jsonschema
import pytest

from streamguard.commands import USAGE, run
from streamguard.project import FOLDERS, find_project
from tests.services.decider.rulebooks import PLAIN, SMALL
from tests.services.decider.samples import PURCHASE

PROJECT = find_project(Path(__file__))
RECORD = {**PURCHASE._asdict(), "timestamp": "2026-06-24T12:00:00.000Z", "V": [0.5]}
del RECORD["event_time"]


@pytest.fixture
def rules(tmp_path: Path) -> str:
    path = tmp_path / "rules.yml"
    path.write_text(PLAIN)
    return str(path)


def file_of(tmp_path: Path, text: str) -> str:
    path = tmp_path / "records.json"
    path.write_text(text)
    return str(path)


def decided(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, list)
    return found


def test_the_shipped_rules_are_right_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "check", "card", "--output", "json"]) == 0
    told = capsys.readouterr()
    assert {"VELOCITY", "blacklist-accounts", "other BLOCK", "unusual-amount"} <= {
        row["rule"] for row in json.loads(told.out)
    }
    assert "is right: 1 journey, version " in told.err
    assert "warning" not in told.err


def test_all_mistakes_are_told_and_it_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(PLAIN.replace("account.mean", "acount.mean"))
    assert run(["rules", "check", str(path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.partition("mine.yml, ")[2][:19] for line in told.err.splitlines()] == [
        "line 20, column 25:",
        "line 24, column 36:",
    ]


def test_names_of_alerts_are_told_that_no_statement_of_the_pipeline_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in FOLDERS:
        shutil.copytree(PROJECT.root / folder, tmp_path / folder)
    path = tmp_path / "init" / "card" / "rules.yml"
    text = (
        path.read_text()
        .replace("  VELOCITY: ", "  VELOCTIY: ")
        .replace("'RISK' in alerts.rules", "'RISQ' in alerts.rules")
    )
    path.write_text(text)
    assert run(["--project", str(tmp_path), "rules", "check", "card"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[:2] == [
        "warning: alerts: no statement of card writes alerts of VELOCTIY (did you mean VELOCITY?)",
        "warning: rule risk-of-several-kinds, when: no statement of card writes alerts of RISQ (did you mean RISK?)",
    ]
    statements = tmp_path / "ksql" / "card" / "04-risk.sql"
    statements.write_text(statements.read_text().replace("'RISK' AS rule", "'RI' + 'SK' AS rule"))
    assert run(["--project", str(tmp_path), "rules", "check", "card"]) == 0
    assert re.search(
        r"alerts of RISQ.*; \S+04-risk.sql, line \d+ may, whose RULE is no literal", capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        ("crad", USAGE, "did you mean card?"),
        ("bank", 1, "there is no init/bank/rules.yml"),
        ("./no.yml", 1, "no.yml can not be read"),
    ],
)
def test_rules_that_are_not_there_are_named(
    source: str, code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "check", source]) == code
    assert says in capsys.readouterr().err


def test_a_transaction_is_tried_with_what_its_account_did_before(
    rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = json.dumps([RECORD, {**RECORD, "transaction_id": "t-2", "amount": 300}], indent=2)
    command = ["rules", "try", rules, "-t", file_of(tmp_path, many), "--output", "json", "--account", "count=9"]
    assert run([*command, "--account", "mean=20"]) == 0
    first, second = decided(capsys)
    assert (first["transaction"], first["action"], first["reasons"]) == ("t-1", "approve", [])
    assert (second["action"], second["is_fraud"]) == ("review", False)
    assert second["reasons"] == [{"rule": "unusual-amount", "text": "300 is 14.60 times the mean"}]


def test_alerts_can_be_supposed(rules: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    alerts = ["--alert", "VELOCITY", "--alert", "RISK=4"]
    assert run(["rules", "try", rules, "-t", file_of(tmp_path, json.dumps(RECORD)), *alerts]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].split() == ["TRANSACTION", "ACTION", "SCORE", "SEVERITY", "WHY"]
    assert told[1].split()[:4] == ["t-1", "review", "85", "high"]
    assert "RISK: as --alert says; VELOCITY: as --alert says" in told[1]


def test_records_may_come_one_a_line_as_topics_tail_prints_them(
    rules: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps({"partition": 0, "value": json.dumps(RECORD)}), "", json.dumps({**RECORD, "country": "NO"})]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("\n".join(lines).encode())))
    assert run(["rules", "try", rules, "-t", "-", "--output", "json"]) == 0
    assert [row["action"] for row in decided(capsys)] == ["approve", "review"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("[]", "is empty"),
        ("{", "record 1: E_JSON, "),
        (json.dumps([RECORD, {**RECORD, "amount": "much"}]), "record 2: E_SCHEMA, amount"),
    ],
)
def test_what_is_no_transaction_is_named(
    rules: str, tmp_path: Path, content: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "try", rules, "-t", file_of(tmp_path, content)]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--alert", "risk"], "is no RULE or RULE=SCORE"),
        (["--account", "cuont=1"], "did you mean count?"),
        (["--account", "count=many"], "takes numbers"),
        (["--account", "mean=4"], "add --account count=20"),
        (["--account", "count=1", "--account", "mean=nan"], "0 or more"),
        (["--account", "count=1", "--account", "mean=5", "--account", "max=4"], "max is no less than mean"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    rules: str, tmp_path: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["rules", "try", rules, "-t", file_of(tmp_path, json.dumps(RECORD)), *options]) == USAGE
    assert says in capsys.readouterr().err


def test_the_schema_is_printed_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "schema"]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


def test_the_words_of_conditions_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["rules", "words", "--output", "json"]) == 0
    words = {row["word"]: row["is"] for row in json.loads(capsys.readouterr().out)}
    assert words["account.mean"] == "a number or null"
    assert words["lower(text)"] == "a text"


def test_a_file_without_conditions_can_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.yml"
    path.write_text(SMALL)
    assert run(["rules", "check", str(path)]) == 0
    assert "other REVIEW" in capsys.readouterr().out
