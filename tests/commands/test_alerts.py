"""`streamguard alerts`, as typed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from streamguard.commands import USAGE, run
from streamguard.kafka import tail as kafka_tail
from streamguard.kafka.tail import Record
from streamguard.project import FOLDERS
from streamguard.settings import Settings
from tests.services.notifier.made import value
from tests.services.notifier.receivers import Answer, receiver

CHANNELS = """channels:
  desk: {kind: slack, url: '${env:SG_TEST_DESK}', min_severity: high, rules: [VELOCITY]}
  cases: {kind: webhook, url: 'http://127.0.0.1:1/in', template: '{{ count }} for {{ channel }}'}
  night: {kind: email, host: h, from: a@b.c, to: [d@e.f], subject: '{{ severity }}!'}
"""
ALERT = {
    "ALERT_ID": "VELOCITY:ACC-2:17",
    "RULE": "VELOCITY",
    "REASON": "5 transactions\x1b[2J within a minute",
    "SCORE": 2,
    "ACTION_REQUIRED": "BLOCK",
    "ACCOUNT_ID": "ACC-2",
    "AMOUNT": 12.5,
    "EVENT_TIME": 1_769_860_800_000,
}
ENTRIES = [
    ("fraud-alerts", json.dumps(ALERT).encode()),
    ("fraud-alerts", json.dumps({**ALERT, "RULE": "NIGHT_TIME", "ACTION_REQUIRED": "REVIEW"}).encode()),
    ("fraud-decisions", value(1, severity="critical", account_id="ACC-2", event_time="2026-01-31T12:00:00.000Z")),
    ("fraud-decisions", value(2, severity="low", revision=3)),
    ("fraud-decisions", b"\xff"),
    ("fraud-decisions", None),
]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with a pipeline that has channels."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    (tmp_path / "init" / "card").mkdir()
    (tmp_path / "init" / "card.yml").write_text(
        "topics:\n  fraud-alerts: {partitions: 1}\n  fraud-decisions: {partitions: 1}\n"
    )
    (tmp_path / "init" / "card" / "notifications.yml").write_text(CHANNELS)
    (tmp_path / "init" / "bare.yml").write_text("topics:\n  t: {partitions: 1}\n")
    return tmp_path


@pytest.fixture
def call(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def one(*arguments: str) -> tuple[int, str, str]:
        code = run(["--project", str(folder), "alerts", *arguments])
        return code, *capsys.readouterr()

    return one


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Kafka has ENTRIES, and nothing follows; what it was asked for."""
    seen: dict[str, Any] = {}

    def tail_several(_settings: Settings, names: Sequence[str], **how: bool) -> Iterator[tuple[str, Record]]:
        seen.update(how, names=list(names))
        for offset, (topic, content) in enumerate(ENTRIES):
            if topic in names:
                yield topic, Record(0, offset, 1_769_860_800_000 + offset, b"k", content, ())

    monkeypatch.setattr(kafka_tail, "tail_several", tail_several)
    return seen


@pytest.mark.usefixtures("asked")
def test_alerts_and_decisions_are_lines_that_can_be_read(call: Call) -> None:
    code, out, _ = call("tail")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == (
        "2026-01-31T12:00:00.000Z  HIGH      BLOCK    VELOCITY  ACC-2  12.50  5 transactions\\x1b[2J within a minute"
    )
    assert "CRITICAL  decline  VELOCITY  ACC-2  11.50 EUR  because" in lines[2]
    assert "LOW       decline  RISK  ACC-00000002  12.50 EUR  because (revision 3)" in lines[3]
    assert "unreadable" in lines[4]
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("options", "offsets"),
    [
        ((), [0, 1, 2, 3, 4, 5]),
        (("--only", "alerts"), [0, 1]),
        (("--only", "decisions"), [2, 3, 4, 5]),
        (("--rule", "velocity"), [0, 2]),
        (("--rule", "VELOCITY", "--rule", "NIGHT_TIME"), [0, 1, 2]),
        (("--severity", "high"), [0, 2, 4, 5]),
        (("--account", "ACC-2"), [0, 1, 2]),
        (("--account", "ACC-2", "--severity", "critical"), [2]),
        (("--count", "2"), [0, 1]),
    ],
)
@pytest.mark.usefixtures("asked")
def test_filters_leave_out_the_others(call: Call, options: tuple[str, ...], offsets: list[int]) -> None:
    code, out, _ = call("tail", "--output", "ndjson", *options)
    assert code == 0
    assert [json.loads(line)["offset"] for line in out.splitlines()] == offsets


@pytest.mark.usefixtures("asked")
def test_a_document_has_the_whole_record_and_its_place(call: Call) -> None:
    document = json.loads(call("tail", "-o", "ndjson", "--count", "1")[1])
    assert document == {
        "topic": "fraud-alerts",
        "partition": 0,
        "offset": 0,
        "timestamp": "2026-01-31T12:00:00.000Z",
        "severity": "high",
        "value": ALERT,
    }


def test_where_to_begin_and_to_end_is_asked_of_kafka(call: Call, asked: dict[str, Any]) -> None:
    for options, expected in (
        ((), (False, True)),
        (("--from", "beginning"), (True, True)),
        (("--no-follow",), (True, False)),
    ):
        call("tail", *options)
        assert (asked["from_beginning"], asked["follow"]) == expected


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.usefixtures("asked")
def test_what_never_ends_is_no_single_document(call: Call, output: str) -> None:
    assert call("tail", "-o", output)[0] == USAGE
    assert call("tail", "-o", output, "--no-follow")[0] == 0
    assert call("tail", "-o", output, "--count", "1")[0] == 0


@pytest.mark.usefixtures("asked")
def test_colours_are_for_terminals_that_want_them(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import click.utils

    monkeypatch.setattr(click.utils, "should_strip_ansi", lambda _stream, color: color is False)  # a terminal
    assert "\x1b[31m" in call("tail")[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call("tail")[1]


def test_a_pipeline_without_alerts_is_told(call: Call) -> None:
    code, _, err = call("tail", "bare")
    assert code == 1
    assert "no topic fraud-alerts and no topic fraud-decisions: init/card.yml is one that has" in err
    assert "no topic fraud-alerts:" in call("tail", "bare", "--only", "alerts")[2]


@pytest.mark.usefixtures("asked")
def test_where_nothing_is_wanted_of_what_is_there_that_is_said(call: Call) -> None:
    nothing = (0, "", "Nothing of the kind is there\n")
    assert call("tail", "--no-follow", "--account", "ACC-9") == nothing
    assert call("tail", "--no-follow", "--account", "ACC-9", "--output", "ndjson") == nothing
    assert call("tail", "--no-follow", "--account", "ACC-2")[2] == ""


def test_channels_are_listed_with_what_they_lack(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = json.loads(call("channels", "-o", "json")[1])
    assert [(row["channel"], row["missing"]) for row in rows] == [
        ("desk", ["SG_TEST_DESK"]),
        ("cases", []),
        ("night", []),
    ]
    assert rows[0]["severity"] == "high+"
    monkeypatch.setenv("SG_TEST_DESK", "http://127.0.0.1:1/S3CRET")
    _, out, err = call("channels")
    assert "S3CRET" not in out + err
    assert call("channels", "bare")[2].endswith("has no channel: nobody is told\n")


def test_a_message_can_be_looked_at_without_being_sent(call: Call) -> None:
    assert call("test", "cases", "--dry-run") == (0, "1 for cases\n", "")
    code, out, _ = call("test", "night", "--dry-run", "--severity", "low")
    assert code == 0
    assert out.startswith("low!\n\nTEST, nothing has happened")


def test_a_channel_can_be_tried(call: Call, folder: Path) -> None:
    with receiver() as desk:
        (folder / ".env").write_text(f"SG_TEST_DESK={desk.url}/S3CRET\n")
        assert call("test", "desk") == (0, "", "desk has taken the message (slack)\n")
        assert call("test", "desk")[0] == 0
        assert desk.posts[0].path == "/S3CRET"
        assert desk.posts[0].document["text"].startswith("TEST")
        desk.answer = lambda _document: Answer(404, {}, b"no_service")
        code, out, err = call("test", "desk")
        desk.answer = lambda _document: Answer(503, {}, b"")
        assert call("test", "desk")[2] == "Error: desk has not taken the message: HTTP 503; try again later\n"
    assert (code, out) == (1, "")
    assert err == "Error: desk has not taken the message: HTTP 404 no_service; look at what SG_TEST_DESK holds\n"


def test_every_try_is_a_message_of_its_own(call: Call, folder: Path) -> None:
    with receiver() as desk:
        file = folder / "init" / "card" / "notifications.yml"
        file.write_text(f"channels:\n  cases: {{kind: webhook, url: '{desk.url}'}}\n")
        for _ in range(2):
            assert call("test", "cases")[0] == 0
        first, second = (post.document["message_id"] for post in desk.posts)
    assert first != second


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("test", "dsek"), USAGE, "did you mean desk?"),
        (("test", "desk"), 1, "desk needs SG_TEST_DESK"),
        (("test", "cases"), 1, "no connection"),
        (("tail", "crad"), USAGE, "did you mean card?"),
        (("tail", "--severity", "awful"), USAGE, "critical"),
    ],
)
def test_what_is_wrong_is_one_sentence(call: Call, arguments: tuple[str, ...], code: int, told: str) -> None:
    os.environ.pop("SG_TEST_DESK", None)
    done = call(*arguments)
    assert done[0] == code
    assert told in done[2]
    assert "Traceback" not in done[2]
