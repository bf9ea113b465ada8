"""What the secrets and certificates of a context, or of the settings, become in requests.

Errors name where a secret is, never what it is.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.rest.contexts import Basic, Context, Secret, Tls
from streamguard.connect.secrecy.secrets import learn
from streamguard.errors import SettingsError
from streamguard.settings import Settings, environment_variable

_TOKEN = re.compile(r"[\x21-\x7e]+")


def open_client(context: Context, *urls: str, **options: Any) -> ConnectClient:
    """A client of the context's cluster, or of other addresses as who one is there; `options` are the client's own."""
    auth = _Basic(context.basic) if context.basic else _Bearer(context.bearer) if context.bearer else None
    tls = None if context.tls is None else tls_context(context.tls)
    return ConnectClient(urls or context.urls, auth=auth, tls=tls, **options)


def client_at(settings: Settings, url: str | None = None, **options: Any) -> ConnectClient:
    """A client of the settings' cluster, or of another address, to which nobody's password is sent."""
    meant = url is None or url.rstrip("/") == settings.connect_url.rstrip("/")
    auth = _Given(settings.connect_user, settings.connect_password) if meant and settings.connect_user else None
    tls = None if settings.connect_ca == Path() else tls_context(Tls(settings.connect_ca, None, None))
    return ConnectClient(url or settings.connect_url, auth=auth, tls=tls, **options)


def read(secret: Secret) -> str:
    """The secret, now. From here on nothing that is printed holds it."""
    found = _read(secret)
    learn([found])
    return found


def _read(secret: Secret) -> str:
    if secret.file is None:
        found = environment_variable(secret.env)
        if not found:
            raise SettingsError(f"the environment variable {secret.env} is not set: the context takes a secret from it")
        return found
    try:
        found = secret.file.read_text(encoding="utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise SettingsError(f"{secret.file} is not UTF-8 text: the context takes a secret from it") from None
    except OSError as exc:
        raise SettingsError(
            f"{secret.file} can not be read ({exc.strerror}): the context takes a secret from it"
        ) from exc
    if not found:
        raise SettingsError(f"{secret.file} is empty: the context takes a secret from it")
    return found


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Trusts `ca` alone if there is one, else whom the system and certifi trust."""
    try:
        found = ssl.create_default_context(cafile=tls.ca)
        if tls.ca is None:
            found.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    except (OSError, ssl.SSLError) as exc:
        raise SettingsError(f"{tls.ca} holds no certificates of those to trust: {_reason(exc)}") from exc
    if tls.cert is None:
        return found

    def password() -> str:
        if tls.key_password is None:
            raise SettingsError(f"{tls.key or tls.cert} is encrypted: name its password in the context, key_password")
        return read(tls.key_password)

    try:
        found.load_cert_chain(tls.cert, tls.key, password)
    except (OSError, ssl.SSLError) as exc:
        pair = f"{tls.cert} and {tls.key}" if tls.key else str(tls.cert)
        raise SettingsError(f"{pair} are no certificate with its key: {_reason(exc)}") from exc
    return found


def _reason(exc: OSError) -> str:
    if isinstance(exc, ssl.SSLError):
        return (exc.reason or "they do not fit, or the password is wrong").lower().replace("_", " ")
    return str(exc.strerror)


class _Basic(AuthBase):
    def __init__(self, basic: Basic) -> None:
        self._basic = basic

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        user, password = self._basic.user, read(self._basic.password)
        learn([f"{user}:{password}"])  # as the header has it
        # As bytes: otherwise only Latin 1 can be sent.
        HTTPBasicAuth(user.encode(), password.encode())(request)
        return request


class _Given(AuthBase):
    def __init__(self, user: str, password: str) -> None:
        self._user, self._password = user, password
        learn([password, f"{user}:{password}"])

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        HTTPBasicAuth(self._user.encode(), self._password.encode())(request)
        return request


class _Bearer(AuthBase):
    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = read(self._token)
        if not _TOKEN.fullmatch(token):
            raise SettingsError(f"{self._token} holds no token: there are spaces or line breaks in it")
        request.headers["Authorization"] = f"Bearer {token}"
        return request
