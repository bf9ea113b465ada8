"""All about a connector that runs: its tasks, the topics that it has used, its config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamguard.commands.connectors.asking import required_patterns
from streamguard.commands.connectors.options import client_of, url_option
from streamguard.commands.output import output_option, show, styled

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.rest.client import ConnectClient


@click.command()
@required_patterns
@url_option
@output_option
@click.pass_obj
def describe(app: App, patterns: tuple[str, ...], url: str | None, output: str) -> None:
    """Show all that the cluster tells of connectors: tasks with their workers, topics, config. No secret is shown.

    The topics are those that it has read or written since it was made.

    \b
    Examples:
      streamguard connectors describe users-s3-sink
      streamguard connectors describe 'users-*' -o json | jq '.[].config["tasks.max"]'
    """
    from streamguard.connect.deploying.export import password_keys
    from streamguard.connect.deploying.report import description
    from streamguard.connect.rest.globs import select

    client = client_of(app, url)
    known = client.connectors_for(patterns)
    chosen = [known[name] for name in select(patterns, known, client.shown_url)]
    classes = {one.config.get("connector.class", "") for one in chosen}
    typed = {class_name: password_keys(client, class_name) for class_name in sorted(classes)}
    found = [
        description(one, _topics(client, one.name), typed[one.config.get("connector.class", "")]) for one in chosen
    ]
    if output != "table":
        show(found, (), output)
        return
    for number, document in enumerate(found):
        if number:
            click.echo()
        _print(document)


def _topics(client: ConnectClient, name: str) -> list[str] | None:
    """None where the worker keeps no account of them (`topic.tracking.enable`)."""
    from streamguard.errors import ConnectError

    try:
        return client.active_topics(name)
    except ConnectError as exc:
        if "tracking" not in str(exc):
            raise
        return None


def _print(document: dict[str, Any]) -> None:
    topics = document["topics"]
    facts = {
        "name": [document["name"]],
        "class": [document["class"]],
        "state": [_part(document)],
        "tasks": [f"{task['task']} {_part(task)}" for task in document["tasks"]] or ["none"],
        "topics": topics or ["none yet" if topics is not None else "the worker keeps no account of them"],
        "owner": [document["owner"] or "none of ours"],
        "config": [f"{key} = {value}" for key, value in document["config"].items()],
    }
    for heading, lines in facts.items():
        for number, line in enumerate(lines):
            click.echo(f"{click.style(f'{heading.upper():8}' if not number else ' ' * 8, bold=True)}{line}")


def _part(part: dict[str, Any]) -> str:
    """The state of a connector or a task, where it is, and why it FAILED."""
    where = f" on {part['worker']}" if part["worker"] else ""
    return f"{styled(part['state'])}{where}{': ' + part['cause'] if part['cause'] else ''}"
