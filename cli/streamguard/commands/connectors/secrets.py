"""`streamguard connectors secrets`: which secrets connectors have, whether they are resolved, and a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamguard.commands import completion
from streamguard.commands.connectors.asking import (
    ask,
    connectors,
    finish,
    jobs_option,
    listed,
    patterns_argument,
    tell,
    wait_options,
)
from streamguard.commands.connectors.options import (
    client_of,
    rendered_by,
    template_options,
    url_option,
    yes_option,
)
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App


@click.group()
def secrets() -> None:
    """Show the secrets that connectors refer to, and take in new ones. No value is ever printed.

    A worker resolves references like ${env:NAME}, and writes nothing about those that it can not resolve: the connector
    gets their text. Whoever may write to the REST API of a worker can read every secret that the worker may: give its
    address to nobody else.

    \b
    Examples:
      streamguard connectors secrets list
      streamguard connectors secrets rotate '${file:/run/secrets/db.properties:password}'
    """


@secrets.command("list")
@patterns_argument
@url_option
@output_option
@click.pass_obj
def list_(app: App, patterns: tuple[str, ...], url: str | None, output: str) -> None:
    """List the references of the connectors of a cluster, and whether the worker that answers resolves them.

    It is asked in a way that no secret leaves it. Secrets that a config has in clear are listed too. Ends with 1 if a
    reference is not resolved, and with 3 if a secret is in clear.

    \b
    Examples:
      streamguard connectors secrets list
      streamguard connectors secrets list 'users-*' -o json
    """
    from streamguard.connect.deploying.references import secrets_of
    from streamguard.connect.rest.globs import select
    from streamguard.errors import ConnectorInvalid, Refused

    client = client_of(app, url)
    known = client.connectors_for(patterns)
    found = secrets_of(client, {name: known[name].config for name in select(patterns, known, client.shown_url)})
    show([one.row() for one in found], ("connector", "key", "reference", "state", "reason"), output)
    clear = sorted({f"{one.connector}: {one.key}" for one in found if one.state == "in clear"})
    unresolved = sorted({f"{one.connector}: {one.key}" for one in found if one.state == "unresolved"})
    if clear:
        raise Refused(f"secrets in clear, which everybody reads who may read the REST API: {listed(clear)}")
    if unresolved:
        raise ConnectorInvalid(f"references that the worker does not resolve: {listed(unresolved)}")


@secrets.command("env")
@template_options
@click.option(
    "--into",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write them there with their values, for a worker; mode 0600.  [default: list them, without values]",
)
@output_option
@click.pass_obj
def env(
    app: App,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    into: Path | None,
    output: str,
) -> None:
    """List the variables that a worker must have for these templates, and what they are made from. Asks no server.

    MY_MONGODB_URI is made of MY_MONGODB_USER, MY_MONGODB_PASS and MY_MONGODB_CLUSTER; variables that your own values
    name are taken from the environment, or .env, as they are. The workers that `up` starts get
    theirs by themselves; for any other --into writes a file as docker (--env-file), kubectl (--from-env-file) and
    systemd (EnvironmentFile=) read it. The worker's env provider must allow these names. Ends with 1 if one is missing.

    \b
    Examples:
      streamguard connectors secrets env --values cloud
      streamguard connectors secrets env --values cloud -p bank --into worker.env
    """
    from streamguard.connect.deploying.variables import names_of, variables
    from streamguard.errors import SettingsError
    from streamguard.settings import known_variables, variable_in, write_env_file

    rendered = rendered_by(app, names, pipeline, values, overrides)
    own = {name: variable_in(app.project.root, name) for connector in rendered for name in names_of(connector)}
    known = own | known_variables(app.settings)
    found = variables(rendered, known, app.settings.mine)
    missing = list(dict.fromkeys(name for one in found for name in one.missing))
    if into is None or missing:
        show([one.row() for one in found], ("variable", "state", "made from", "connectors"), output)
    if missing:
        raise SettingsError(
            f"not set: {listed(missing)}: write them into .env, or export them; .env.example says what "
            "STREAMGUARD_… and MY_… are"
        )
    if into is not None:
        write_env_file(into, {one.name: known[one.name] for one in found})
        click.echo(f"wrote {len(found)} variables to {into}, which only you can read", err=True)


@secrets.command()
@click.argument(
    "references", nargs=-1, required=True, metavar="REFERENCE|NAME...", shell_complete=completion.references
)
@yes_option
@jobs_option
@wait_options
@url_option
@output_option
@click.pass_obj
def rotate(
    app: App,
    *,
    references: tuple[str, ...],
    yes: bool,
    jobs: int,
    wait: bool,
    timeout: float,
    url: str | None,
    output: str,
) -> None:
    """Restart the connectors that have a reference, with their tasks, so that they take in its new value.

    Tasks keep the value that they were started with, also where the provider knows a time to live. A variable of the
    worker's environment is as it was when the worker started: then the worker is to be restarted, and not this.

    \b
    Examples:
      streamguard connectors secrets rotate '${file:/run/secrets/db.properties:password}'
      streamguard connectors secrets rotate password --yes --timeout 120
    """
    from streamguard.connect.deploying.references import meant, using
    from streamguard.connect.operating import operate
    from streamguard.errors import UnknownName

    client = client_of(app, url)
    known = client.connectors()
    configs = {name: one.config for name, one in known.items()}
    for reference in references:
        if not using(configs, [reference]):
            raise UnknownName(f"no connector of {client.shown_url} has the reference {reference}: see `secrets list`")
    names = using(configs, references)
    kept = [reference for reference in meant(configs, references) if reference.startswith("${env:")]
    if kept:
        click.echo(f"{listed(kept)}: a worker that runs keeps the variables that it was started with", err=True)
    ask(f"Restart {connectors(len(names))} at {client.shown_url}: {listed(names)}?", yes)

    def act(name: str) -> str:
        return operate.restart(client, name, known[name].status, only_failed=False)

    outcomes = operate.each(names, act, jobs, tell)
    if wait:
        outcomes = operate.settle_restarts(client, outcomes, known, timeout=timeout)
    finish(outcomes, output)
