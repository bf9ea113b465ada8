"""The options of the services."""

from __future__ import annotations

import subprocess
import sys

import pytest

from streamguard.commands import USAGE, run


@pytest.mark.parametrize("percent", [("--fail-percent", "60", "--hang-percent", "60"), ("--garbage-percent", "101")])
def test_more_than_all_calls_can_not_be_spoilt(percent: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["service", "validator", *percent]) == USAGE
    assert "100" in capsys.readouterr().err


def test_the_help_of_a_service_imports_nothing_of_it() -> None:
    script = """
import sys
from streamguard.commands import run
run(["service", "validator", "--help"])
print({"fastapi", "uvicorn", "pydantic", "aiohttp", "confluent_kafka"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.endswith("set()\n")
