"""`streamguard alerts`: follow alerts and decisions, and the channels through which people are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.alert_lines import TOPICS, line, seen
from streamguard.commands.output import output_option, show
from streamguard.services.decider.outcomes import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamguard.commands import App
    from streamguard.commands.alert_lines import Seen
    from streamguard.model import Pipeline

PIPELINE = "card"

pipeline_option = click.option(
    "-p",
    "--pipeline",
    default=PIPELINE,
    show_default=True,
    shell_complete=completion.pipelines,
    help="Whose channels: those of init/PIPELINE/notifications.yml.",
)


def channel_names(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell."""
    from pathlib import Path

    from streamguard.errors import StreamguardError
    from streamguard.project import find_project
    from streamguard.services.notifier.reading import channels_file, read_channels

    try:
        project = find_project(Path.cwd(), ctx.find_root().params.get("project"))
        path = channels_file(project, project.pipeline(ctx.params.get("pipeline") or PIPELINE))
        return [channel.name for channel in read_channels(path) if channel.name.startswith(incomplete)]
    except (StreamguardError, OSError):
        return []


@click.group()
def alerts() -> None:
    """Follow alerts and decisions; list and test the channels that people are told through.

    \b
    Examples:
      streamguard alerts tail
      streamguard alerts channels
      streamguard alerts test fraud-desk --dry-run
    """


@alerts.command()
@click.argument("pipeline", default=PIPELINE, shell_complete=completion.pipelines)
@click.option("--only", type=click.Choice(list(TOPICS)), help="Alerts of the rules, or decisions.  [default: both]")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only of this rule; again for more.")
@click.option(
    "--severity", type=click.Choice(SEVERITIES), default="low", show_default=True, help="This, and what is worse."
)
@click.option("--account", metavar="ID", help="Only about this account.")
@click.option(
    "--from",
    "start",
    type=click.Choice(["beginning", "end"]),
    default="end",
    show_default=True,
    help="Where to begin: with what is there, or with what comes.",
)
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after N.  [default: go on until Ctrl-C]")
@click.option("--no-follow", is_flag=True, help="End with what is there now; implies --from beginning.")
@output_option
@click.pass_obj
def tail(app: App, /, pipeline: str, output: str, count: int | None, **options: Any) -> None:
    """Follow the alerts and decisions of PIPELINE as they come.

    Each line has the time of the event, the severity, what is asked for or decided, rule, account, amount and reason;
    on a terminal it is coloured by severity. An alert that asks to BLOCK is high, one to REVIEW medium. With --output
    ndjson a line is the whole record and its place. Ctrl-C ends it with exit code 130, --count with 0.

    \b
    Examples:
      streamguard alerts tail
      streamguard alerts tail card --severity high --rule VELOCITY
      streamguard alerts tail --from beginning --no-follow --output ndjson | jq .value
    """
    from itertools import islice

    if output in ("json", "yaml") and count is None and not options["no_follow"]:
        raise click.UsageError(f"this never ends, and {output} is one document: use --output ndjson, or --count")
    found, shown = islice(_seen(app, app.pipeline(pipeline), **options), count), 0
    if output in ("json", "yaml"):
        documents = [each.document for each in found]
        show(documents, [], output)
        shown = len(documents)
    for each in found:
        shown += 1
        if output == "ndjson":
            show([each.document], [], output)
        else:
            click.echo(line(each))
    if not shown:
        click.echo("Nothing of the kind is there", err=True)


def _seen(
    app: App,
    pipeline: Pipeline,
    *,
    only: str | None,
    rules: tuple[str, ...],
    severity: str,
    account: str | None,
    start: str,
    no_follow: bool,
) -> Iterator[Seen]:
    from streamguard.errors import ProjectError
    from streamguard.kafka.tail import tail_several

    topics = [topic for kind, topic in TOPICS.items() if only in (None, kind) and pipeline.topic(topic)]
    if not topics:
        missing = " and no topic ".join(topic for kind, topic in TOPICS.items() if only in (None, kind))
        raise ProjectError(f"init/{pipeline.name}.yml has no topic {missing}: init/{PIPELINE}.yml is one that has")
    records = tail_several(app.settings, topics, from_beginning=start == "beginning" or no_follow, follow=not no_follow)
    wanted = set(map(str.upper, rules))
    for topic, record in records:
        found = seen(topic, record)
        if (
            found.level >= SEVERITIES.index(severity)
            and (not wanted or not wanted.isdisjoint(map(str.upper, found.rules)))
            and account in (None, found.account)
        ):
            yield found


@alerts.command()
@click.argument("pipeline", default=PIPELINE, shell_complete=completion.pipelines)
@output_option
@click.pass_obj
def channels(app: App, pipeline: str, output: str) -> None:
    """List who is told about which decisions, and how.

    The channels stand in init/PIPELINE/notifications.yml. MISSING names variables that a channel refers to and that are
    neither in the environment nor in .env.

    \b
    Examples:
      streamguard alerts channels
      streamguard alerts channels card --output json
    """
    from functools import partial

    from streamguard.services.notifier.reading import read_channels
    from streamguard.settings import variable_in

    path = _channels_file(app, pipeline)
    rows = [
        {
            "channel": channel.name,
            "kind": channel.kind,
            "severity": f"{channel.filter.min_severity}+",
            "rules": sorted(channel.filter.rules),
            "actions": sorted(channel.filter.actions),
            "group": f"by {channel.grouping.by}, {channel.grouping.seconds:g} s, {channel.grouping.size} at most",
            "rate": f"{channel.rate.per_minute:g}/min, {channel.rate.burst} at once",
            "masked": channel.mask,
            "missing": channel.missing(partial(variable_in, app.project.root)),
        }
        for channel in read_channels(path)
    ]
    if not rows:
        click.echo(f"{path} has no channel: nobody is told", err=True)
    show(rows, ["channel", "kind", "severity", "rules", "actions", "group", "rate", "missing"], output)


@alerts.command()
@click.argument("channel", shell_complete=channel_names)
@pipeline_option
@click.option(
    "--severity", type=click.Choice(SEVERITIES), default="critical", show_default=True, help="Of what is told."
)
@click.option("--dry-run", is_flag=True, help="Print the message, and send nothing.")
@click.pass_obj
def test(app: App, channel: str, pipeline: str, severity: str, dry_run: bool) -> None:
    """Send a made-up decision through CHANNEL.

    Does it arrive, and does it read well? The message says that it is a test. One try is made, and what the server
    answers is told; the filters of the channel do not count. It needs no Kafka.

    \b
    Examples:
      streamguard alerts test fraud-desk --dry-run
      streamguard alerts test fraud-desk
    """
    from functools import partial

    from streamguard.services.notifier.reading import find_channel, require_variables
    from streamguard.services.notifier.trying import trial_message, try_once
    from streamguard.settings import variable_in

    path = _channels_file(app, pipeline)
    found = find_channel(path, channel)
    message = trial_message(found, pipeline, severity)
    if dry_run:
        click.echo(f"{message.subject}\n\n{message.text}" if found.kind == "email" else message.text)
        return
    lookup = partial(variable_in, app.project.root)
    require_variables(path, found, lookup)
    try_once(found, lookup, message)
    click.echo(f"{found.name} has taken the message ({found.kind})", err=True)


def _channels_file(app: App, pipeline: str) -> Path:
    from streamguard.services.notifier.reading import channels_file

    return channels_file(app.project, app.pipeline(pipeline))
