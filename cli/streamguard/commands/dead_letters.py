"""`streamguard dead-letters`: records that were refused, why, and writing them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.letter_options import replay_options, show_options
from streamguard.commands.letters import (
    Deployed,
    Look,
    Order,
    Source,
    list_letters,
    replay_letters,
    show_letters,
)
from streamguard.commands.output import output_option

if TYPE_CHECKING:
    from streamguard.commands import App

topic_argument = click.argument("topic", shell_complete=completion.dead_letter_topics)


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show and replay records that were refused.

    A service that can not handle a record writes it to TOPIC-dead-letter, a connector to CONNECTOR-dead-letter: the
    bytes as they were, and headers that say why. Nothing is lost, and nothing stops for it. `streamguard connectors
    dlq` does the same by the names of connectors.

    \b
    Examples:
      streamguard dead-letters list
      streamguard dead-letters show bank-transactions-dead-letter --cause E_DATE -n 1
      streamguard dead-letters replay bank-transactions-dead-letter --cause E_DATE
    """


@dead_letters.command("list")
@click.argument("topics", nargs=-1, metavar="[TOPIC]...", shell_complete=completion.dead_letter_topics)
@click.option("-p", "--pipeline", shell_complete=completion.pipelines, help="Only the topics of this pipeline.")
@output_option
@click.pass_obj
def list_(app: App, topics: tuple[str, ...], pipeline: str | None, output: str) -> None:
    """Count dead letters by their cause: in every topic whose name ends with -dead-letter, or in TOPIC.

    A connector's have the stage, and the exception as their code. Reasons that differ in numbers only, such as the
    position of a byte, are one: N stands for the number. RETURNED counts those that came back through a replay. FIRST
    and LAST are the times of the records themselves.

    \b
    Examples:
      streamguard dead-letters list
      streamguard dead-letters list --pipeline bank --output json
      streamguard dead-letters list users-s3-sink-dead-letter
    """
    from streamguard.kafka.letters.topics import LetterTopics

    cluster = LetterTopics(app.settings)
    found = cluster.names(topics)
    if pipeline is not None:
        wanted = {topic.name for topic in app.pipeline(pipeline).topics}
        found = [name for name in found if name in wanted]
    configs = Deployed(app.settings)
    list_letters(app.settings, cluster, [Source(name, configs=configs) for name in found], output)


@dead_letters.command("show")
@topic_argument
@show_options
@click.pass_obj
def show_(app: App, /, topic: str, **options: Any) -> None:
    """Show the last dead letters of TOPIC, or the one at PARTITION:OFFSET.

    Keys, values and headers may be personal data: only their size and SHA-256 are printed, unless --value asks for
    more. Then a text is printed as text, and what is no UTF-8 in base64. What an exception quotes of its record is
    left out in the same way. Secrets are left out always; if the connector's config is not to be had from the worker,
    which tells what is secret, so is everything that an exception says but its class.

    \b
    Examples:
      streamguard dead-letters show bank-transactions-dead-letter
      streamguard dead-letters show bank-transactions-dead-letter 0:17 --value
      streamguard dead-letters show bank-transactions-dead-letter 0:17 --raw > record.json
      streamguard dead-letters show users-mongodb-sink-dead-letter --cause DataException --output json
    """
    show_letters(app.settings, Source(topic, configs=Deployed(app.settings)), Look(**options))


@dead_letters.command()
@topic_argument
@replay_options
@click.pass_obj
def replay(app: App, /, topic: str, **options: Any) -> None:
    """Write dead letters back to the topic and partition where they were refused, exactly once.

    Value, key, time and headers are what they were before the refusal, and the header sg-replays counts the replays.
    What is replayed is remembered for each cause, in the same transactions: a replay that was interrupted goes on where
    it was, a second one has nothing to do. A record that is refused again is a new dead letter, for the next replay;
    one that came back from --max-replays replays is left, with exit code 5, or 3 if nothing else is to be replayed.

    What a connector refused goes back only if nobody else reads that topic: other sinks would get it twice. If they
    may, say --to-source, otherwise say with --to where it should go.

    \b
    Examples:
      streamguard dead-letters replay bank-transactions-dead-letter --dry-run
      streamguard dead-letters replay bank-transactions-dead-letter --cause E_DATE --cause E_RANGE --rate 100
      streamguard dead-letters replay users-s3-sink-dead-letter --to users-repaired --yes
    """
    replay_letters(app.settings, Source(topic), Order(**options))
