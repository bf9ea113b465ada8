"""The documentation says what is there. The commands of the README run in tests/stack/test_readme.py."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from streamguard.commands import cli
from streamguard.project import Project
from tests.docs.readme import ELSEWHERE, PAGES, README, ROOT, commands

LINK = re.compile(r"\[[^]]*]\(([^)\s]+)\)")
LINKS = [(page, target) for page in PAGES for target in LINK.findall(page.read_text()) if "://" not in target]
TYPED = {line: f"{page.stem}: {line}" for page in PAGES for line in commands(page) if line.startswith("streamguard ")}
# With its settings: click remembers the help option of a command as it is first asked for.
APP = SimpleNamespace(settings=SimpleNamespace(mode="local"))
ROOT_CONTEXT = click.Context(cli, info_name="streamguard", obj=APP, **cli.context_settings)


def shown(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


@pytest.mark.parametrize(("page", "target"), LINKS, ids=shown)
def test_a_link_within_the_repository_leads_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    found = page.parent / path if path else page
    assert found.exists(), f"{page.name} links to {target}"
    if anchor:
        headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("line", TYPED, ids=list(TYPED.values()))
def test_a_command_of_the_documentation_exists_with_its_options(line: str) -> None:
    words = shlex.split(re.split(r" [|>] ", line)[0])[1:]
    context = ROOT_CONTEXT
    command: click.Command = cli
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        context = click.Context(found, parent=context, info_name=name)
        command = found
    command.parse_args(context, words)


@pytest.mark.parametrize(("line", "where"), ELSEWHERE.items())
def test_what_the_tests_of_the_readme_leave_out_is_in_it_and_runs_elsewhere(line: str, where: str) -> None:
    assert line in commands(README)
    assert line in (ROOT / where).read_text()


@pytest.mark.parametrize("pipeline", Project(ROOT).pipelines())
def test_the_readme_names_every_pipeline(pipeline: str) -> None:
    assert f"connectors/{pipeline}/" in README.read_text()


def every_command(command: click.Command, context: click.Context) -> list[tuple[str, click.Command]]:
    found = [(context.command_path, command)]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            found += every_command(child, click.Context(child, parent=context, info_name=name))
    return found


@pytest.mark.parametrize(
    ("path", "command"),
    [pytest.param(*each, id=each[0]) for each in every_command(cli, ROOT_CONTEXT)],
)
def test_the_help_of_every_command_has_examples_and_is_in_the_reference(path: str, command: click.Command) -> None:
    assert "Examples:" in (command.help or "")
    assert f"## {path}\n" in (ROOT / "docs" / "commands.md").read_text()
