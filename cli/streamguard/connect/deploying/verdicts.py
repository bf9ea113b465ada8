"""What speaks against connectors before anything is written: lint, and the validation of the worker's plugins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from streamguard.connect.deploying import references
from streamguard.connect.lint.definitions import asked
from streamguard.connect.lint.finding import Finding
from streamguard.connect.lint.rule import Facts
from streamguard.connect.lint.run import lint as run_rules
from streamguard.connect.lint.validation import failed_validation, validation_findings
from streamguard.connect.rest import parallel
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectError, ConnectorInvalid, ConnectUnavailable, Refused, StreamguardError

Findings = dict[str, tuple[Finding, ...]]


def lint(client: ConnectClient, connectors: Sequence[Connector], topics: Mapping[str, int] | None) -> Findings:
    """What lint finds, by connector, knowing the worker's plugins. `topics`: those that exist; None: not known.

    A cluster that is away hides no secret in a config: what can be found without it is refused all the same.
    """
    if not connectors:
        return {}
    try:
        definitions = asked(client, connectors)
    except ConnectUnavailable as exc:
        found = by_connector(run_rules(connectors, Facts(topics=topics)))
        errors = [error for name, findings in found.items() if (error := error_of(name, findings))]
        if errors:
            raise Refused("\n  ".join(map(str, errors))) from exc
        raise
    return by_connector(run_rules(connectors, Facts(definitions, topics)))


def validate(
    client: ConnectClient,
    connectors: Sequence[Connector],
    *,
    jobs: int,
    stop: threading.Event,
    report: Callable[[Connector, tuple[Finding, ...]], None],
) -> Findings:
    """Ask the plugins, `jobs` at a time; each answer is reported as it comes. Raises `ConnectUnavailable`.

    References that the worker does not resolve are found first: it hands such a text on to the plugin as it stands.
    """
    found: Findings = {}
    unresolved = by_connector(references.findings(client, connectors)) if connectors else {}

    def ask(connector: Connector) -> tuple[Finding, ...]:
        return unresolved.get(connector.name) or _validation(client, connector)

    for connector, answer in parallel.each(connectors, ask, jobs, stop):
        if isinstance(answer, Exception):
            raise answer
        if answer:
            found[connector.name] = answer
        report(connector, answer)
    return found


def check(
    client: ConnectClient,
    connectors: Sequence[Connector],
    topics: Mapping[str, int] | None,
    *,
    jobs: int,
    report: Callable[[int, int], None],
) -> Findings:
    """Lint, then the plugins for those that lint has no error about; `report` is told how many of them are done."""
    found = lint(client, connectors, topics)
    open_ = [one for one in connectors if error_of(one.name, found.get(one.name, ())) is None]
    done = 0

    def told(_connector: Connector, _findings: tuple[Finding, ...]) -> None:
        nonlocal done
        done += 1
        report(done, len(open_))

    for name, more in validate(client, open_, jobs=jobs, stop=threading.Event(), report=told).items():
        found[name] = (*found.get(name, ()), *more)
    return dict(sorted(found.items()))


def error_of(name: str, findings: Iterable[Finding]) -> StreamguardError | None:
    """The error that findings amount to; warnings amount to none."""
    errors = [one for one in findings if one.severity == "error"]
    if not errors:
        return None
    told = "; ".join(str(one) for one in errors)
    return (Refused if all(one.policy for one in errors) else ConnectorInvalid)(f"{name}: {told}")


def by_connector(findings: Iterable[Finding]) -> Findings:
    found: dict[str, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.connector, []).append(one)
    return {name: tuple(several) for name, several in found.items()}


def _validation(client: ConnectClient, connector: Connector) -> tuple[Finding, ...]:
    try:
        answer = client.validate(connector.class_name, {**connector.config, "name": connector.name})
    except ConnectUnavailable:
        raise
    except ConnectError as exc:  # the plugin's own code failed on this config: the others can still be checked
        return (failed_validation(connector, str(exc)),)
    return tuple(validation_findings(connector, answer))
