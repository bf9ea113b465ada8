"""`streamguard connectors dlq`: what connectors refused, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.connectors.options import client_of, names_argument, require_kafka, url_option
from streamguard.commands.letter_options import replay_options, show_options
from streamguard.commands.letters import (
    Look,
    Order,
    Source,
    list_letters,
    replay_letters,
    show_letters,
)
from streamguard.commands.output import output_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamguard.commands import App

connector_argument = click.argument("connector", shell_complete=completion.connectors)


@click.group()
def dlq() -> None:
    """List, show and replay the dead letters of connectors.

    The same as `streamguard dead-letters`, by the names of connectors: their configs on the worker say which topic
    that is. Of a topic that several connectors share, only the letters of those that are named are meant.

    \b
    Examples:
      streamguard connectors dlq list
      streamguard connectors dlq show users-mongodb-sink --stage VALUE_CONVERTER -n 1
      streamguard connectors dlq replay users-mongodb-sink --dry-run
    """


@dlq.command("list")
@names_argument
@url_option
@output_option
@click.pass_obj
def list_(app: App, names: tuple[str, ...], url: str | None, output: str) -> None:
    """Count dead letters by connector, stage and exception: of all connectors, or of those that NAME chooses.

    \b
    Examples:
      streamguard connectors dlq list
      streamguard connectors dlq list 'users-*' -o json
    """
    from streamguard.kafka.letters.topics import LetterTopics

    sources = _sources(app, url, names)
    cluster = LetterTopics(app.settings)
    for source in sources:
        if source.topic not in cluster.partitions:
            click.echo(
                f"{', '.join(sorted(source.refused_by - {''}))}: the topic {source.topic} does not exist yet.", err=True
            )
    list_letters(app.settings, cluster, [one for one in sources if one.topic in cluster.partitions], output)


@dlq.command("show")
@connector_argument
@show_options
@url_option
@click.pass_obj
def show_(app: App, /, connector: str, url: str | None, **options: Any) -> None:
    """Show the last dead letters of CONNECTOR, or the one at PARTITION:OFFSET of its dead-letter topic.

    Keys, values and headers may be personal data: only their size and SHA-256 are printed, unless --value asks for
    more. What an exception quotes of its record is left out in the same way, and secrets always are.

    \b
    Examples:
      streamguard connectors dlq show users-mongodb-sink
      streamguard connectors dlq show users-mongodb-sink 0:17 --value
    """
    show_letters(app.settings, _source(app, url, connector), Look(**options))


@dlq.command()
@connector_argument
@replay_options
@url_option
@click.pass_obj
def replay(app: App, /, connector: str, url: str | None, **options: Any) -> None:
    """Write what CONNECTOR refused back to the topic and partition that it read it from, exactly once.

    Value, key, time and headers are what they were, without the headers of the error; the header sg-replays counts the
    replays. A replay that was interrupted goes on where it was. A record that came back from --max-replays replays is
    left, with exit code 5, or 3 if nothing else is to be replayed.

    If others read that topic, they would get the records twice, and the replay is refused: say --to-source if they
    may, or with --to where the records should go.

    \b
    Examples:
      streamguard connectors dlq replay users-mongodb-sink --dry-run
      streamguard connectors dlq replay users-mongodb-sink --stage TRANSFORMATION --rate 100
      streamguard connectors dlq replay users-mongodb-sink --to users-repaired --yes
    """
    replay_letters(app.settings, _source(app, url, connector), Order(**options))


def _source(app: App, url: str | None, connector: str) -> Source:
    """Of one connector."""
    sources = _sources(app, url, [connector])
    if len(sources) != 1:
        raise click.UsageError(
            f"{connector} matches connectors with {len(sources)} dead-letter topics: name one of them"
        )
    return sources[0]


def _sources(app: App, url: str | None, patterns: Sequence[str]) -> list[Source]:
    from streamguard.connect.rest.dead_letters import letter_boxes

    client = client_of(app, url)
    boxes = letter_boxes(client.connectors_for(patterns), patterns, client.shown_url)
    require_kafka(app, client if boxes else None)
    return [
        Source(box.topic, box.connectors | ({""} if box.alone else set()), box.configs, box.groups) for box in boxes
    ]
