"""From templates to a cluster: render, validate, plan, deploy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamguard.commands.connectors.asking import SECONDS, connectors, jobs_option
from streamguard.commands.connectors.options import (
    client_of,
    of_begun,
    refuse_secrets,
    rendered_by,
    require_kafka,
    shown_url,
    template_options,
    topics_of,
    url_option,
)
from streamguard.commands.connectors.telling import (
    FEW,
    Begun,
    Talk,
    list_changes,
    print_report,
    print_results,
    tell_strays,
)
from streamguard.commands.output import output_option, show
from streamguard.commands.progress import show_parts

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.deploying.apply import Deployment, How
    from streamguard.connect.templates.choose import Rendering
    from streamguard.connect.templates.own import Prune

F = TypeVar("F", bound=Callable[..., Any])

CHANGES = 2
TIMEOUTS = {"running": 60.0, "progress": 180.0, "none": 60.0}


def plan_options(function: F) -> F:
    """What widens a plan: --prune and its guard, masked secrets, other owners."""
    options = (
        click.option("--prune", is_flag=True, help="Delete connectors of ours whose template is gone."),
        click.option(
            "--allow-deletes",
            type=click.IntRange(min=0),
            metavar="N",
            help="With --prune: delete up to N, even if that is most of them.",
        ),
        click.option(
            "--reset-offsets", is_flag=True, help="With --prune: delete their offsets, so that they would start afresh."
        ),
        click.option("--force-secrets", is_flag=True, help="Write secrets that the server masks, whatever they are."),
        click.option("--take-over", is_flag=True, help="Change connectors of another owner, and own them."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@template_options
@click.option("-o", "--output", type=click.Choice(("json", "yaml", "ndjson")), default="json", show_default=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(("json", "properties", "strimzi")),
    help="As other tools take them: POST /connectors, a standalone worker, KafkaConnector resources.",
)
@click.option(
    "--cluster",
    metavar="NAME",
    default="connect",
    show_default=True,
    help="With --format strimzi: the KafkaConnect resource.",
)
@click.pass_context
def render(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    output: str,
    form: str | None,
    cluster: str,
) -> None:
    """Print the configs that the templates give. Asks no server.

    \b
    Examples:
      streamguard connectors render
      streamguard connectors render users-mongodb-sink --set mongodb_tasks=4 -o yaml
      streamguard connectors render --format strimzi --cluster my-connect | kubectl apply -f -
    """
    if form is not None and ctx.get_parameter_source("output") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--format and --output exclude each other")
    app: App = ctx.obj
    rendered = rendered_by(app, names, pipeline, values, overrides)
    refuse_secrets(rendered)
    if form is not None:
        from streamguard.connect.templates.formats import formatted

        click.echo(formatted(rendered, form, cluster=cluster), nl=False)
        return
    show([{"name": connector.name, "config": dict(connector.config)} for connector in rendered], (), output)


@click.command()
@template_options
@url_option
@output_option
@jobs_option
@click.pass_obj
def validate(
    app: App,
    /,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    url: str | None,
    output: str,
    jobs: int,
) -> None:
    """Check the configs without deploying them: lint, then the worker's plugins, which may open connections.

    Ends with 0 if all are valid, 3 if lint refuses one, 1 if a plugin does.

    \b
    Examples:
      streamguard connectors validate
      streamguard connectors validate users-s3-sink -o json
    """
    from streamguard.connect.deploying import verdicts
    from streamguard.connect.lint.annotations import line, merged
    from streamguard.connect.templates.choose import Rendering
    from streamguard.errors import ConnectorInvalid, Refused

    rendered, topics = rendered_by(app, names, pipeline, values, overrides), topics_of(app)
    if not names and pipeline is None:
        rendered = of_begun(app, Rendering(rendered), topics).connectors
    with show_parts("validating") as told:
        found = verdicts.check(client_of(app, url), rendered, topics, jobs=jobs, report=told)
    listed = [finding for findings in found.values() for finding in findings]
    if output == "table":
        for finding in merged(listed):
            click.echo(line(finding, Path.cwd()))
    else:
        show([finding.row() for finding in listed], (), output)
    errors = [error for name, findings in found.items() if (error := verdicts.error_of(name, findings))]
    if errors:
        kind = Refused if all(isinstance(error, Refused) for error in errors) else ConnectorInvalid
        raise kind(f"{len(errors)} of {len(rendered)} connectors can not be deployed as they are")
    click.echo(f"{connectors(len(rendered))}: valid", err=True)


@click.command()
@template_options
@url_option
@output_option
@plan_options
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 if there are changes.")
@click.pass_obj
def plan(app: App, /, *, output: str, detailed_exitcode: bool, **given: Any) -> int:
    """Show what deploy would change, request by request. Changes nothing.

    Of a connector that is created, `streamguard -v` shows every key. Ends with 3 if something would be refused.

    \b
    Examples:
      streamguard connectors plan
      streamguard connectors plan --detailed-exitcode || echo "something differs"
      streamguard connectors plan --prune -o json
    """
    from streamguard.connect.deploying.plan import counts, has_changes
    from streamguard.connect.deploying.results import raise_for

    chosen = _Chosen(**given)
    begun = Begun("plan", shown_url(app, chosen.url))
    with begun.reporting(output):
        deployment = begun.with_(_deployment(app, chosen))
        results = deployment.preview()
    if chosen.prunes_all:
        tell_strays(app, deployment.deployed)
    if output == "table":
        list_changes(results, verbose=app.verbose)
    else:
        print_report(begun.report(results), output)
    click.echo(f"Plan: {counts([result.change for result in results])}", err=True)
    raise_for(results, planned=True)
    return CHANGES if detailed_exitcode and has_changes([result.change for result in results]) else 0


@click.command()
@template_options
@url_option
@output_option
@plan_options
@jobs_option
@click.option("--dry-run", is_flag=True, help="Show the plan and stop: the same as the command plan.")
@click.option(
    "--keep-going/--fail-fast",
    "keep_going",
    default=True,
    show_default=True,
    help="Go on with the others when one fails, or begin nothing more; then an error of lint stops everything.",
)
@click.option(
    "--wait",
    "wait_for",
    type=click.Choice(tuple(TIMEOUTS)),
    default="running",
    show_default=True,
    help="Until tasks run the new config, or until they have committed records too, or not at all.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    metavar="SECONDS",
    help="How long that may take.  [default: 60; 180 for progress, which takes as long as the worker's next commit]",
)
@click.option(
    "--settle",
    type=SECONDS,
    default=1.5,
    show_default=True,
    metavar="SECONDS",
    help="How long a task must stay RUNNING.",
)
@click.pass_obj
def deploy(
    app: App,
    /,
    *,
    output: str,
    jobs: int,
    dry_run: bool,
    keep_going: bool,
    wait_for: Any,
    timeout: float | None,
    settle: float,
    **given: Any,
) -> int:
    """Create or update what differs, and wait until every task runs. What does not differ is not written.

    Renders, lints, plans, validates, applies and waits. Ends with 0 if every connector is as its template says, 3 if
    lint or policy refuses one, 4 if waiting took too long, 5 if some are as wanted and some are not, 1 otherwise.
    Connectors that no template names are left alone, unless --prune finds that they were deployed from here. Without
    names and -p, pipelines are left out of which no topic is there yet.

    \b
    Examples:
      streamguard connectors deploy
      streamguard connectors deploy transactions-mongodb-sink users-mongodb-sink --set mongodb_tasks=4
      streamguard connectors deploy --values cloud --wait progress -o json > report.json
      streamguard connectors deploy --prune --dry-run
    """
    from streamguard.connect.deploying.apply import How
    from streamguard.connect.deploying.results import raise_for

    if dry_run:
        ctx = click.get_current_context()
        return int(ctx.invoke(plan, output=output, detailed_exitcode=False, **given) or 0)
    how = How(jobs, not keep_going, wait_for, TIMEOUTS[wait_for] if timeout is None else timeout, settle)
    chosen = _Chosen(**given)
    begun = Begun("deploy", shown_url(app, chosen.url))
    with begun.reporting(output):
        deployment = begun.with_(_deployment(app, chosen, how))
        try:
            results = deployment.run()
        except KeyboardInterrupt:
            print_results(begun.report(deployment.end()), output, verbose=app.verbose)
            raise
    if chosen.prunes_all:
        tell_strays(app, deployment.deployed)
    print_results(begun.report(results), output, verbose=app.verbose)
    raise_for(results)
    return 0


@dataclass(frozen=True)
class _Chosen:
    """What the options say that `plan` and `deploy` share: those of templates, of the cluster, and of a plan."""

    names: tuple[str, ...]
    pipeline: str | None
    values: str
    overrides: tuple[str, ...]
    url: str | None
    prune: bool
    allow_deletes: int | None
    reset_offsets: bool
    force_secrets: bool
    take_over: bool

    @property
    def prunes_all(self) -> bool:
        return self.prune and self.pipeline is None

    def rendering(self, app: App) -> Rendering:
        """The templates that are meant. With --prune a pipeline may be gone with all its templates."""
        from streamguard.connect.templates.choose import Rendering, render_each

        if self.prune and self.names:
            raise click.UsageError("--prune looks at whole pipelines: leave the names out")
        if not self.prune and self.allow_deletes is not None:
            raise click.UsageError("--allow-deletes goes with --prune")
        if not self.prune and self.reset_offsets:
            raise click.UsageError("--reset-offsets goes with --prune")
        if self.prune and self.pipeline and self.pipeline not in app.project.pipelines():
            return Rendering()
        pipelines = [app.pipeline(self.pipeline)] if self.pipeline else None
        return render_each(app.project, app.settings, pipelines, self.values, self.overrides).of(self.names)

    def reach(self, app: App, rendering: Rendering) -> Prune | None:
        """What a prune may delete; None: nothing."""
        from streamguard.connect.templates.own import Prune

        if not self.prune:
            return None
        pipelines = frozenset([self.pipeline] if self.pipeline else app.project.pipelines())
        return Prune(app.settings.connect_owner, pipelines, rendering.names, self.allow_deletes, self.reset_offsets)


def _deployment(app: App, chosen: _Chosen, how: How | None = None) -> Deployment:
    from streamguard.connect.deploying.apply import Deployment
    from streamguard.connect.offsets.altering import end_control
    from streamguard.connect.offsets.progress import Offsets

    if app.has_no_project:
        click.echo(f"there is no project here: these are the connectors of {app.project.root}", err=True)
    rendering = chosen.rendering(app)
    client = client_of(app, chosen.url)
    progress = how is not None and how.wait_for == "progress"
    if progress or chosen.reset_offsets:
        require_kafka(app)
    topics = _topics(app, must=how is not None)
    meant = rendering if chosen.names or chosen.pipeline else of_begun(app, rendering, topics)
    return Deployment(
        client,
        meant.connectors,
        topics=topics,
        how=how,
        prune=chosen.reach(app, rendering),
        reading=Offsets(client, app.settings) if progress else None,
        end_control=partial(end_control, app.settings) if chosen.reset_offsets else None,
        unrendered=rendering.failed,
        force_secrets=chosen.force_secrets,
        take_over=chosen.take_over,
        tell=Talk(many=len(rendering.names) > FEW, verbose=bool(app.verbose), only_warnings=how is None),
    )


def _topics(app: App, *, must: bool) -> dict[str, int] | None:
    """The topics that exist. A plan can be made without them, and says so."""
    from streamguard.errors import KafkaUnavailable

    try:
        return topics_of(app)
    except KafkaUnavailable as exc:
        if must:
            raise
        click.echo(f"Whether topics exist was not looked at: {exc}", err=True)
        return None
