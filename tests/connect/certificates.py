"""Certificates for one test run, by openssl: an authority, a server at 127.0.0.1, a person with an encrypted key."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.tools import require

PASSWORD = "key-pa55word"
DAYS = "2"


@dataclass(frozen=True)
class Certificates:
    """PEM files in one folder."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def server(self, *, mutual: bool = False) -> ssl.SSLContext:
        """What a worker listens with; `mutual`: it wants to know who asks."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_cert, self.server_key)
        if mutual:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context


def make(folder: Path) -> Certificates:
    made = Certificates(folder)
    _request(made.ca, made.ca_key, "/CN=authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    signed = ("-CA", str(made.ca), "-CAkey", str(made.ca_key))
    _request(made.server_cert, made.server_key, "/CN=worker", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    _request(made.person, made.person_key, "/CN=ops", *signed)
    _openssl("ec", "-in", made.person_key, "-out", made.locked_key, "-aes256", "-passout", f"pass:{PASSWORD}")
    return made


def _request(cert: Path, key: Path, subject: str, *more: str) -> None:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl("req", "-x509", *curve, "-days", DAYS, "-keyout", key, "-out", cert, "-subj", subject, *more)


def _openssl(*arguments: object) -> None:
    done = subprocess.run([require("openssl"), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
