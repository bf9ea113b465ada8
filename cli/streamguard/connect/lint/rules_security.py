"""Rules about secrets and about what a config may make a worker do."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from streamguard.connect.lint.rule import Remark, Subject, host_of, rule
from streamguard.connect.secrecy.sensitive import LOOKS_RANDOM, REFERENCE, is_sensitive, literal_secrets

MODULES = {"JndiLoginModule": "CVE-2023-25194", "LdapLoginModule": "CVE-2025-27818", "Krb5LoginModule": "keytabs"}
COMPLETED_BY_PLUGIN = re.compile(r"(table|collection)\.name\.format|topic\.prefix|.*\.(regex|replacement|format)")
"""Keys in which `${topic}` and the like is the plugin's own language."""


@rule("inline-secret", can_be_silenced=False)
def inline_secret(s: Subject) -> Iterator[Remark]:
    """A secret in clear.

    Anybody with access to the REST API reads it, and so does git. Write `{{ env(NAME) }}` (or `${file:…}`, `${dir:…}`):
    the worker puts the secret in.
    """
    for key, words in _in_clear(s).items():
        if words != LOOKS_RANDOM:
            yield key, f"{words}: let the worker resolve it, with {{{{ env(NAME) }}}} in the template"


@rule("looks-like-a-secret")
def looks_like_a_secret(s: Subject) -> Iterator[Remark]:
    """A text that looks as if a generator of keys had made it.

    Nothing in the name of its key says so, but 20 or more letters and digits in such a mixture are mostly a key or a
    token. Write `{{ env(NAME) }}`, or silence this with what it is, such as the public id of a client.
    """
    for key, words in _in_clear(s).items():
        if words == LOOKS_RANDOM:
            yield key, f"{words}: let the worker resolve it, or silence this with what it is"


def _in_clear(s: Subject) -> dict[str, str]:
    passwords = [key for key, definition in (s.keys or {}).items() if definition.type == "PASSWORD"]
    return literal_secrets(s.config, passwords)


@rule("secret-in-name", can_be_silenced=False)
def secret_in_name(s: Subject) -> Iterator[Remark]:
    """A name, path or topic that a reference gives.

    Workers write what they resolve for these keys into their logs, into error texts (`Invalid value … for configuration
    tasks.max`) and into the traces of failed tasks, which everybody reads who may read a status. A transform's
    `static.value` lands in every record as well.
    """
    for key in s.named_by_reference:
        yield key, "a name is no secret: what the worker resolves here, it writes into its log"


@rule("reference-inside-text", "warning")
def reference_inside_text(s: Subject) -> Iterator[Remark]:
    """A secret inside a longer text of a key that is not declared a password.

    A validation answers such a value in clear, and so does the trace of a task that fails on it. Give the reference the
    whole value, of a key of type PASSWORD if the plugin has one. A reference whose name says that it is no secret
    (`${env:DB_HOST}`) is not meant.
    """
    for key in s.in_clear:
        if not REFERENCE.fullmatch(s.config[key]):
            yield (
                key,
                "what the worker puts into this text, it shows in validations and traces: refer to the whole value",
            )


@rule("reference-is-logged", "warning")
def reference_is_logged(s: Subject) -> Iterator[Remark]:
    """A secret as the value of a key that the plugin declares as plain text.

    Workers write the values of STRING keys into their logs, resolved, and answer validations with them; of PASSWORD
    keys, and of keys that the plugin does not declare, they do not. Use the plugin's key for a password, or silence
    this with why the value is no secret.
    """
    for key in s.in_clear:
        definition = (s.keys or {}).get(key)
        if definition and definition.type != "PASSWORD" and REFERENCE.fullmatch(s.config[key]):
            yield key, f"is declared {definition.type}: the worker writes what it puts in here into its log"


@rule("malformed-reference")
def malformed_reference(s: Subject) -> Iterator[Remark]:
    """Something that looks like a reference and is none.

    `${NAME}` has no provider: it is passed to the connector as it stands, and no worker says a word. Write
    `{{ env(NAME) }}`.
    """
    for key, value in s.config.items():
        if "${" in value and "${" in REFERENCE.sub("", value) and not COMPLETED_BY_PLUGIN.fullmatch(key):
            yield key, "has a ${…} that is no reference (${provider:path:key}): the connector would get it as it stands"


@rule("login-module")
def login_module(s: Subject) -> Iterator[Remark]:
    """A login module that runs code or reads files of the worker.

    `JndiLoginModule` (CVE-2023-25194), `LdapLoginModule` (CVE-2025-27818) and `Krb5LoginModule` (keytabs of the worker)
    in a `sasl.jaas.config`. Use SCRAM, PLAIN or OAUTHBEARER.
    """
    for key, value in s.config.items():
        for module, reason in MODULES.items():
            if module in value and "sasl" in key:
                yield key, f"{module} is refused ({reason}): use SCRAM, PLAIN or OAUTHBEARER"


@rule("file-address")
def file_address(s: Subject) -> Iterator[Remark]:
    """An address that reads files of the worker.

    `sasl.oauthbearer.token.endpoint.url` and `jwks.endpoint.url` take `file:` (CVE-2025-27817), and what they read
    comes back in an error. Use `https:`.
    """
    for key, value in s.config.items():
        if re.search(r"(\.override\..*|oauthbearer.*)\.url$", key) and value.strip().lower().startswith("file:"):
            yield key, "reads a file of the worker: write an https address"


@rule("credentials-over-http", "warning")
def credentials_over_http(s: Subject) -> Iterator[Remark]:
    """Credentials that travel in clear.

    The config has an `http:` address on another network, and credentials beside it. Use `https:`.
    """
    credentials = [key for key in s.config if is_sensitive(key)]
    for key, value in s.config.items():
        host = host_of(value) if value.startswith("http://") else ""
        if host and _is_public(host) and any(_beside(key, other) for other in credentials):
            yield key, "credentials travel to this address in clear: write https"


def _beside(key: str, other: str) -> bool:
    return key.split(".")[:2] == other.split(".")[:2]


def _is_public(host: str) -> bool:
    """Neither this machine, nor a name of one word (a neighbour in Docker or Kubernetes), nor a private address."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".svc", ".localhost"))
