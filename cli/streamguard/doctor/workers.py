"""Kafka Connect: does a worker answer, has it the plugins, does it resolve what the connectors refer to?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from streamguard.connect.deploying.references import resolutions
from streamguard.connect.deploying.report import trouble
from streamguard.connect.lint.rule import version_of
from streamguard.connect.rest.answers import Plugin
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector
from streamguard.doctor.checks import Check
from streamguard.errors import ConnectError
from streamguard.settings import HERE, Settings

SAFE = (3, 9, 1)
"""The oldest Kafka whose Connect has no hole that is known."""
ADDRESS = re.compile(r"https?://(?P<host>[^/:@]+)(:\d+)?(?=/|$)")
COMMITTED = "consumer.isolation.level=read_committed"


def worker(settings: Settings, client: ConnectClient, cluster_id: str = "") -> Iterator[Check]:
    """It answers, is of our Kafka, is not too old, and does not answer everybody."""
    found = client.worker()
    yield Check("connect", "ok", f"Kafka {found.version} at {client.shown_url}")
    if cluster_id and found.cluster_id and cluster_id != found.cluster_id:
        told = f"it works on cluster {found.cluster_id}, and {settings.kafka_bootstrap} is {cluster_id}"
        advice = "one of STREAMGUARD_KAFKA_BOOTSTRAP and STREAMGUARD_CONNECT_URL is wrong"
        yield Check("connect's kafka", "fail", told, advice)
    number = version_of(found.version)
    if number is not None and number < SAFE:
        told = f"{found.version} has holes that are known (CVE-2025-27817 and others)"
        yield Check("connect version", "warn", told, "3.9.1 or newer")
    yield isolation(settings)
    yield from _openness(client)


def isolation(settings: Settings) -> Check:
    """Whether sinks see what was aborted: the worker's own properties say, its REST API does not."""
    if settings.mode != "external":
        where = "kafka-connect's properties of the stack" if settings.mode == "local" else "docker-compose.yml"
        return Check("read_committed", "ok", f"{COMMITTED} in {where}")
    advice = (
        f"{COMMITTED} must be in the worker's properties (Strimzi: spec.config of KafkaConnect); "
        "its log says so at each start of a task, below ConsumerConfig"
    )
    return Check("read_committed", "unknown", "Connect's REST API does not say", advice)


def _openness(client: ConnectClient) -> Iterator[Check]:
    """Who reaches a REST API without a password reads every secret that the worker may resolve."""
    if urlsplit(client.shown_url).hostname in HERE:
        yield Check("connect's REST API", "ok", "on this machine only")
        return
    try:
        ConnectClient(client.shown_url, deadline=0, read_timeout=5.0).worker()
    except ConnectError:
        yield Check("connect's REST API", "ok", "it asks who calls")
        return
    told = "it answers without a password: who reaches it can read every secret that the worker resolves"
    yield Check("connect's REST API", "warn", told, "basic auth, a proxy, or a network policy in front of it")


def plugins(client: ConnectClient, connectors: Sequence[Connector]) -> Iterator[Check]:
    """Each class that a connector names, and each reference."""
    if not connectors:
        return
    installed = client.plugins(connectors_only=False)
    versions = {plugin.class_name: plugin.version for plugin in installed}
    short = {name.rpartition(".")[2] for name in versions}
    wanted = sorted({connector.class_name for connector in connectors})
    for name in wanted:
        users = ", ".join(connector.name for connector in connectors if connector.class_name == name)
        if name in versions:
            yield Check(f"plugin {name.rpartition('.')[2]}", "ok", f"version {versions[name]}, for {users}")
        elif name not in short and name.removesuffix("Connector") not in short:
            advice = f"put the plugin into plugin.path of every worker, and restart it; it is for {users}"
            yield Check(f"plugin {name.rpartition('.')[2]}", "fail", f"{name} is not installed", advice)
    yield from _references(client, connectors, installed)


def _references(client: ConnectClient, connectors: Sequence[Connector], installed: Sequence[Plugin]) -> Iterator[Check]:
    users: dict[str, list[str]] = {}
    for connector in connectors:
        for references in connector.references.values():
            for reference in references:
                users.setdefault(reference, []).append(connector.name)
    for reference, found in resolutions(client, users, installed).items():
        who = ", ".join(dict.fromkeys(users[reference]))
        if found.state == "resolved":
            yield Check(reference, "ok", "the worker resolves it")
        elif found.state == "unresolved":
            yield Check(reference, "fail", f"the worker does not resolve it, for {who}", found.reason)
        else:
            advice = "try: `streamguard connectors deploy`, whose tasks fail if it is not there"
            yield Check(reference, "unknown", found.reason, advice)


def addresses(client: ConnectClient, connectors: Sequence[Connector]) -> Iterator[Check]:
    """Where the sinks write is as the worker sees it: what is on our machine is not on its."""
    if urlsplit(client.shown_url).hostname in HERE:
        return
    values = (value for connector in connectors for value in connector.config.values())
    named = dict.fromkeys(at[0] for value in values if (at := ADDRESS.match(value)) and at["host"] in HERE)
    if named:
        found = f"the connectors write to {', '.join(named)}, which to the worker is its own machine"
        advice = "--values with the addresses of yours, or STREAMGUARD_S3_ENDPOINT and STREAMGUARD_S3_CATALOG"
        yield Check("addresses of sinks", "warn", found, advice)


def deployed(client: ConnectClient, connectors: Sequence[Connector]) -> Iterator[Check]:
    """Those of the pipeline are there and run."""
    if not connectors:
        return
    listed = client.connectors()
    absent = [connector.name for connector in connectors if connector.name not in listed]
    ours = {name: listed[name] for name in (connector.name for connector in connectors) if name in listed}
    if absent:
        yield Check("connectors", "warn", f"not deployed: {', '.join(absent)}", "`streamguard connectors deploy`")
    ill = trouble(ours)
    if ill:
        yield Check("connectors", "fail", ill, "`streamguard connectors status` says why")
    elif ours:
        yield Check("connectors", "ok", f"{len(ours)} as they should be: RUNNING, or stopped by somebody")
