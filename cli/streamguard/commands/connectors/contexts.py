"""The clusters that one works with: list, show, choose and change them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands.connectors.options import contexts as context_names
from streamguard.commands.output import output_option, show, show_one

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.rest.contexts import Contexts

name_argument = click.argument("name", shell_complete=context_names)


@click.group()
def contexts() -> None:
    """Name Connect clusters, and who you are there.

    The file says where a password, token or key is (an environment variable or a file), never what it is. Which
    cluster a command means: --url, else --context, else STREAMGUARD_CONNECT_CONTEXT, else STREAMGUARD_CONNECT_URL, else
    the context in use, else the local stack.

    \b
    Examples:
      streamguard connectors contexts set staging --url https://connect-1:8083 --url https://connect-2:8083 \\
          --user ops --password-env CONNECT_PASSWORD --ca ca.pem
      streamguard connectors contexts use staging
      streamguard connectors status --context local
    """


@contexts.command("list")
@output_option
@click.pass_obj
def list_(app: App, output: str) -> None:
    """List the contexts; the one in use has a star.

    \b
    Examples:
      streamguard connectors contexts list
    """
    found = _load(app)
    rows = [context.row(found.current) for _, context in sorted(found.by_name.items())]
    show(rows, ("current", "name", "urls", "auth", "kafka"), output)


@contexts.command("show")
@click.argument("name", required=False, shell_complete=context_names)
@click.option("-o", "--output", type=click.Choice(("json", "yaml")), default="yaml", show_default=True)
@click.pass_obj
def show_(app: App, name: str | None, output: str) -> None:
    """Show a context: NAME, or the one in use.

    \b
    Examples:
      streamguard connectors contexts show
      streamguard connectors contexts show staging -o json
    """
    found = _load(app)
    if not name and not found.current:
        raise click.UsageError("no context is in use: give a NAME")
    context = found[name or found.current]
    show_one({"name": context.name, **context.document()}, output)


@contexts.command()
@click.argument("name", required=False, shell_complete=context_names)
@click.option("--none", is_flag=True, help="Use none: the settings say where Kafka Connect is.")
@click.pass_obj
def use(app: App, name: str | None, none: bool) -> None:
    """Choose the context that commands mean without --context.

    \b
    Examples:
      streamguard connectors contexts use staging
      streamguard connectors contexts use --none
    """
    if bool(name) == none:
        raise click.UsageError("give a NAME, or --none")
    _load(app).use(name or "").save()
    click.echo(f"in use: {name or 'none'}", err=True)


@contexts.command("set")
@name_argument
@click.option("--url", "urls", multiple=True, metavar="URL", help="A worker of the cluster; may be repeated.")
@click.option("--user", metavar="NAME", help="Who you are, with a password.")
@click.option("--password-env", metavar="VARIABLE", help="The environment variable that holds the password.")
@click.option("--password-file", metavar="FILE", help="The file that holds the password.")
@click.option("--token-env", metavar="VARIABLE", help="The environment variable that holds a bearer token.")
@click.option("--token-file", metavar="FILE", help="The file that holds a bearer token; read for every request.")
@click.option("--ca", metavar="FILE", help="Certificates of those to trust.  [default: those of the system]")
@click.option("--cert", metavar="FILE", help="Your certificate, for mutual TLS.")
@click.option("--key", metavar="FILE", help="Its key.")
@click.option("--key-password-env", metavar="VARIABLE", help="The environment variable that holds the key's password.")
@click.option("--key-password-file", metavar="FILE", help="The file that holds the key's password.")
@click.option("--kafka", metavar="HOST:PORT", help="The Kafka of the cluster.")
@click.pass_obj
def set_(app: App, /, name: str, **options: Any) -> None:
    """Make a context, or change what is given of one.

    Comments in the file are lost.

    \b
    Examples:
      streamguard connectors contexts set local --url http://127.0.0.1:8083
      streamguard connectors contexts set prod --url https://connect:8083 --token-file /run/secrets/token
      streamguard connectors contexts set prod --cert ops.pem --key ops.key --kafka kafka-1:9092
    """
    from streamguard.connect.rest.contexts import change

    contexts = _load(app)
    changed = change(contexts, name, {key: value for key, value in options.items() if value}, Path.cwd())
    changed.save()
    click.echo(f"{name}: {'changed' if name in contexts.by_name else 'made'}, in {contexts.path}", err=True)


@contexts.command()
@name_argument
@click.pass_obj
def remove(app: App, name: str) -> None:
    """Remove a context. The cluster is not touched.

    \b
    Examples:
      streamguard connectors contexts remove staging
    """
    _load(app).without(name).save()
    click.echo(f"{name}: removed", err=True)


def _load(app: App) -> Contexts:
    from streamguard.connect.rest.contexts import load

    return load(app.settings.contexts_file)
