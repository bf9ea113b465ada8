"""`streamguard rules`: check the rules of the decider, and try them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import App, completion
from streamguard.commands.output import nearby, output_option, show

if TYPE_CHECKING:
    from streamguard.services.decider.facts import Alert, Profile
    from streamguard.services.decider.rules import Rules

SOURCE = click.argument("source", default="card", shell_complete=completion.pipelines)
ALERT = re.compile(r"([A-Z][A-Z0-9_]*)(?:=([0-9]{1,9}))?")
ALERTS = "fraud-alerts"
PROFILE = ("count", "mean", "max", "last_country")


@click.group()
def rules() -> None:
    """Check the rules of the decider, and try them.

    The rules of a pipeline are init/PIPELINE/rules.yml: blacklists, known travellers, what alerts count, conditions of
    your own. Commands take the name of a pipeline, or a path. A running decider takes an edit within two seconds.

    \b
    Examples:
      streamguard rules check card
      streamguard rules try card --transaction purchase.json
      streamguard rules words                 the names and functions of conditions
    """


@rules.command()
@SOURCE
@output_option
@click.pass_obj
def check(app: App, *, source: str, output: str) -> None:
    """Read the rules of SOURCE, and list what each counts.

    SOURCE is a pipeline, or a file. Every mistake is told with its line and column, and what to write instead; then it
    ends with 1. Of a pipeline, names of alerts are told that none of its statements writes: another program may.

    \b
    Examples:
      streamguard rules check card
      streamguard rules check ./rules.yml --output json
    """
    path, found = _read(app, source)
    show(_rows(found), ["rule", "action", "score", "severity", "when"], output)
    if not _is_file(source):
        for warning in _unwritten(app, source, found):
            click.echo(f"warning: {warning}", err=True)
    number = sum(map(len, found.journeys.values()))
    journeys = "1 journey" if number == 1 else f"{number} journeys"
    click.echo(nearby(f"{path.resolve()} is right: {journeys}, version {found.version}"), err=True)


@rules.command("try")
@SOURCE
@click.option(
    "-t", "--transaction", "file", type=click.File("rb"), required=True, help="A file of transactions; - for stdin."
)
@click.option("--alert", "alerts", multiple=True, metavar="RULE[=SCORE]", help="There is such an alert about each.")
@click.option(
    "--account", "facts", multiple=True, metavar="NAME=VALUE", help=f"What it did before: {', '.join(PROFILE)}."
)
@output_option
@click.pass_obj
def try_(app: App, *, source: str, file: Any, alerts: tuple[str, ...], facts: tuple[str, ...], output: str) -> None:
    """Print what would be decided about transactions, and why.

    The file has a transaction as it is in the topic, a list of them, one a line, or what `topics tail` prints with
    --output ndjson. They are decided one after the other, each with what its account did before in the file. Nothing
    is written anywhere, and no server is asked.

    \b
    Examples:
      streamguard rules try card --transaction purchase.json
      streamguard rules try card -t purchase.json --alert RISK=4 --account count=20 --account mean=35.5
      streamguard topics tail transactions -n 500 --output ndjson | streamguard rules try ./rules.yml -t -
    """
    from streamguard.services.decider.trying import decisions, transactions_in

    _, found = _read(app, source)
    transactions = transactions_in(getattr(file, "name", "<stdin>"), file.read())
    given = [_alert(text, number) for number, text in enumerate(alerts, start=1)]
    rows = [
        {
            "transaction": transaction.transaction_id,
            "action": decision.action,
            "score": decision.score,
            "severity": decision.severity,
            "is_fraud": decision.is_fraud,
            "reasons": [reason._asdict() for reason in decision.reasons],
            "why": "; ".join(f"{reason.rule}: {reason.text}" for reason in decision.reasons),
            "rules_version": decision.rules_version,
        }
        for transaction, decision in decisions(transactions, given, _profile(facts), found)
    ]
    show(
        rows if output == "table" else [{key: row[key] for key in row if key != "why"} for row in rows],
        ["transaction", "action", "score", "severity", "why"],
        output,
    )


@rules.command()
def schema() -> None:
    """Print the JSON Schema of files of rules.

    Editors check and complete by it. In VS Code with the YAML extension, begin the file with
    `# yaml-language-server: $schema=rules.schema.json`.

    \b
    Examples:
      streamguard rules schema > init/card/rules.schema.json
    """
    import json

    from streamguard.services.decider.rules import schema as of_rules

    click.echo(json.dumps(of_rules(), indent=2, ensure_ascii=False))


@rules.command()
@output_option
def words(output: str) -> None:
    """List the names and functions that conditions may use.

    \b
    Examples:
      streamguard rules words
      streamguard rules words --output json
    """
    from streamguard.services.decider.expressions.functions import FUNCTIONS
    from streamguard.services.decider.expressions.names import NAMES

    of_names = [
        {"word": name, "is": fact.piece.kind.value + " or null" * fact.piece.can_be_null, "about": fact.about}
        for name, fact in NAMES.items()
    ]
    of_functions = [{"word": one.shown, "is": one.gives, "about": one.about} for one in FUNCTIONS.values()]
    show([*of_names, *of_functions], ["word", "is", "about"], output)


def _read(app: App, source: str) -> tuple[Path, Rules]:
    """The rules of a pipeline, or of a file: what has a slash or an ending is one."""
    from streamguard.services.decider.rules import read_rules, rules_file

    path = Path(source) if _is_file(source) else rules_file(app.project, app.pipeline(source))
    return path, read_rules(path)


def _is_file(source: str) -> bool:
    return "/" in source or source.endswith((".yml", ".yaml"))


def _unwritten(app: App, source: str, found: Rules) -> Iterator[str]:
    """Of rules of alerts that the file counts on, and that no statement of the pipeline writes."""
    from streamguard.engine.client.applying import check_files
    from streamguard.engine.client.literals import texts_written
    from streamguard.project import did_you_mean
    from streamguard.services.decider.mentions import mentions

    pipeline = app.pipeline(source)
    written = texts_written(check_files(app.project.statements(pipeline.name), pipeline.variables), ALERTS, "RULE")
    perhaps = f"; {', '.join(written.others)} may, whose RULE is no literal" if written.others else ""
    for mention in mentions(found):
        if mention.rule not in written.known:
            near = did_you_mean(mention.rule, written.known)
            yield f"{mention.where}: no statement of {pipeline.name} writes alerts of {mention.rule}{near}{perhaps}"


def _rows(found: Rules) -> list[dict[str, Any]]:
    """A row for everything that can be a reason, in the order of reasons."""
    from streamguard.services.decider.outcomes import ACTIONS, SEVERITIES

    listed = [(one.rule, one.outcome, f"one of {len(one.entries)}") for one in found.blacklists]
    listed += [(rule, outcome, "an alert of that rule") for rule, outcome in found.alerts.items()]
    listed += [(f"other {action}", outcome, "an alert") for action, outcome in found.other_alerts.items()]
    listed += [(rule.name, rule.outcome, rule.shown) for rule in found.rules]
    return [
        {
            "rule": rule,
            "action": ACTIONS[outcome.action],
            "score": outcome.score,
            "severity": SEVERITIES[outcome.severity],
            "when": when,
        }
        for rule, outcome, when in listed
    ]


def _alert(text: str, number: int) -> Alert:
    from streamguard.services.decider.facts import Alert

    found = ALERT.fullmatch(text)
    if found is None:
        raise click.UsageError(f"--alert {text!r} is no RULE or RULE=SCORE, as in RISK=4")
    return Alert(f"{found[1]}:{number}", found[1], "as --alert says", int(found[2] or 1), "REVIEW")


def _profile(facts: tuple[str, ...]) -> Profile:
    from streamguard.services.decider.facts import Profile

    given = dict(fact.partition("=")[::2] for fact in facts)
    for name in given:
        if name not in PROFILE:
            from streamguard.project import did_you_mean

            raise click.UsageError(f"--account has no {name}{did_you_mean(name, PROFILE)}")
    try:
        count, mean = int(given.get("count", 0)), float(given.get("mean", 0))
        highest = float(given.get("max", mean))
    except ValueError:
        wrong = ", ".join(text for text in facts if not text.startswith("last_country"))
        raise click.UsageError(f"--account takes numbers, as in count=20, and not {wrong}") from None
    if not (0 <= count <= 10**12 and 0 <= mean <= highest <= 10**12):
        raise click.UsageError("--account: count, mean and max are 0 or more, and max is no less than mean")
    if not count and given:
        raise click.UsageError("--account: without a count nothing was before: add --account count=20")
    return Profile(count, count * mean, highest, None, given.get("last_country"))
