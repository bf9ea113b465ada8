"""`streamguard dead-letters`: records that were refused, why, and writing them back."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.output import output_option, show
from streamguard.commands.record_text import harmless, time_text

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.kafka.letters import Letter
    from streamguard.kafka.replay import Destination, Plan

COLUMNS = ["topic", "refused_by", "code", "reason", "records", "not_replayed", "first", "last"]
topic_argument = click.argument("topic", shell_complete=completion.dead_letter_topics)


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show and replay records that were refused.

    A service that can not handle a record writes it to TOPIC-dead-letter, a connector to CONNECTOR-dead-letter: the
    bytes as they were, and headers that say why. Nothing is lost, and nothing stops for it.

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

    Reasons that differ in numbers only, such as the position of a byte, are one: N stands for the number. FIRST and
    LAST are the times of the records themselves.

    \b
    Examples:
      streamguard dead-letters list
      streamguard dead-letters list --pipeline bank --output json
      streamguard dead-letters list users-s3-sink-dead-letter
    """
    from streamguard.commands.progress import show_parts
    from streamguard.kafka.letter_topics import look, names
    from streamguard.kafka.letters import grouped

    found = names(app.settings, topics)
    if pipeline is not None:
        wanted = {topic.name for topic in app.pipeline(pipeline).topics}
        found = [name for name in found if name in wanted]
    groups = []
    for name in found:
        topic = look(app.settings, name)
        with show_parts(f"reading {name}") as on_read:
            groups += grouped(name, topic.read(app.settings, topic.first, on_read), topic.replayed)
    rows = [vars(group) | {"first": time_text(group.first), "last": time_text(group.last)} for group in groups]
    if output == "table":
        rows = [row | {"reason": harmless(row["reason"])} for row in rows]
    show(rows, COLUMNS, output)


@dead_letters.command("show")
@topic_argument
@click.argument("place", required=False, metavar="[PARTITION:OFFSET]")
@click.option("--cause", metavar="CODE", shell_complete=completion.causes, help="Only those with this code.")
@click.option("-n", "--last", type=click.IntRange(min=1), default=5, show_default=True, help="How many records.")
@click.option("--value", "with_value", is_flag=True, help="Print key and value, which may be personal data.")
@click.option("--raw", is_flag=True, help="Write the value alone, byte for byte, to stdout: of one record.")
@output_option
@click.pass_obj
def show_(
    app: App, *, topic: str, place: str | None, cause: str | None, last: int, with_value: bool, raw: bool, output: str
) -> None:
    """Show the last dead letters of TOPIC, or the one at PARTITION:OFFSET.

    Keys and values may be personal data: only their size and SHA-256 are printed, unless --value asks for more. Then a
    text is printed as text, and what is no UTF-8 in base64.

    \b
    Examples:
      streamguard dead-letters show bank-transactions-dead-letter
      streamguard dead-letters show bank-transactions-dead-letter 0:17 --value
      streamguard dead-letters show bank-transactions-dead-letter 0:17 --raw > record.json
      streamguard dead-letters show users-mongodb-sink-dead-letter --cause DataException --output json
    """
    from streamguard.kafka.letter_topics import look

    at = _place(place)
    if raw and at is None:
        raise click.UsageError("--raw is for one record: say which, as PARTITION:OFFSET")
    found = look(app.settings, topic)
    letters = found.last(app.settings, cause, last) if at is None else [found.at(app.settings, *at)]
    if raw:
        sys.stdout.buffer.write(letters[0].record.value or b"")
        return
    documents = [_document(topic, letter, with_value=with_value) for letter in letters]
    if output != "table":
        show(documents, [], output)
        return
    for number, document in enumerate(documents):
        click.echo("\n" * (number > 0) + "\n".join(f"{name:12}{_cell(it)}" for name, it in document.items()))


@dead_letters.command()
@topic_argument
@click.option(
    "--cause",
    "causes",
    multiple=True,
    metavar="CODE",
    shell_complete=completion.causes,
    help="Only those with this code; again for more.  [default: all]",
)
@click.option(
    "--to", metavar="TOPIC", shell_complete=completion.topics, help="Where to write them.  [default: where they were]"
)
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@click.pass_obj
def replay(
    app: App, *, topic: str, causes: tuple[str, ...], to: str | None, dry_run: bool, yes: bool, output: str
) -> None:
    """Write dead letters back to the topic and partition where they were refused, exactly once.

    Value, key, time and headers are what they were before the refusal. What is replayed is remembered for each cause,
    in the same transactions: a replay that was interrupted goes on where it was, a second one has nothing to do. A
    record that is refused again is a new dead letter, for the next replay.

    What a connector refused goes only where --to says: in its old topic the other sinks would get it twice.

    \b
    Examples:
      streamguard dead-letters replay bank-transactions-dead-letter --dry-run
      streamguard dead-letters replay bank-transactions-dead-letter --cause E_DATE --cause E_RANGE
      streamguard dead-letters replay users-s3-sink-dead-letter --to users-repaired --yes
    """
    from streamguard.commands.progress import show_parts
    from streamguard.kafka.replay import Replay, prepare

    with show_parts(f"reading {topic}") as on_read:
        plan = prepare(app.settings, topic, causes, to, on_read)
    if not plan.records:
        click.echo(f"Nothing to do: all of {topic} is replayed.", err=True)
    if dry_run or not plan.records:
        _show_records(plan.records, output)
        return
    _confirm(plan, yes=yes)
    with show_parts(f"replaying {topic}") as on_written:
        written = Replay(app.settings, plan).run(lambda done: on_written(done, plan.records.total()))
    _show_records(written, output)
    click.echo(f"Replayed {_count(written)} of {topic}.", err=True)


def _confirm(plan: Plan, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: say --yes, or --dry-run to see what would be written")
    targets = ", ".join(sorted({topic for _, _, topic in plan.records}))
    click.confirm(f"Write {_count(plan.records)} of {plan.topic.name} to {targets}?", abort=True, err=True)


def _count(records: Counter[Destination]) -> str:
    return "1 record" if records.total() == 1 else f"{records.total():,} records"


def _show_records(records: Counter[Destination], output: str) -> None:
    rows = [
        {"refused_by": service, "code": code, "to": to, "records": number}
        for (service, code, to), number in sorted(records.items())
    ]
    if rows or output != "table":
        show(rows, ["refused_by", "code", "to", "records"], output)


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    partition, _, offset = text.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise click.UsageError(f"{text} is no place of a record: it takes PARTITION:OFFSET, as in 0:17")
    return int(partition), int(offset)


def _document(topic: str, letter: Letter, *, with_value: bool) -> dict[str, Any]:
    from streamguard.kafka.letters import shown_reason

    record, origin = letter.record, letter.origin
    document = {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": time_text(record.timestamp),
        "from": None if origin is None else f"{origin.topic} {origin.partition}:{origin.offset}",
        "refused_by": letter.refused_by,
        "code": letter.code,
        "reason": letter.reason if with_value else shown_reason(letter),
        "headers": [{"name": name, **_bytes(value)} for name, value in letter.headers],
        "key": _bytes(record.key) if with_value else _digest(record.key),
        "value": _bytes(record.value) if with_value else _digest(record.value),
    }
    return document | ({"trace": letter.trace} if with_value and letter.trace else {})


def _bytes(part: bytes | None) -> dict[str, str | None]:
    """Exactly, as text if it is UTF-8."""
    from base64 import b64encode

    try:
        return {"text": None if part is None else part.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(part or b"").decode()}


def _digest(part: bytes | None) -> dict[str, Any] | None:
    from hashlib import sha256

    return None if part is None else {"size": len(part), "sha256": sha256(part).hexdigest()}


def _cell(value: Any) -> str:
    """One of a document's values on a line of its own."""
    if isinstance(value, list):
        return ", ".join(f"{it['name']}={_cell({k: v for k, v in it.items() if k != 'name'})}" for it in value)
    if isinstance(value, dict):
        if "size" in value:
            return f"{value['size']:,} bytes, SHA-256 {value['sha256']}"
        return _cell(value["text"]) if "text" in value else f"base64 {value['base64']}"
    return "" if value is None else harmless(str(value))
