"""What speaks against connectors before any plugin is asked: lint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamguard.commands.connectors.asking import connectors
from streamguard.commands.connectors.options import client_of, template_options, topics_of, url_option
from streamguard.commands.output import show

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.lint.finding import Finding
    from streamguard.connect.lint.rule import Facts
    from streamguard.connect.templates.render import Connector

RULE_COLUMNS = ("rule", "severity", "needs", "title")


@click.command()
@template_options
@url_option
@click.option(
    "--live", is_flag=True, help="Ask the worker for its plugins, and Kafka for its topics. So do --url and --context."
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--rules", "list_rules", is_flag=True, help="List the rules and stop.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(("table", "json", "yaml", "ndjson", "github")),
    default="table",
    show_default=True,
    help="github: as annotations of a pull request.",
)
@click.pass_context
def lint(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    url: str | None,
    live: bool,
    strict: bool,
    list_rules: bool,
    output: str,
) -> None:
    """Look for what is wrong with the configs, though Kafka Connect would take it. Asks no server, unless --live.

    Findings name the template's file and line, and the parameter. A comment above the key silences one, with a reason:
    {#- lint: ignore RULE: REASON #}. All rules: docs/lint.md. Ends with 3 if there are errors.

    \b
    Examples:
      streamguard connectors lint
      streamguard connectors lint --live --strict
      streamguard connectors lint --values cloud -o github
    """
    from streamguard.connect.lint.run import errors, lint_rendering, of_values
    from streamguard.connect.templates.choose import render_each, unasked
    from streamguard.errors import Refused

    if list_rules:
        _show_rules(output)
        return
    app: App = ctx.obj
    pipelines = [app.pipeline(pipeline)] if pipeline else None
    rendering = render_each(app.project, app.settings, pipelines, values, overrides).of(names)
    asking = live or url is not None or ctx.params.get("context") is not None
    facts = _facts(app, rendering.connectors, url) if asking else None
    found = lint_rendering(rendering.connectors, rendering.failed, facts) + of_values(unasked(app.project, values))
    _show(found, output)
    count, wrong = len(rendering.names), found if strict else errors(found)
    if wrong:
        named = {finding.connector for finding in wrong}
        refused = len(named) if "" not in named else count
        raise Refused(f"lint refuses {refused} of {count} connectors: {_counted(found)}")
    click.echo(f"{connectors(count)}: {_counted(found)}", err=True)


def _facts(app: App, connectors: list[Connector], url: str | None) -> Facts:
    from streamguard.connect.lint.definitions import asked
    from streamguard.connect.lint.rule import Facts

    return Facts(asked(client_of(app, url), connectors), topics_of(app))


def _show(found: list[Finding], output: str) -> None:
    from streamguard.connect.lint import annotations

    here = Path.cwd()
    if output == "table":
        for finding in annotations.merged(found):
            click.echo(annotations.line(finding, here))
    elif output == "github":
        for finding in annotations.merged(found):
            click.echo(annotations.annotation(finding, annotations.checkout_of(here) or here))
    else:
        show([finding.row() for finding in found], (), output)


def _counted(found: list[Finding]) -> str:
    wrong = sum(finding.severity == "error" for finding in found)
    numbers = {"error": wrong, "warning": len(found) - wrong}
    return ", ".join(f"{number or 'no'} {word}{'' if number == 1 else 's'}" for word, number in numbers.items())


def _show_rules(output: str) -> None:
    from streamguard.connect.lint.run import all_rules

    rows = [
        {"rule": rule.name, "severity": rule.severity, "needs": rule.needs, "title": rule.title, "why": rule.why}
        for rule in all_rules()
    ]
    show(rows, RULE_COLUMNS, "table" if output == "github" else output)
