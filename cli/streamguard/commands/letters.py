"""What `dead-letters` and `connectors dlq` have in common: they differ in how one says whose letters are meant.

Here is where secrets are taken out of what a connector says, whatever else is asked for: a worker writes into its
exceptions what it has put in for the references of a config.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import click

from streamguard.commands.output import show
from streamguard.commands.record_text import harmless, time_text
from streamguard.errors import ConnectError, PartlyDone, Refused

if TYPE_CHECKING:
    from streamguard.kafka.letters.causes import Reason
    from streamguard.kafka.letters.plan import Destination, Plan
    from streamguard.kafka.letters.reading import Choice, Letter
    from streamguard.kafka.letters.topics import LetterTopics
    from streamguard.settings import Settings

COLUMNS = (
    *("topic", "refused_by", "stage", "code", "reason"),
    *("records", "not_replayed", "returned", "first", "last"),
)
ANSWER_SECONDS = 5.0
EXCEPTION_HEADERS = ("__connect.errors.exception.message", "__connect.errors.exception.stacktrace")
ANY_REFERENCE = {"unknown": "${env:UNKNOWN}"}
"""A config of which nothing is known but that it may put a secret anywhere."""


class Configs(Protocol):
    """The configs of connectors, as far as they are known: a dictionary, as a rule."""

    def get(self, name: str, /) -> Mapping[str, str] | None:
        """That of one of them."""


class Deployed:
    """The configs on the worker of the settings, which is asked when the first one is wanted, if it answers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get(self, name: str, /) -> Mapping[str, str] | None:
        """None if there is no such connector, or no worker."""
        return self._configs.get(name)

    @cached_property
    def _configs(self) -> Mapping[str, Mapping[str, str]]:
        from streamguard.connect.rest.credentials import client_at
        from streamguard.kafka.cluster import Cluster

        client = client_at(self._settings, deadline=ANSWER_SECONDS)
        try:
            theirs = client.worker().cluster_id
            if theirs and theirs != Cluster(self._settings).cluster_id():
                return {}  # connectors of the same name, perhaps, and not those that wrote the letters
            return {name: connector.config for name, connector in client.connectors().items()}
        except ConnectError:
            return {}


@dataclass(frozen=True)
class Source:
    """A dead-letter topic, and who refused the letters of it that are meant, nobody: whoever did.

    `configs` has those of connectors, whose references tell what is secret; of a connector without one, only the
    classes of exceptions are printed. `own_groups` see `replay_plan.Target`.
    """

    topic: str
    refused_by: frozenset[str] = frozenset()
    configs: Configs = field(default_factory=dict[str, Mapping[str, str]])
    own_groups: frozenset[str] = frozenset()

    def choice(self, causes: Sequence[str] = (), stages: Sequence[str] = ()) -> Choice:
        """Those letters, or some of them."""
        from streamguard.kafka.letters.reading import Choice

        return Choice(frozenset(causes), frozenset(stages), self.refused_by)

    def filtered(self, letter: Letter, text: str) -> str:
        """A text of a letter without secrets."""
        from streamguard.connect.secrecy.secrets import redact

        if letter.failure is None:
            return text
        config = self.configs.get(letter.refused_by)
        return redact(text, ANY_REFERENCE if config is None else config)

    @property
    def reason_of(self) -> Reason:
        """Reasons without secrets, and then without what may be personal data: a secret that is cut is not known."""
        from streamguard.kafka.letters.causes import shown_reason

        return lambda letter: shown_reason(replace(letter, reason=self.filtered(letter, letter.reason)))


# ---- list


def list_letters(settings: Settings, cluster: LetterTopics, sources: Sequence[Source], output: str) -> None:
    """Print the letters by cause."""
    from streamguard.commands.progress import show_parts
    from streamguard.kafka.letters.causes import grouped

    groups = []
    for source, topic in zip(sources, cluster.look(*(source.topic for source in sources)), strict=True):
        with show_parts(f"reading {source.topic}") as on_read:
            letters = filter(source.choice().has, topic.read(settings, topic.first, on_read))
            groups += grouped(source.topic, letters, topic.replayed, source.reason_of)
    rows = [vars(group) | {"first": time_text(group.first), "last": time_text(group.last)} for group in groups]
    if output == "table":
        rows = [row | {"reason": harmless(row["reason"])} for row in rows]
    show(rows, COLUMNS, output)


# ---- show


@dataclass(frozen=True)
class Look:
    """What is to be shown: the options of `show`."""

    place: str | None
    causes: tuple[str, ...]
    stages: tuple[str, ...]
    last: int
    with_value: bool
    raw: bool
    output: str


def show_letters(settings: Settings, source: Source, look: Look) -> None:
    """Print letters one by one."""
    from streamguard.kafka.letters.topics import LetterTopics

    at = _place(look.place)
    if look.raw and at is None:
        raise click.UsageError("--raw is for one record: say which, as PARTITION:OFFSET")
    (found,) = LetterTopics(settings).look(source.topic)
    chosen = source.choice(look.causes, look.stages)
    letters = found.last(settings, chosen, look.last) if at is None else [found.at(settings, *at)]
    if look.raw:
        sys.stdout.buffer.write(letters[0].record.value or b"")
        return
    documents = [_document(source, letter, with_value=look.with_value) for letter in letters]
    if look.output != "table":
        show(documents, [], look.output)
        return
    if not documents:
        click.echo(f"{source.topic}: no such dead letters", err=True)
    for number, document in enumerate(documents):
        trace = document.pop("trace", "")
        lines = [f"{name:12}{_cell(it)}" for name, it in document.items() if it not in (None, "", [])]
        lines += [
            f"{'' if number else 'trace':12}{harmless(line.expandtabs(4))}"
            for number, line in enumerate(trace.splitlines())
        ]
        click.echo("\n" * (number > 0) + "\n".join(lines))


def _place(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    partition, _, offset = text.partition(":")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise click.UsageError(f"{text} is no place of a record: it takes PARTITION:OFFSET, as in 0:17")
    return int(partition), int(offset)


def _document(source: Source, letter: Letter, *, with_value: bool) -> dict[str, Any]:
    record, origin, failure = letter.record, letter.origin, letter.failure
    part = _bytes if with_value else _digest
    document = {
        "topic": source.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": time_text(record.timestamp),
        "from": None if origin is None else f"{origin.topic} {origin.partition}:{origin.offset}",
        "refused_by": letter.refused_by,
        "stage": letter.stage,
        "code": letter.code,
        "reason": source.filtered(letter, letter.reason) if with_value else source.reason_of(letter),
        "replays": letter.replays,
        "task": None if failure is None else failure.task,
        "class": None if failure is None else failure.class_name,
        "exceptions": [] if failure is None else failure.exceptions,
        "headers": [{"name": name, **(part(value) or {"text": None})} for name, value in letter.headers],
        "key": part(record.key),
        "value": part(record.value),
    }
    return document | ({"trace": source.filtered(letter, failure.trace)} if with_value and failure else {})


def _bytes(part: bytes | None) -> dict[str, Any]:
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
        return ", ".join(map(_item, value))
    if isinstance(value, dict):
        if "size" in value:
            return f"{value['size']:,} byte{'s' * (value['size'] != 1)}, SHA-256 {value['sha256']}"
        return _cell(value["text"]) if "text" in value else f"base64 {value['base64']}"
    return "" if value is None else harmless(str(value))


def _item(value: Any) -> str:
    if not isinstance(value, dict):
        return _cell(value)
    return f"{harmless(value['name'])}={_cell({k: v for k, v in value.items() if k != 'name'})}"


# ---- replay


@dataclass(frozen=True)
class Order:
    """What is to be replayed: the options of `replay`."""

    causes: tuple[str, ...]
    stages: tuple[str, ...]
    to: str | None
    to_source: bool
    rate: float | None
    max_replays: int
    dry_run: bool
    yes: bool
    output: str


def replay_letters(settings: Settings, source: Source, order: Order) -> None:
    """Write letters back, or print what would be written.

    Raises:
        Refused: all that is left came back from replays too often.
        PartlyDone: some of it did.
    """
    from streamguard.commands.progress import show_parts
    from streamguard.kafka.letters.replay import Replay

    plan = _plan(settings, source, order)
    if not plan.records:
        if plan.returned:
            raise Refused(_about_returned(plan))
        what = "what is chosen" if order.causes or order.stages or source.refused_by else "all"
        click.echo(f"Nothing to do: {what} of {source.topic} is replayed.", err=True)
    if order.dry_run or not plan.records:
        _show_records(plan.records, order.output)
        if plan.returned:
            click.echo(_about_returned(plan), err=True)
        return
    _confirm(plan, yes=order.yes)
    with show_parts(f"replaying {source.topic}") as on_written:
        replay = Replay(settings, plan, rate=order.rate)
        written = replay.run(lambda done: on_written(done, plan.records.total()))
    _show_records(written, order.output)
    click.echo(f"Replayed {_count(written)} of {source.topic}.", err=True)
    if plan.returned:
        raise PartlyDone(_about_returned(plan))


def _plan(settings: Settings, source: Source, order: Order) -> Plan:
    from streamguard.commands.progress import show_parts
    from streamguard.kafka.letters.plan import Target, prepare

    if order.to is not None and order.to_source:
        raise click.UsageError("--to is another topic, and --to-source the one where they were: say one of them")
    with show_parts(f"reading {source.topic}") as on_read:
        return prepare(
            settings,
            source.topic,
            on_read,
            choice=source.choice(order.causes, order.stages),
            target=Target(order.to, order.to_source, source.own_groups),
            max_replays=order.max_replays,
        )


def _about_returned(plan: Plan) -> str:
    return (
        f"{_count(plan.returned)} of {plan.topic.name} came back from {plan.max_replays} replays and stay: another one "
        f"cures nothing before the cause is found; then say --max-replays {plan.max_replays + 1}"
    )


def _confirm(plan: Plan, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask on: say --yes, or --dry-run to see what would be written")
    targets = ", ".join(sorted({topic for *_, topic in plan.records}))
    click.confirm(f"Write {_count(plan.records)} of {plan.topic.name} to {targets}?", abort=True, err=True)


def _count(records: Counter[Destination]) -> str:
    return "1 record" if records.total() == 1 else f"{records.total():,} records"


def _show_records(records: Counter[Destination], output: str) -> None:
    rows = [
        {"refused_by": service, "stage": stage, "code": code, "to": to, "records": number}
        for (service, stage, code, to), number in sorted(records.items())
    ]
    if rows or output != "table":
        show(rows, ["refused_by", "stage", "code", "to", "records"], output)


# ---- for those who print any record


def header_text(name: str, text: str) -> str:
    """The text of a header as it may be printed: of what a connector says, classes of exceptions."""
    from streamguard.connect.secrecy.secrets import redact

    return redact(text, ANY_REFERENCE) if name in EXCEPTION_HEADERS else text
