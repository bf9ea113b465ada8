"""Kafka's own kafka-acls takes the lines of `streamguard rights --format kafka-acls`, and grants what they say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from streamguard.connect.templates.choose import render_pipeline
from streamguard.project import Project
from streamguard.rights.derive import rights_of
from streamguard.rights.formats import formatted
from streamguard.settings import Settings
from streamguard.stack.programs import java_environment
from tests.stack.secured import ADMIN, RESOURCES, Secured

PRINCIPALS = ("grants-ingestor", "grants-ksql")
"""These have every form of line: literal, prefixed, topics, groups, transactional ids, the cluster."""


def granted(secured: Secured, principal: str) -> set[tuple[object, ...]]:
    """What the broker says that a principal is allowed."""
    anything: Any = None  # of a name and of a host, as its documentation has it and its types have not
    wanted = AclBindingFilter(
        ResourceType.ANY,
        anything,
        ResourcePatternType.ANY,
        f"User:{principal}",
        anything,
        AclOperation.ANY,
        AclPermissionType.ALLOW,
    )
    found = secured.admin.describe_acls(wanted).result(10)
    return {(acl.restype, acl.name, acl.resource_pattern_type.name, acl.operation.name) for acl in found}


@pytest.mark.timeout(400)
def test_kafka_acls_grants_what_the_lines_say(
    secured: Secured, project: Project, settings: Settings, tmp_path: Path
) -> None:
    bank = project.pipeline("bank")
    connectors = render_pipeline(project, settings, bank)
    everything = rights_of(project, settings, bank, connectors, engine="ksqldb", prefix="grants-")
    rights = [right for right in everything if right.principal in PRINCIPALS]
    tool = tmp_path / "kafka-acls.sh"
    java = f"{secured.stack.java} -XX:TieredStopAtLevel=1"
    tool.write_text(f'#!/bin/sh\nexec {java} org.apache.kafka.tools.AclCommand "$@"\n')
    tool.chmod(0o755)
    admin = tmp_path / "admin.properties"
    admin.touch(mode=0o600)
    admin.write_text("".join(f"{name}={value}\n" for name, value in secured.java(ADMIN).items()))
    environ = {
        **java_environment(settings, secured.stack.lock),
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "BOOTSTRAP": secured.bootstrap,
        "ADMIN": str(admin),
    }
    script = "set -e\n" + formatted(rights, "kafka-acls")
    done = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    try:
        for principal in PRINCIPALS:
            assert granted(secured, principal) == {
                (RESOURCES[right.resource], right.name, right.pattern.upper(), operation.upper())
                for right in rights
                if right.principal == principal
                for operation in right.operations
            }
    finally:
        secured.forbid(rights)
