"""Does a worker resolve the references of a config? It does not say.

A worker that does not know a provider, may not read what a reference names, or finds nothing there, hands the text
`${…}` to the connector as it stands, without an error. It can be asked so that no secret leaves it: it is sent a sink
that can never be made, since `tasks.max` is 0, whose dead-letter topic is the reference, and whose topics are a pattern
that fits exactly the text of the reference. If the refusal says that they overlap, the worker has left the reference as
it is; if not, there is something else in its place, which nobody is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from streamguard import cloud
from streamguard.connect.lint.finding import Finding, finding
from streamguard.connect.rest.answers import Plugin, is_mask
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.secrecy.sensitive import literal_secrets, references_of
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectError, ConnectorInvalid, ConnectUnavailable

RULE = "unresolved-reference"
ASKING = "streamguard-asks-for-a-reference"
"""The name of the sink that is never made."""
ORACLES = (
    "org.apache.iceberg.connect.IcebergSinkConnector",
    "io.debezium.connector.jdbc.JdbcSinkConnector",
    "io.confluent.connect.s3.S3SinkConnector",
    "org.apache.kafka.connect.file.FileStreamSinkConnector",
    "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector",
    "io.confluent.connect.jdbc.JdbcSinkConnector",
)
"""Sinks whose validation opens no connection."""
NOBODY_KNOWS = "${streamguard-knows-no-such-provider:key}"

State = Literal["resolved", "unresolved", "unknown"]


@dataclass(frozen=True)
class Resolution:
    """What the worker makes of a reference. `reason` says why it is not resolved, or why that is not known."""

    reference: str
    state: State
    reason: str = ""


def resolutions(
    client: ConnectClient, references: Iterable[str], plugins: Sequence[Plugin] | None = None
) -> dict[str, Resolution]:
    """What the worker that answers makes of each reference; one small request for each that differs."""
    wanted = sorted(set(references))
    if not wanted:
        return {}
    installed = {plugin.class_name for plugin in (client.plugins() if plugins is None else plugins)}
    oracle = next((name for name in ORACLES if name in installed and _is_trustworthy(client, name)), None)
    if oracle is None:
        reason = "the worker has no sink that can be asked without sending the secret back"
        return {reference: Resolution(reference, "unknown", reason) for reference in wanted}
    return {reference: _ask(client, oracle, reference) for reference in wanted}


def findings(
    client: ConnectClient, connectors: Sequence[Connector], plugins: Sequence[Plugin] | None = None
) -> list[Finding]:
    """One for each key whose reference the worker does not resolve."""
    wanted = {reference for connector in connectors for found in connector.references.values() for reference in found}
    resolved = resolutions(client, wanted, plugins)
    return [
        finding(
            connector, key, RULE, f"the worker does not resolve {reference}: {resolved[reference].reason}", policy=False
        )
        for connector in connectors
        for key, references in connector.references.items()
        for reference in references
        if resolved[reference].state == "unresolved"
    ]


def _is_trustworthy(client: ConnectClient, class_name: str) -> bool:
    """Does this plugin let the worker complain of what it certainly can not resolve?"""
    return _ask(client, class_name, NOBODY_KNOWS).state == "unresolved"


def _ask(client: ConnectClient, class_name: str, reference: str) -> Resolution:
    config = {
        "connector.class": class_name,
        "tasks.max": "0",
        "errors.tolerance": "this sink is never made",
        "topics.regex": re.escape(reference),
        "errors.deadletterqueue.topic.name": reference,
    }
    try:
        client.create(ASKING, config, "stopped")
    except ConnectorInvalid as exc:
        if reference in str(exc):
            return Resolution(reference, "unresolved", _why(reference))
        return Resolution(reference, "resolved")
    except ConnectUnavailable:
        raise
    except ConnectError:  # the provider failed: the worker answers 500, and tells its log why
        return Resolution(reference, "unresolved", "its provider fails, see the worker's log")
    client.delete(ASKING)  # no worker that was ever released makes it
    return Resolution(reference, "unknown", "the worker makes sinks without tasks")


def _why(reference: str) -> str:
    provider = reference[2:].partition(":")[0]
    if provider == "env":
        why = "the variable is not set there, or config.providers.env.param.allowlist.pattern does not allow it"
        name = reference[2:-1].partition(":")[2]
        return f"{why}; {_made(name)}" if name in cloud.MADE_FROM else why
    if provider in ("file", "dir", "directory"):
        return f"there is no such key, or config.providers.{provider}.param.allowed.paths does not allow the path"
    return f"it has no config.providers named {provider}, or that finds nothing"


def _made(name: str) -> str:
    return (
        f"`streamguard up` gives it to its worker from {', '.join(cloud.MADE_FROM[name])} in .env, and "
        "`connectors secrets env --into FILE` writes it for another"
    )


@dataclass(frozen=True)
class Secret:
    """A secret of a connector on a cluster: the reference that stands for it, or what is wrong with it.

    `state` is that of the reference, or `in clear`: the config itself holds the secret.
    """

    connector: str
    key: str
    reference: str
    state: State | Literal["in clear"]
    reason: str = ""

    def row(self) -> dict[str, str]:
        """As a document; there is no value in it."""
        return asdict(self)


def secrets_of(client: ConnectClient, configs: Mapping[str, Mapping[str, str]]) -> list[Secret]:
    """The secrets of the connectors, by their configs: which references are resolved, and what is there in clear."""
    found = {
        (name, key): references for name, config in configs.items() for key, references in references_of(config).items()
    }
    resolved = resolutions(client, (reference for references in found.values() for reference in references))
    secrets = [
        Secret(name, key, reference, resolved[reference].state, resolved[reference].reason)
        for (name, key), references in found.items()
        for reference in references
    ]
    for name, config in configs.items():
        clear = literal_secrets({key: value for key, value in config.items() if not is_mask(value)})
        secrets += [Secret(name, key, "", "in clear", words) for key, words in clear.items()]
    return sorted(secrets, key=lambda one: (one.connector, one.key, one.reference))


def meant(configs: Mapping[str, Mapping[str, str]], wanted: Sequence[str]) -> list[str]:
    """The references of these configs that are wanted, each whole (`${env:NAME}`) or by its last part (`NAME`)."""
    return sorted({one for config in configs.values() for one in _of(config, wanted)})


def using(configs: Mapping[str, Mapping[str, str]], wanted: Sequence[str]) -> list[str]:
    """The connectors with one of the references that are `meant`."""
    return [name for name, config in sorted(configs.items()) if _of(config, wanted)]


def _of(config: Mapping[str, str], wanted: Sequence[str]) -> list[str]:
    found = [reference for references in references_of(config).values() for reference in references]
    return [one for one in found if one in wanted or one[2:-1].rpartition(":")[2] in wanted]
