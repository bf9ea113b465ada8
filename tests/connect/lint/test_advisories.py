"""Advisories about Kafka Connect: which worker each is told of, and which settings are refused for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.lint.definitions import definitions, shipped
from streamguard.connect.lint.rule import Facts
from streamguard.connect.lint.run import lint
from streamguard.connect.rest.answers import Plugin
from streamguard.connect.templates.render import Connector
from tests.connect.lint.test_rules import BASES

AFFECTED = {
    "CVE-2019-12399": ("2.0.0", "2.3.0", "2.3.1"),
    "CVE-2021-38153": ("2.0.0", "2.8.0", "2.8.1"),
    "CVE-2023-25194": ("2.3.0", "3.3.2", "3.4.0"),
    "CVE-2024-31141": ("2.3.0", "3.7.2", "3.8.0"),
    "CVE-2025-27817": ("3.1.0", "3.9.0", "3.9.1"),
    "CVE-2025-27818": ("2.3.0", "3.9.0", "3.9.1"),
}
"""The first and the last version that has it, and the one that has it no more."""


def texts(config: dict[str, str], rule: str, worker: str = "4.3.1") -> list[str]:
    known = shipped()
    plugins = [Plugin(name, "sink", "1") for name in known.keys]
    facts = Facts(definitions(known.keys, plugins, worker))
    connector = Connector("sink", {**BASES["mongodb"], **config}, Path("sink.json.j2"))
    return [finding.text for finding in lint([connector], facts) if finding.rule == rule]


@pytest.mark.parametrize(("cve", "versions"), AFFECTED.items(), ids=AFFECTED)
def test_a_worker_is_told_to_be_open_to_an_advisory_in_the_versions_that_it_is_about(
    cve: str, versions: tuple[str, str, str]
) -> None:
    first, last, fixed = versions
    told = {version: [cve in text for text in texts({}, "worker-too-old", version)] for version in versions}
    assert (told[first], told[last], any(told[fixed])) == ([True], [True], False)


@pytest.mark.parametrize("version", ["3.9.1", "4.0.0", "4.3.1", "8.0.0-ccs"])
def test_a_worker_of_today_is_open_to_none(version: str) -> None:
    assert texts({}, "worker-too-old", version) == []


@pytest.mark.parametrize("client", ["consumer", "producer", "admin"])
@pytest.mark.parametrize(
    "module", ["com.sun.security.auth.module.JndiLoginModule", "com.sun.security.auth.module.LdapLoginModule"]
)
def test_a_login_module_that_runs_code_or_asks_a_directory_is_refused_for_every_client(
    client: str, module: str
) -> None:
    assert texts({f"{client}.override.sasl.jaas.config": f"{module} required;"}, "login-module")


@pytest.mark.parametrize("key", ["sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.jwks.endpoint.url"])
def test_an_address_of_oauth_that_reads_a_file_is_refused(key: str) -> None:
    assert texts({f"consumer.override.{key}": "FILE:/etc/passwd"}, "file-address")
    assert texts({f"consumer.override.{key}": "https://login.example.com"}, "file-address") == []


@pytest.mark.parametrize(
    "reference",
    [
        "${env:NAME}",
        "${file:/run/secrets/a.properties:password}",
        "${dir:/run/secrets:password}",
        "${vault:kv/team/mongodb:uri}",
        "${aws:team/mongodb:uri}",
        "${ssm:/team/mongodb:uri}",
        "${azure:vault.example.com:uri}",
        "${gcp:projects/1/secrets/mongodb:uri}",
    ],
)
def test_a_reference_to_any_provider_is_one_and_no_secret_in_clear(reference: str) -> None:
    for rule in ("malformed-reference", "inline-secret", "looks-like-a-secret", "reference-inside-text"):
        assert texts({"connection.uri": reference}, rule) == []
