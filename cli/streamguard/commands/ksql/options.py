"""Options that the commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamguard.commands import completion

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.engine.client.declared import Declared
    from streamguard.engine.client.http import KsqlClient

_define = partial(click.option, "-D", "--define", "definitions", multiple=True, metavar="NAME=VALUE")
variables_option = _define(help="Replace ${NAME} in the statements.")
pipeline_variables_option = _define(
    help="Replace ${NAME} in the statements; it wins over `variables:` of init/PIPELINE.yml."
)
url_option = click.option("--url", help="The ksql server.  [default: the setting ksql_url, the local one]")
set_option = click.option(
    "-s",
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A property, as SET does.",
    shell_complete=completion.properties,
)


def variables_of(definitions: tuple[str, ...]) -> dict[str, str]:
    """What --define says."""
    return _pairs(definitions, "--define")


def refuse_unused(files: Sequence[Path], definitions: Mapping[str, str]) -> None:
    """A name that no statement uses is a slip: the threshold that was meant would stay as it was."""
    from streamguard.engine.language.tokens import variables_in
    from streamguard.project import did_you_mean, read_text

    used = set[str]().union(*(variables_in(read_text(path)) for path in files))
    for name in definitions:
        if name.upper() not in used:
            raise click.UsageError(
                f"--define {name}: no statement uses it{did_you_mean(name.lower(), map(str.lower, used))}"
            )


def declared_in(app: App, pipelines: Sequence[str], definitions: Mapping[str, str]) -> list[Declared]:
    """What the files of the pipelines declare, each read with the variables of its own."""
    from streamguard.engine.client.declared import read_files, types_of

    declared: list[Declared] = []
    for name in pipelines:
        variables = {**app.pipeline(name).variables, **definitions}
        declared += read_files(app.project.statements(name), variables, types=types_of(declared))
    return declared


def properties_of(settings: tuple[str, ...]) -> dict[str, str]:
    """What --set says."""
    return _pairs(settings, "--set")


def client_of(app: App, url: str | None) -> KsqlClient:
    """The server that is meant."""
    from streamguard.engine.client.http import client_at

    return client_at(app.settings, url)


def load_functions(app: App) -> None:
    """The user's own functions, if the settings name a module of them: statements may call them."""
    from streamguard.engine.functions import user

    if app.settings.ksql_functions:
        user.load(app.settings.ksql_functions, app.project.root)


def relative(path: str) -> str:
    """The path as it is seen from here, if it is below."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def _pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} takes NAME=VALUE, not {text!r}")
        pairs[name] = value
    return pairs
