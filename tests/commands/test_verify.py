"""`streamguard verify`, as typed: its exit codes, and what goes to stdout and to stderr."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streamguard.commands import run
from streamguard.errors import Refused, WaitTimedOut
from streamguard.verify import verification
from streamguard.verify.entries import Fault
from streamguard.verify.report import Report, Row
from streamguard.verify.verification import Verification

CLEAN = Row("users", 10, 10, {})
SPOILT = Row("users", 10, 3, {Fault.LOST: [f"u-{number}" for number in range(7)]})


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each step of a verification answers; an error is raised."""
    answers: dict[str, Any] = {"begin": None, "produce": {}, "quiesce": 1.5, "check": Report([CLEAN])}

    class Scripted(Verification):
        def _answer(self, step: str) -> Any:
            if isinstance(answers[step], Exception):
                raise answers[step]
            return answers[step]

        def begin(self, within: float = 60.0) -> None:
            self._answer("begin")

        def produce(self, run: Any, count: int) -> Any:
            answers["run"], answers["count"] = run, count
            return self._answer("produce")

        def quiesce(self, within: float, *, settle: float = 0.0) -> Any:
            answers["within"] = within
            return self._answer("quiesce")

        def check(self) -> Any:
            return self._answer("check")

    monkeypatch.setattr(verification, "Verification", Scripted)
    return answers


def test_a_clean_run_ends_with_0_and_a_table(steps: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "bank", "--count", "7", "--rate", "9", "--seed", "3", "--people", "5", "--within", "8"]) == 0
    assert (steps["count"], steps["within"]) == (7, 8)
    assert (steps["run"].rate, steps["run"].seed, steps["run"].counts) == (9, 3, {"person": 5})
    out, err = capsys.readouterr()
    heading, row = out.splitlines()
    assert heading.split() == ["PLACE", "EXPECTED", "FOUND", *(fault.upper() for fault in Fault)]
    assert row.split() == ["users", "10", "10", *("0" for _ in Fault)]
    assert "7 records at 9/s, seed 3" in err
    assert "quiet 1.5 s after the last record" in err


def test_a_fault_ends_with_1_and_the_first_ids(steps: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    steps["check"] = Report([CLEAN, SPOILT])
    assert run(["verify", "-o", "json"]) == 1
    out, err = capsys.readouterr()
    row = json.loads(out)[1]
    assert (row["lost"], row["torn"], row["ids"]) == (7, 0, {"lost": ["u-0", "u-1", "u-2", "u-3", "u-4"]})
    assert err.splitlines()[-1] == "users: 7 lost: u-0, u-1, u-2, u-3, u-4, …"


@pytest.mark.parametrize(
    ("step", "error", "code"),
    [("quiesce", WaitTimedOut("a lags"), 4), ("begin", WaitTimedOut("a lags"), 4), ("check", Refused("who?"), 3)],
)
def test_what_can_not_be_verified_ends_with_a_sentence(
    steps: dict[str, Any], capsys: pytest.CaptureFixture[str], step: str, error: Exception, code: int
) -> None:
    steps[step] = error
    assert run(["verify"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == f"Error: {error}"


@pytest.mark.parametrize("option", [["--rate", "0"], ["--count", "0"], ["--people", "1"], ["--within", "0"]])
def test_options_that_make_no_sense_are_a_usage_error(option: list[str]) -> None:
    assert run(["verify", *option]) == 64
