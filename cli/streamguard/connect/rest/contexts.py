"""Contexts: the Connect clusters that a person works with, by name, in one file.

    current: staging
    contexts:
      staging:
        urls: [https://connect-1:8083, https://connect-2:8083]
        auth:
          basic: {user: ops, password: {env: CONNECT_PASSWORD}}    # or  bearer: {file: /run/secrets/token}
        tls: {ca: ca.pem, cert: ops.pem, key: ops.key}
        kafka_bootstrap: kafka-1:9092

The file says where a secret is, an environment variable or a file, never what it is: one in clear is refused. Secrets
are read when they are used, a file for every request, so that a token that is renewed is picked up. Paths are relative
to the folder of the file. No error tells a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from streamguard.errors import SettingsError, UnknownName
from streamguard.project import did_you_mean
from streamguard.settings import Settings


@dataclass(frozen=True)
class Secret:
    """Where a secret is: the environment variable `env`, or the `file`."""

    env: str = ""
    file: Path | None = None

    def document(self) -> dict[str, str]:
        return {"env": self.env} if self.file is None else {"file": str(self.file)}

    def __str__(self) -> str:
        return f"${self.env}" if self.file is None else str(self.file)


@dataclass(frozen=True)
class Basic:
    """Name and password."""

    user: str
    password: Secret


@dataclass(frozen=True)
class Tls:
    """Whom to trust (`ca`; None: whom the system trusts), and who we are (`cert` and `key`, for mutual TLS)."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    key_password: Secret | None = None

    def document(self) -> dict[str, Any]:
        paths = {name: str(path) for name in ("ca", "cert", "key") if (path := getattr(self, name)) is not None}
        return {**paths, **({"key_password": self.key_password.document()} if self.key_password else {})}


@dataclass(frozen=True)
class Context:
    """A Connect cluster, and who one is there."""

    name: str
    urls: tuple[str, ...]
    basic: Basic | None = None
    bearer: Secret | None = None
    tls: Tls | None = None
    kafka_bootstrap: str = ""

    def document(self) -> dict[str, Any]:
        """As it stands in the file."""
        auth: dict[str, Any] = {}
        if self.basic:
            auth["basic"] = {"user": self.basic.user, "password": self.basic.password.document()}
        if self.bearer:
            auth["bearer"] = self.bearer.document()
        return {
            "urls": list(self.urls),
            **({"auth": auth} if auth else {}),
            **({"tls": self.tls.document()} if self.tls else {}),
            **({"kafka_bootstrap": self.kafka_bootstrap} if self.kafka_bootstrap else {}),
        }

    def row(self, current: str) -> dict[str, Any]:
        """For a listing."""
        auth = f"basic, {self.basic.user}" if self.basic else "bearer" if self.bearer else ""
        mutual = [] if self.tls is None or self.tls.cert is None else ["mutual TLS"]
        return {
            "current": "*" if self.name == current else "",
            "name": self.name,
            "urls": list(self.urls),
            "auth": ", ".join([*([auth] if auth else []), *mutual]),
            "kafka": self.kafka_bootstrap,
        }


@dataclass(frozen=True)
class Contexts:
    """The file. `current` is empty if none was chosen."""

    path: Path
    current: str = ""
    by_name: Mapping[str, Context] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Context:
        if name not in self.by_name:
            raise UnknownName(f"{self.path} has no context {name}{did_you_mean(name, self.by_name)}")
        return self.by_name[name]

    def use(self, name: str) -> Contexts:
        """With another current context; none if `name` is empty."""
        return replace(self, current=self[name].name if name else "")

    def with_context(self, context: Context) -> Contexts:
        return replace(self, by_name={**self.by_name, context.name: context})

    def without(self, name: str) -> Contexts:
        left = {other: context for other, context in self.by_name.items() if other != self[name].name}
        return replace(self, by_name=left, current="" if self.current == name else self.current)

    def save(self) -> None:
        """Write the file, readable by its owner only: all of it, or nothing. Comments in it are lost."""
        document: dict[str, Any] = {"current": self.current} if self.current else {}
        document["contexts"] = {name: context.document() for name, context in sorted(self.by_name.items())}
        target = self.path.resolve()  # of a link: the file that it names
        fresh = target.with_name(f".{target.name}.new")
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600)
        fresh.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        fresh.replace(target)


def load(path: Path) -> Contexts:
    """Read the file; one that is not there has no contexts."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        return Contexts(path)
    except OSError as exc:
        raise SettingsError(f"{path} can not be read: {exc.strerror}") from exc
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise SettingsError(f"{path}, line {line}: {exc.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SettingsError(f"{path} is no YAML") from None
    return parse(document, path)


def parse(document: Any, path: Path) -> Contexts:
    """The contexts of a document that `path` holds."""
    reader = _Reader(path)
    top = reader.mapping(document, "", {"current", "contexts"})
    entries = reader.mapping(top.get("contexts") or {}, "contexts", None)
    contexts = Contexts(
        path,
        reader.text(top.get("current"), "current"),
        {name: reader.context(name, entries[name]) for name in entries},
    )
    return contexts.use(contexts.current)


def choose(settings: Settings, name: str | None) -> Context | None:
    """The context `name`; without one that of the settings, else the current one of the file unless the settings say
    themselves where Connect is. None: there is none, the settings' address counts."""
    wanted = name or settings.connect_context
    if not wanted and not settings.contexts_file.exists():
        return None
    contexts = load(settings.contexts_file)
    if not wanted and settings.has_own_connect_url:
        return None
    wanted = wanted or contexts.current
    return contexts[wanted] if wanted else None


def change(contexts: Contexts, name: str, options: Mapping[str, Any], folder: Path) -> Contexts:
    """With the context `name` made, or changed by the options of `contexts set`; files are relative to `folder`."""
    present = contexts.by_name.get(name)
    entry = {} if present is None else present.document()
    auth, tls = dict(entry.get("auth", {})), dict(entry.get("tls", {}))
    given = {key: str(folder / Path(value).expanduser()) if key in _FILES else value for key, value in options.items()}
    for key in ("ca", "cert", "key"):
        if key in given:
            tls[key] = given[key]
    if key_password := _secret_of(given, "key_password"):
        tls["key_password"] = key_password
    if token := _secret_of(given, "token"):
        auth = {"bearer": token}
    password = _secret_of(given, "password")
    if password or "user" in given:
        basic = auth.get("basic", {})
        auth = {**({"bearer": token} if token else {})}
        auth["basic"] = {"user": given.get("user", basic.get("user")), "password": password or basic.get("password")}
    entry |= {"urls": list(given["urls"])} if "urls" in given else {}
    entry |= {"kafka_bootstrap": given["kafka"]} if "kafka" in given else {}
    entry |= {"auth": auth, "tls": tls}
    context = _Reader(contexts.path).context(name, entry)
    return contexts.with_context(context if tls else replace(context, tls=None))


_FILES = ("password_file", "token_file", "key_password_file", "ca", "cert", "key")


def _secret_of(given: Mapping[str, Any], name: str) -> dict[str, str]:
    """`--NAME-env` or `--NAME-file`; both are refused where the file is read."""
    parts = ("env", "file")
    return {part: given[f"{name}_{part}"] for part in parts if f"{name}_{part}" in given}


@dataclass(frozen=True)
class _Reader:
    """Checks what the file holds; errors name the place, never the value: it may be a secret in the wrong place."""

    path: Path

    def context(self, name: str, entry: Any) -> Context:
        where = f"contexts.{name}"
        parts = self.mapping(entry, where, {"urls", "auth", "tls", "kafka_bootstrap"})
        auth = self.mapping(parts.get("auth") or {}, f"{where}.auth", {"basic", "bearer"})
        if len(auth) > 1:
            raise self.wrong(f"{where}.auth", "is basic or bearer, not both")
        return Context(
            name,
            self.urls(parts.get("urls"), f"{where}.urls"),
            self.basic(auth["basic"], f"{where}.auth.basic") if "basic" in auth else None,
            self.secret(auth["bearer"], f"{where}.auth.bearer") if "bearer" in auth else None,
            self.tls(parts["tls"], f"{where}.tls") if "tls" in parts else None,
            self.text(parts.get("kafka_bootstrap"), f"{where}.kafka_bootstrap"),
        )

    def urls(self, value: Any, where: str) -> tuple[str, ...]:
        urls = [value] if isinstance(value, str) else value
        if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
            raise self.wrong(where, "is a list of addresses like https://connect-1:8083")
        for url in urls:
            if "@" in url:
                raise self.wrong(where, "holds credentials: write them as auth.basic, the password as {env: NAME}")
            if not url.startswith(("http://", "https://")):
                raise self.wrong(where, "is a list of addresses like https://connect-1:8083")
        return tuple(urls)

    def basic(self, value: Any, where: str) -> Basic:
        parts = self.mapping(value, where, {"user", "password"})
        user = self.text(parts.get("user"), f"{where}.user")
        if not user or ":" in user:
            raise self.wrong(f"{where}.user", "is a name without a colon")
        return Basic(user, self.secret(parts.get("password"), f"{where}.password"))

    def tls(self, value: Any, where: str) -> Tls:
        parts = self.mapping(value, where, {"ca", "cert", "key", "key_password"})
        ca, cert, key = (self.file(parts.get(name), f"{where}.{name}") for name in ("ca", "cert", "key"))
        if key is not None and cert is None:
            raise self.wrong(f"{where}.key", "is of no use without cert")
        password = parts.get("key_password")
        return Tls(ca, cert, key, None if password is None else self.secret(password, f"{where}.key_password"))

    def secret(self, value: Any, where: str) -> Secret:
        if not isinstance(value, dict):
            raise self.wrong(where, "is a secret: write where it is, {env: NAME} or {file: PATH}, not what it is")
        parts = self.mapping(value, where, {"env", "file"})
        env, file = self.text(parts.get("env"), f"{where}.env"), self.file(parts.get("file"), f"{where}.file")
        if bool(env) == (file is not None):
            raise self.wrong(where, "is {env: NAME} or {file: PATH}")
        return Secret(env, file)

    def mapping(self, value: Any, where: str, known: set[str] | None) -> dict[str, Any]:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            raise self.wrong(where, f"holds {', '.join(sorted(known))}" if known else "holds names with their parts")
        for key in value:
            if known is not None and key not in known:
                raise self.wrong(where, f"has an unknown key {key}{did_you_mean(key, known)}")
        return value

    def text(self, value: Any, where: str) -> str:
        if value is not None and not isinstance(value, str):
            raise self.wrong(where, "is a text")
        return value or ""

    def file(self, value: Any, where: str) -> Path | None:
        text = self.text(value, where)
        if not text:
            return None
        try:
            return self.path.parent / Path(text).expanduser()
        except RuntimeError:  # ~nobody
            raise self.wrong(where, "is in the folder of a user who does not exist") from None

    def wrong(self, where: str, text: str) -> SettingsError:
        return SettingsError(f"{self.path}: {where or 'the file'} {text}")


def names(settings: Settings) -> Iterable[str]:
    """For completion."""
    return load(settings.contexts_file).by_name
