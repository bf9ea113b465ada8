"""A second Kafka that trusts nobody: SCRAM-SHA-512 over TLS, and nothing is allowed that no entry of its list allows.

Its super users are the broker itself, known by its certificate, and `admin`, whom tests use to make others and to let
them do things. A Connect worker on it is a principal like every other.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from streamguard.rights.model import Right
from streamguard.settings import Settings
from streamguard.stack import kafka_config, probes
from streamguard.stack.ports import is_free
from streamguard.stack.stack import Stack
from tests.connect import certificates as making
from tests.connect.certificates import Certificates
from tests.stack.loops import wait_until
from tests.stack.service import random_port
from tests.stack.supervised import Supervised
from tests.stack.workers import START, Worker, start_worker

ADMIN = "admin"
ITERATIONS = 4096
"""The fewest that Kafka takes: a test logs in often."""
MECHANISM = "SCRAM-SHA-512"
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required"
SECONDS = 10.0
RESOURCES: Mapping[str, ResourceType] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,  # the same number in Kafka's protocol
}


@dataclass
class Secured:
    """The running broker, and what tests do with it as `admin`."""

    stack: Stack
    folder: Path
    certificates: Certificates
    port: int
    log: Path
    passwords: dict[str, str] = field(default_factory=dict)
    """By principal, without ``User:``."""

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def properties(self, principal: str, *, name: str = "", **changes: str) -> Path:
        """A file of librdkafka properties for a principal; `changes` with `_` for the dots of their names."""
        given = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.username": principal,
            "sasl.password": self.passwords[principal],
            "ssl.ca.location": str(self.certificates.ca),
            **{key.replace("_", "."): value for key, value in changes.items()},
        }
        path = self.folder / f"{name or principal}.properties"
        path.touch(mode=0o600)
        path.write_text("".join(f"{key}={value}\n" for key, value in given.items()))
        return path

    def settings(self, principal: str, **options: object) -> Settings:
        """The settings of somebody who works as this principal, in mode external; the sinks are those of the stack."""
        external: dict[str, object] = {
            "mode": "external",
            "kafka_bootstrap": self.bootstrap,
            "kafka_properties": self.properties(principal),
            **options,
        }
        return replace(self.stack.settings, **external)  # type: ignore[arg-type]

    def make(self, *principals: str) -> None:
        """Make users, who may do nothing yet."""
        made = {name: secrets.token_urlsafe(18) for name in principals if name not in self.passwords}
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        wanted: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(name, info, word.encode()) for name, word in made.items()
        ]
        for answer in self.admin.alter_user_scram_credentials(wanted).values() if wanted else ():
            answer.result(SECONDS)
        self.passwords |= made

    def allow(self, rights: Iterable[Right]) -> None:
        """Let principals do what the rights say, and not a thing more."""
        bindings = _bindings(rights)
        for answer in self.admin.create_acls(bindings).values() if bindings else ():
            answer.result(SECONDS)

    def forbid(self, rights: Iterable[Right]) -> None:
        """Take these away again."""
        for binding in _bindings(rights):
            parts = (binding.restype, binding.name, binding.resource_pattern_type, binding.principal, binding.host)
            wanted = AclBindingFilter(*parts, binding.operation, binding.permission_type)
            [answer] = self.admin.delete_acls([wanted]).values()
            assert answer.result(SECONDS), binding

    @cached_property
    def admin(self) -> AdminClient:
        """An admin client of the super user, made by hand: it must not depend on what is tested with it."""
        return AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": MECHANISM,
                "sasl.username": ADMIN,
                "sasl.password": self.passwords[ADMIN],
                "ssl.ca.location": str(self.certificates.ca),
            }
        )

    @contextmanager
    def worker(self, principal: str, **changes: str) -> Iterator[Worker]:
        """A Connect worker as that principal, ready; `changes` as of `start_worker`.

        Its rights must be there before: a worker that may not read its own topics ends.
        """
        port, security = random_port(), self.java(principal)
        for owner in ("", "consumer.", "producer.", "admin."):
            changes |= {(owner + name).replace(".", "_"): value for name, value in security.items()}
        worker = start_worker(self.stack, self.folder, port, bootstrap_servers=self.bootstrap, **changes)
        try:
            wait_until(lambda: not probes.connect_worker(worker.url), f"a worker is ready, see {worker.log}", START)
            yield worker
        finally:
            worker.kill()

    def java(self, principal: str) -> dict[str, str]:
        """What a Java client needs to be that principal."""
        word = self.passwords[principal]
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.jaas.config": f'{LOGIN} username="{principal}" password="{word}";',
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.ca),
        }


def _bindings(rights: Iterable[Right]) -> list[AclBinding]:
    patterns = {"literal": ResourcePatternType.LITERAL, "prefixed": ResourcePatternType.PREFIXED}
    return [
        AclBinding(
            RESOURCES[right.resource],
            right.name,
            patterns[right.pattern],
            f"User:{right.principal}",
            "*",
            AclOperation[operation.upper()],
            AclPermissionType.ALLOW,
        )
        for right in rights
        for operation in right.operations
    ]


@contextmanager
def secured_kafka(stack: Stack, folder: Path) -> Iterator[Secured]:
    """The broker, ready; its files are in `folder`. The stack lends Java and jars, nothing else."""
    folder.chmod(0o700)
    certificates = making.make(folder)
    found = Secured(stack, folder, certificates, random_port(), folder / "kafka.log", {ADMIN: secrets.token_hex(12)})
    properties = folder / "kafka.properties"
    properties.write_text(kafka_config.properties(broker(stack.settings, found)))
    tool = ("kafka.tools.StorageTool", "format", "--standalone", "--cluster-id", secrets.token_hex(11))
    scram = f"{MECHANISM}=[name={ADMIN},password={found.passwords[ADMIN]}]"
    formatting = _java(found, "format", (*tool, "--add-scram", scram, "-c", str(properties)))
    assert formatting.wait(60) == 0, found.log.read_text()
    process = _java(found, "kafka", ("kafka.Kafka", str(properties)))
    try:
        wait_until(lambda: _listens(found, process), f"the secured Kafka listens, see {found.log}", START)
        yield found
    finally:
        process.kill()
        process.wait()


def broker(settings: Settings, secured: Secured) -> dict[str, object]:
    """As the broker of the stack, and secured."""
    inner, controller = random_port(), random_port()
    pem = secured.folder / "broker.pem"
    pem.touch(mode=0o600)
    pem.write_text(secured.certificates.server_key.read_text() + secured.certificates.server_cert.read_text())
    names = {"EXTERNAL": secured.port, "INNER": inner, "CONTROLLER": controller}
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in names.items())
    return {
        **kafka_config.broker(settings),
        "controller.quorum.bootstrap.servers": f"127.0.0.1:{controller}",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "EXTERNAL:SASL_SSL,INNER:SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "INNER",
        "log.dirs": secured.folder / "kafka",
        "sasl.enabled.mechanisms": MECHANISM,
        "listener.name.external.scram-sha-512.sasl.jaas.config": f"{LOGIN};",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": pem,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": secured.certificates.ca,
        "listener.name.inner.ssl.client.auth": "required",
        "listener.name.controller.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{ADMIN};User:CN=worker",
    }


def _java(secured: Secured, name: str, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
    """A program of Kafka with the options of the stack's; it ends with this process."""
    plan = Supervised(secured.stack, "kafka").plan
    path = secured.folder / f"{name}.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({**plan, "argv": [*plan["argv"][:-2], *words], "parent": os.getpid()}))
    with secured.log.open("ab") as log:
        command = [sys.executable, "-m", "streamguard.stack.launch", str(path)]
        return subprocess.Popen(command, stdout=log, stderr=log, cwd=secured.folder)


def _listens(secured: Secured, process: subprocess.Popen[bytes]) -> bool:
    """It does once it has read its metadata, the users among them."""
    assert process.poll() is None, secured.log.read_text()
    return not is_free(secured.port)
