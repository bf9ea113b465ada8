"""The file of STREAMGUARD_KAFKA_PROPERTIES: how every client reaches Kafka, and as whom.

A line is ``name=value`` with librdkafka's own names, or begins with ``#``. A value ``${env:NAME}`` is that of an
environment variable, ``${file:PATH}`` the text of a file. Paths count from the folder of this file on.

Only what is about the connection may stand in it. The rest is streamguard's own: its guarantees rest on it. A file of
ours with a password in it must be readable by us alone, as ssh wants it of its keys. Errors name file and line, never
a value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from streamguard.errors import SettingsError
from streamguard.project import did_you_mean
from streamguard.settings import environment_variable

SECRET = frozenset(
    {
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
    }
)
"""What nobody else may read."""
FILES = frozenset(
    {
        "https.ca.location",
        "sasl.kerberos.keytab",
        "sasl.oauthbearer.assertion.file",
        "sasl.oauthbearer.assertion.jwt.template.file",
        "sasl.oauthbearer.assertion.private.key.file",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.crl.location",
        "ssl.key.location",
        "ssl.keystore.location",
    }
)
OTHERS = frozenset(
    {
        "broker.address.family",
        "broker.address.ttl",
        "client.dns.lookup",
        "client.id",
        "client.rack",
        "connections.max.idle.ms",
        "enable.ssl.certificate.verification",
        "https.ca.pem",
        "metadata.max.age.ms",
        "metadata.recovery.rebootstrap.trigger.ms",
        "metadata.recovery.strategy",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "sasl.kerberos.kinit.cmd",
        "sasl.kerberos.min.time.before.relogin",
        "sasl.kerberos.principal",
        "sasl.kerberos.service.name",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.oauthbearer.assertion.algorithm",
        "sasl.oauthbearer.assertion.claim.aud",
        "sasl.oauthbearer.assertion.claim.exp.seconds",
        "sasl.oauthbearer.assertion.claim.iss",
        "sasl.oauthbearer.assertion.claim.jti.include",
        "sasl.oauthbearer.assertion.claim.nbf.seconds",
        "sasl.oauthbearer.assertion.claim.sub",
        "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.extensions",
        "sasl.oauthbearer.grant.type",
        "sasl.oauthbearer.metadata.authentication.type",
        "sasl.oauthbearer.method",
        "sasl.oauthbearer.scope",
        "sasl.oauthbearer.token.endpoint.url",
        "sasl.username",
        "security.protocol",
        "socket.connection.setup.timeout.ms",
        "socket.keepalive.enable",
        "socket.max.fails",
        "socket.nagle.disable",
        "socket.receive.buffer.bytes",
        "socket.send.buffer.bytes",
        "socket.timeout.ms",
        "ssl.ca.certificate.stores",
        "ssl.ca.pem",
        "ssl.certificate.pem",
        "ssl.cipher.suites",
        "ssl.curves.list",
        "ssl.endpoint.identification.algorithm",
        "ssl.providers",
        "ssl.sigalgs.list",
    }
)
CONNECTION = SECRET | FILES | OTHERS
"""What may be set."""
ELSEWHERE: Mapping[str, str] = {
    "bootstrap.servers": "the address is STREAMGUARD_KAFKA_BOOTSTRAP's to say",
    "metadata.broker.list": "the address is STREAMGUARD_KAFKA_BOOTSTRAP's to say",
    "sasl.jaas.config": "it is of Java's clients: here user and password are sasl.username and sasl.password",
    "ssl.truststore.location": "it is of Java's clients: here it is ssl.ca.location, a file in PEM",
    "ssl.truststore.password": "it is of Java's clients: here it is ssl.ca.location, a file in PEM without password",
    "ssl.truststore.type": "it is of Java's clients: here it is ssl.ca.location, a file in PEM",
    "ssl.keystore.type": "it is of Java's clients: here a keystore is in PKCS#12",
}
PROTOCOL = "security.protocol"
PLAINTEXT = "PLAINTEXT"
PROBE = "probe"
"""librdkafka looks for certificates where systems have them."""
_OWN = re.compile(
    r"acks|auto\.|batch\.|compression\.|delivery\.|enable\.(?!ssl\.)|fetch\.|group\.|heartbeat\.|isolation\.|linger\.|"
    r"max\.|message\.|partition\.|partitioner|queue|request\.required|retries|session\.|transaction"
)
_REFERENCE = re.compile(r"\$\{(?P<source>env|file):(?P<name>[^}]+)\}")


@dataclass(frozen=True)
class Properties:
    """What a file says; nothing, if there is none."""

    path: Path
    values: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Properties({str(self.path)!r}, {sorted(self.values)})"

    @property
    def protocol(self) -> str:
        """How brokers are spoken to."""
        return self.values.get(PROTOCOL, PLAINTEXT).upper()

    def without_secrets(self, text: str) -> str:
        """A text in which no secret of the file stands any longer."""
        for name in SECRET & self.values.keys():
            if self.values[name]:
                text = text.replace(self.values[name], "********")
        return text


NONE = Properties(Path(), {})


def read(path: Path, variable: Callable[[str], str] = environment_variable) -> Properties:
    """The properties in a file; `NONE` for the empty path.

    Raises:
        SettingsError: the file, or a line of it, is not as it should be.
    """
    if path == Path():
        return NONE
    try:
        text, status = path.read_text(encoding="utf-8-sig"), path.stat()
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not UTF-8 text: STREAMGUARD_KAFKA_PROPERTIES names it") from None
    except OSError as exc:
        raise SettingsError(f"{path} can not be read ({exc.strerror}): STREAMGUARD_KAFKA_PROPERTIES names it") from exc
    found = parse(path, text, variable, others_read=status.st_uid == os.geteuid() and bool(status.st_mode & 0o077))
    for name in sorted(FILES & found.values.keys()):
        _check_file(path, name, found.values[name])
    return found


def parse(path: Path, text: str, variable: Callable[[str], str], *, others_read: bool = False) -> Properties:
    """The properties in the text of a file. Raises SettingsError."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{path}, line {number}"
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            raise SettingsError(f"{where}: it is no name=value")
        _check_name(name, where)
        if name in found:
            raise SettingsError(f"{where}: {name} is there twice")
        reference = _REFERENCE.fullmatch(value)
        if name in SECRET and reference is None and others_read:
            raise SettingsError(
                f"{where}: {name} is a secret, and others may read the file: `chmod 600 {path}`, or write "
                "${env:NAME} there and set that variable"
            )
        found[name] = _resolved(reference, path, where, variable) if reference is not None else value
        if name in FILES and found[name] and found[name] != PROBE:
            found[name] = str(path.parent / Path(found[name]).expanduser())
    _check_protocol(found, path)
    return Properties(path, found)


def _check_name(name: str, where: str) -> None:
    if name in CONNECTION:
        return
    if name in ELSEWHERE:
        raise SettingsError(f"{where}: {name} has no place here: {ELSEWHERE[name]}")
    if _OWN.match(name):
        raise SettingsError(
            f"{where}: {name} is streamguard's own, its guarantees rest on it: take the line out; here stands how "
            "Kafka is reached, and as whom"
        )
    raise SettingsError(
        f"{where}: no property {name[:60]} is about a connection to Kafka{did_you_mean(name, sorted(CONNECTION))}"
    )


def _check_file(path: Path, name: str, file: str) -> None:
    """What OpenSSL says of a file that is not there names no file."""
    if file and file != PROBE and not os.access(file, os.R_OK):
        reason = "can not be read" if os.path.lexists(file) else "is not there"
        raise SettingsError(f"{path}: {name} names {file}, which {reason}")


def _check_protocol(found: Mapping[str, str], path: Path) -> None:
    """A user without a protocol that asks for one is never heard of: the connection is a plain one."""
    protocol = found.get(PROTOCOL, "").upper()
    for name in sorted(found):
        if name.startswith("sasl.") and "SASL" not in protocol:
            raise SettingsError(f"{path}: {name} is of no use without security.protocol=SASL_SSL (or SASL_PLAINTEXT)")
        if name.startswith("ssl.") and "SSL" not in protocol:
            raise SettingsError(f"{path}: {name} is of no use without security.protocol=SASL_SSL (or SSL)")


def _resolved(reference: re.Match[str], path: Path, where: str, variable: Callable[[str], str]) -> str:
    name = reference["name"].strip()
    if reference["source"] == "env":
        found = variable(name)
        if not found:
            raise SettingsError(f"{where}: the environment variable {name} is not set")
        return found
    file = path.parent / Path(name).expanduser()
    try:
        return file.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"{where}: {file} can not be read: {reason}") from exc
