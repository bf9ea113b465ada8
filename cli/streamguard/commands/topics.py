"""`streamguard topics`: what topics there are, and making those that a pipeline wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.letters import header_text
from streamguard.commands.output import output_option, show, show_one
from streamguard.commands.record_text import harmless, time_text

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.kafka.tail import Record

PLAN_CHANGES = 2


@click.group()
def topics() -> None:
    """List, create, describe and read topics.

    A pipeline's topics stand in init/NAME.yml. Partitions may grow and never shrink; topics and config entries that
    the file does not mention are left alone.

    \b
    Examples:
      streamguard topics list
      streamguard topics apply bank --dry-run
      streamguard topics describe users
      streamguard topics tail fraudulent-transactions-result -f
    """


@topics.command("list")
@click.option("--all", "everything", is_flag=True, help="Also Kafka's own topics, whose names begin with __.")
@output_option
@click.pass_obj
def list_(app: App, everything: bool, output: str) -> None:
    """List the topics that Kafka has.

    \b
    Examples:
      streamguard topics list
      streamguard topics list --output json
    """
    from streamguard.kafka.topics import existing_topics

    found = [topic for topic in existing_topics(app.settings).values() if everything or not topic.name.startswith("__")]
    rows = [
        {
            "topic": topic.name,
            "partitions": topic.partitions,
            "replication": topic.replication,
            "config": [f"{name}={topic.config[name]}" for name in sorted(topic.changed)],
        }
        for topic in found
    ]
    show(rows, ["topic", "partitions", "replication", "config"], output)


@topics.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.option("--dry-run", is_flag=True, help="Print the plan and change nothing.")
@click.option("--detailed-exitcode", is_flag=True, help="With --dry-run: exit with 2 when there is something to do.")
@output_option
@click.pass_context
def apply(ctx: click.Context, pipeline: str, dry_run: bool, detailed_exitcode: bool, output: str) -> None:
    """Make the topics of PIPELINE what init/PIPELINE.yml says.

    Applying twice changes nothing. A difference that can not be changed (fewer partitions, another replication) is
    reported, the rest is done, and the command ends with exit code 5.

    \b
    Examples:
      streamguard topics apply
      streamguard topics apply bank --dry-run --detailed-exitcode
    """
    from streamguard.errors import PartlyDone
    from streamguard.kafka.topics import Action, apply, existing_topics, plan

    app: App = ctx.obj
    wanted = app.pipeline(pipeline).topics
    changes = plan(wanted, existing_topics(app.settings, [topic.name for topic in wanted]))
    if not dry_run:
        changes = apply(app.settings, changes)
    rows = [
        {"topic": change.topic.name, "action": str(change.action), "detail": change.detail, "result": change.result}
        for change in changes
    ]
    show(rows, ["topic", "action", "detail"] + ([] if dry_run else ["result"]), output)
    open_ones = [change.topic.name for change in changes if change.failed or change.action is Action.DIFFERS]
    if open_ones and not dry_run:
        raise PartlyDone(f"not as init/{pipeline}.yml says: {', '.join(dict.fromkeys(open_ones))}")
    if dry_run and detailed_exitcode and any(change.action is not Action.SAME for change in changes):
        ctx.exit(PLAN_CHANGES)


@topics.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.option("--format", "form", type=click.Choice(("strimzi",)), help="As KafkaTopic resources, for `kubectl apply`.")
@click.option(
    "--cluster",
    metavar="NAME",
    default="my-cluster",
    show_default=True,
    help="With --format strimzi: the Kafka resource.",
)
@output_option
@click.pass_context
def render(ctx: click.Context, pipeline: str, form: str | None, cluster: str, output: str) -> None:
    """Print the topics that init/PIPELINE.yml wants, for who makes them by other means. Asks no server.

    \b
    Examples:
      streamguard topics render bank
      streamguard topics render bank --format strimzi --cluster my-kafka | kubectl apply -f -
    """
    app: App = ctx.obj
    wanted, replication = app.pipeline(pipeline).topics, app.settings.kafka_replication
    if form is not None:
        from streamguard.strimzi import manifest, topic_resource

        if ctx.get_parameter_source("output") is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError("--format and --output exclude each other")
        click.echo(manifest(topic_resource(topic, cluster, replication) for topic in wanted), nl=False)
        return
    rows = [
        {
            "topic": topic.name,
            "partitions": topic.partitions,
            "replication": topic.replication or replication,
            "config": [f"{name}={value}" for name, value in sorted(topic.config.items())],
        }
        for topic in wanted
    ]
    show(rows, ["topic", "partitions", "replication", "config"], output)


@topics.command()
@click.argument("topic", shell_complete=completion.topics)
@output_option
@click.pass_obj
def describe(app: App, topic: str, output: str) -> None:
    """Show the partitions and the config of TOPIC.

    NEXT is the offset after the last committed record; ends of transactions take offsets too.

    \b
    Examples:
      streamguard topics describe bank-transactions
    """
    from streamguard.kafka.topics import describe

    found, partitions = describe(app.settings, topic)
    rows: list[dict[str, Any]] = [
        {
            "partition": state.partition,
            "leader": state.leader,
            "replicas": list(state.replicas),
            "in_sync": list(state.in_sync),
            "first": state.first,
            "next": state.next,
        }
        for state in partitions
    ]
    config = {name: found.config[name] for name in sorted(found.changed)}
    if output != "table":
        show_one({"topic": found.name, "config": config, "partitions": rows}, output)
        return
    show(rows, ["partition", "leader", "replicas", "in_sync", "first", "next"], output)
    for name, value in config.items():
        click.echo(f"{name}={value}")


@topics.command()
@click.argument("topic", shell_complete=completion.topics)
@click.option("-n", "--last", type=click.IntRange(min=0), default=10, show_default=True, help="How many records.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes next, until Ctrl-C.")
@click.option("--from-beginning", is_flag=True, help="All records, as they come; -n does not count.")
@output_option
@click.pass_obj
def tail(app: App, topic: str, *, last: int, follow: bool, from_beginning: bool, output: str) -> None:
    """Print the last committed records of TOPIC.

    Each line has partition and offset, time, key and value. With --output ndjson a line is a JSON object, with the
    headers too; bytes that are not UTF-8 are written as \\xNN. Of what a connector tells about an exception only the
    classes are printed, for the rest may be a secret: see `streamguard connectors dlq show`.

    \b
    Examples:
      streamguard topics tail users -n 3
      streamguard topics tail bank-transactions-dead-letter --from-beginning --output ndjson
      streamguard topics tail fraudulent-transactions -f
    """
    from streamguard.kafka.tail import tail

    if follow and output in ("json", "yaml"):
        raise click.UsageError(f"--follow never ends, and {output} is one document: use --output ndjson")
    records = tail(app.settings, topic, last=None if from_beginning else last, follow=follow)
    if output in ("json", "yaml"):
        show([_document(record) for record in records], [], output)
        return
    for record in records:
        if output == "ndjson":
            show([_document(record)], [], output)
        else:
            click.echo(_line(record))


def _document(record: Record) -> dict[str, Any]:
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": time_text(record.timestamp),
        "key": _text(record.key),
        "value": _text(record.value),
        "headers": {
            name: None if value is None else header_text(name, _text(value) or "") for name, value in record.headers
        },
    }


def _line(record: Record) -> str:
    parts = (_text(record.key), _text(record.value))
    key, value = ("null" if part is None else harmless(part) for part in parts)
    return f"{record.partition}:{record.offset}  {time_text(record.timestamp)}  {key}  {value}"


def _text(part: bytes | None) -> str | None:
    return None if part is None else part.decode(errors="backslashreplace")
