"""Options that the commands of `streamguard connectors` share, and what is made from them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from streamguard.commands import completion
from streamguard.errors import Refused, StreamguardError

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.rest.client import ConnectClient
    from streamguard.connect.templates.choose import Rendering
    from streamguard.connect.templates.render import Connector
    from streamguard.model import Topic

F = TypeVar("F", bound=Callable[..., Any])


def _values_of_mode(ctx: click.Context, _option: click.Parameter, given: str | None) -> str:
    """Those of this machine, which a worker in a container could not reach: there they are those of containers."""
    app: App | None = ctx.obj  # None: the line is parsed and nothing is run
    if given is not None or app is None or ctx.resilient_parsing:
        return given or "local"
    return "compose" if app.settings.mode == "compose" else "local"


values_option = click.option(
    "--values",
    callback=_values_of_mode,
    metavar="NAME|FILE",
    shell_complete=completion.values,
    help="connectors/values/NAME.yml, or a file.  [default: local; in mode compose: compose]",
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
names_argument = click.argument("names", nargs=-1, metavar="[NAME|GLOB]...", shell_complete=completion.connectors)


def url_option(function: F) -> F:
    """--url and --context, which settle before the command runs which cluster is meant; it gets `url` only."""

    @functools.wraps(function)
    def command(*args: Any, url: str | None, context: str | None, **kwargs: Any) -> Any:
        enter(click.get_current_context().obj, url, context)
        return function(*args, url=url, **kwargs)

    options = (
        click.option("--url", metavar="URL", help="Kafka Connect.  [default: the context's, else the local one]"),
        click.option(
            "--context",
            metavar="NAME",
            shell_complete=contexts,
            help="The cluster, see `connectors contexts`.  [default: the one in use]",
        ),
    )
    decorated: Any = command
    for option in reversed(options):
        decorated = option(decorated)
    return cast(F, decorated)


def contexts(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """The names of contexts, for completion."""
    from streamguard.connect.rest.contexts import load

    try:
        names = load(_app_of(ctx).settings.contexts_file).by_name
    except StreamguardError:
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def _app_of(ctx: click.Context) -> App:
    """During completion the group has not run: there is no App yet."""
    from streamguard.commands import App

    return ctx.obj if isinstance(ctx.obj, App) else App(ctx.find_root().params.get("project"))


def enter(app: App, url: str | None, context: str | None) -> None:
    """The context of this command: its Kafka is that of the settings from here on. An address alone has none."""
    from streamguard.connect.rest.contexts import choose
    from streamguard.connect.secrecy import secrets
    from streamguard.settings import secrets_of

    secrets.learn([*secrets_of(app.settings), url or app.settings.connect_url])
    app.context = None if url and not context else choose(app.settings, context)
    if app.context is not None and app.context.kafka_bootstrap:
        app.settings = replace(app.settings, kafka_bootstrap=app.context.kafka_bootstrap)


def template_options(function: F) -> F:
    """What chooses templates and their values: NAMES, --pipeline, --values, --set."""
    options = (
        names_argument,
        click.option(
            "-p",
            "--pipeline",
            metavar="NAME",
            shell_complete=completion.pipelines,
            help="The pipeline.  [default: every one that has templates]",
        ),
        values_option,
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A value, over those of the file."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def client_of(app: App, url: str | None, **options: Any) -> ConnectClient:
    """The client of the worker at `url`, of the context, or of the settings; `options` are the client's own."""
    if app.context is not None:
        from streamguard.connect.rest.credentials import open_client

        return open_client(app.context, *([url] if url else []), **options)
    from streamguard.connect.rest.credentials import client_at

    return client_at(app.settings, url, **options)


def shown_url(app: App, url: str | None) -> str:
    """The first address that `client_of` would ask, without credentials."""
    from streamguard.connect.secrecy.secrets import redact

    return redact(url or (app.context.urls[0] if app.context is not None else app.settings.connect_url))


def require_kafka(app: App, client: ConnectClient | None = None) -> None:
    """`Refused` if nobody says where the context's Kafka is, or if that of the settings is not the one that `client`
    belongs to: a connector's offsets would be looked for in another cluster."""
    if app.context is not None and not knows_kafka(app):
        raise Refused(
            f"the context {app.context.name} does not say where its Kafka is: `streamguard connectors contexts set "
            f"{app.context.name} --kafka HOST:PORT` does, or set STREAMGUARD_KAFKA_BOOTSTRAP"
        )
    if client is None:
        return
    from streamguard.kafka.cluster import Cluster

    theirs = client.worker().cluster_id
    ours = Cluster(app.settings).cluster_id() if theirs else ""
    if theirs and ours and theirs != ours:
        raise Refused(
            f"Kafka at {app.settings.kafka_bootstrap} is not the one that Kafka Connect at {client.shown_url} works "
            "on: say where that is with STREAMGUARD_KAFKA_BOOTSTRAP, or in the context"
        )


def knows_kafka(app: App) -> bool:
    """Does anybody say where the Kafka of the context is? The local one is another."""
    return app.context is None or bool(app.context.kafka_bootstrap) or app.settings.has_own_kafka_bootstrap


def unfit_kafka(app: App, client: ConnectClient) -> str:
    """Why the Kafka of the settings can not be asked about the connectors of `client`; "" if it can, perhaps later."""
    from streamguard.errors import KafkaUnavailable

    try:
        require_kafka(app, client)
    except Refused as exc:
        return str(exc)
    except KafkaUnavailable:
        return ""
    return ""


def topics_of(app: App) -> dict[str, int] | None:
    """The topics that exist, with their partitions; None if nobody says where the context's Kafka is."""
    if not knows_kafka(app):
        return None
    from streamguard.kafka.cluster import Cluster

    return Cluster(app.settings).partitions()


def of_begun(app: App, rendering: Rendering, topics: Collection[str] | None) -> Rendering:
    """Without the connectors of pipelines that nobody has begun, of which no topic is there; stderr names them.

    For commands that were given neither names nor a pipeline. If nothing at all has begun, nothing is left out: what
    is missing shall be told.
    """
    named = {connector.pipeline for connector in rendering.connectors}
    if topics is None:
        return rendering
    idle = [name for name in sorted(named) if (own := app.pipeline(name).topics) and not _any_of(own, topics)]
    if not idle or len(idle) == len(named):
        return rendering
    begin = "`streamguard topics apply`" if app.settings.mode == "external" else "`streamguard up`"
    click.echo(
        f"left out, as no topic of it is there: {', '.join(idle)} (begin it by {begin}, or name it with -p)",
        err=True,
    )
    return rendering.without(idle)


def _any_of(wanted: Sequence[Topic], topics: Collection[str]) -> bool:
    return any(topic.name in topics for topic in wanted)


def rendered_by(
    app: App, names: Sequence[str], pipeline: str | None, values: str, overrides: Sequence[str]
) -> list[Connector]:
    """The connectors that templates and values give, those of `names` only."""
    from streamguard.connect.templates.choose import render_each

    pipelines = [app.pipeline(pipeline)] if pipeline else None
    rendered = render_each(app.project, app.settings, pipelines, values, overrides).of(names).whole()
    learn_references(rendered)
    return rendered


def learn_references(rendered: Sequence[Connector]) -> None:
    """What a reference names may be set here too, as in a container with the worker's environment: it is secret."""
    from streamguard.connect.secrecy.secrets import learn_environment
    from streamguard.settings import environment_variable

    for connector in rendered:
        learn_environment(connector.config, environment_variable)


def refuse_secrets(rendered: Sequence[Connector]) -> None:
    """`Refused` if a config holds a secret."""
    from streamguard.connect.lint import run

    run.refuse_secrets(rendered)
