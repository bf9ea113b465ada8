from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from streamguard.commands import App, cli
from streamguard.commands.produce import produce
from streamguard.commands.produce_menu import CHOICES, ask, command_line, producing
from streamguard.errors import ProjectError
from streamguard.project import shipped
from streamguard.settings import inherited_environment
from tests.terminal import Terminal

GENERATOR = "topics:\n  t: {partitions: 1}\ngenerator: {world: bank, topic: t, rate: 20}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("connectors", "ksql", "init"):
        (tmp_path / name).mkdir()
    shutil.copytree(shipped() / "init" / "worlds", tmp_path / "init" / "worlds")
    (tmp_path / "init" / "bank.yml").write_text(GENERATOR)
    (tmp_path / "init" / "another.yml").write_text(GENERATOR)
    (tmp_path / "init" / "silent.yml").write_text("topics:\n  t: {partitions: 1}\n")
    return tmp_path


def answers(*values: Any) -> Any:
    """A prompt that is answered with these, one after the other; None takes the default."""
    row = iter(values)

    def prompt(_text: str, *, default: Any, **_options: Any) -> Any:
        value = next(row)
        return default if value is None else value

    return prompt


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ((1, None, None, None, None), "bank"),
        ((1, "another", 500.0, 60.0, None), "another --rate 500 --duration 60"),
        ((2, None, 5000, None), "bank --max --count 5000"),
        ((3, None, None, 10.0, None), "bank --mode velocity --duration 10"),
        ((4, None, None, None), "bank --mode day --speed 60"),
        ((5, None, 30.0, "y", None), "bank --days 30 --then-live"),
        ((5, None, 30.0, "n", None), "bank --days 30"),
    ],
)
def test_answers_become_a_command_line(
    project: Path, capsys: pytest.CaptureFixture[str], typed: Sequence[Any], line: str
) -> None:
    arguments = ask(App(project), prompt=answers(*typed))
    assert arguments is not None
    captured = capsys.readouterr()
    assert command_line(arguments) == f"streamguard produce {line}"
    assert f"  streamguard produce {line}\n" in captured.err
    assert captured.out == ""


def test_every_line_that_the_menu_makes_is_one_that_the_command_takes(project: Path) -> None:
    for number, choice in enumerate(CHOICES, 1):
        row = (number, None, *(None for _ in choice.questions), None, None)
        arguments = ask(App(project), prompt=answers(*row))
        assert arguments is not None
        produce.make_context("produce", arguments, parent=click.Context(cli, **cli.context_settings))


def test_a_line_that_is_not_wanted_is_not_run(project: Path) -> None:
    assert ask(App(project), prompt=answers(1, None, None, None, "n")) is None


def test_only_pipelines_with_a_generator_are_offered_and_the_main_one_first(project: Path) -> None:
    assert producing(App(project)) == ["bank", "another"]


def test_without_any_generator_the_menu_says_what_to_do(project: Path) -> None:
    for name in ("bank", "another"):
        (project / "init" / f"{name}.yml").unlink()
    with pytest.raises(ProjectError, match=r"write one into init/NAME\.yml"):
        ask(App(project), prompt=answers(1))


@pytest.mark.slow
def test_bare_on_a_terminal_the_command_asks_and_then_runs_what_it_has_shown(project: Path) -> None:
    command = [sys.executable, "-m", "streamguard", "--project", str(project), "produce"]
    environment = {**inherited_environment(), "STREAMGUARD_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    with Terminal(command, environment) as terminal:
        asked = terminal.wait_for("Choice [1]:")
        assert all(choice.name in asked for choice in CHOICES)
        assert max(map(len, asked.splitlines())) <= 80
        terminal.press("2\n")
        terminal.wait_for("Pipeline")
        terminal.press("\n")
        terminal.wait_for("How many records")
        terminal.press("none\n")
        terminal.wait_for("is not a valid integer")
        terminal.press("500\n")
        terminal.wait_for("streamguard produce bank --max --count 500")
        terminal.press("\n")
        terminal.wait_for("no Kafka broker answers at 127.0.0.1:1")
        assert terminal.wait() == 1


@pytest.mark.slow
def test_ctrl_c_in_the_menu_ends_it(project: Path) -> None:
    command = [sys.executable, "-m", "streamguard", "--project", str(project), "produce"]
    with Terminal(command, inherited_environment()) as terminal:
        terminal.wait_for("Choice [1]:")
        terminal.press("\x03")
        assert terminal.wait() == 130
        assert "Traceback" not in terminal.shown


def test_the_menu_needs_no_more_than_eighty_columns(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.Abort):
        ask(App(project), prompt=_abort)
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 80


def _abort(*_: Any, **__: Any) -> Any:
    raise click.Abort
