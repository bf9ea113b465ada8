"""Secrets that are planted before the stack starts, and the search for them.

They have characters that addresses, JSON, shells and Java's properties each write in another way: a secret may get
lost in any of its forms.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

from streamguard.stack import credentials

S3_ACCESS = "SGPLANTEDACCESSKEY42"
S3_SECRET = "pl4nted/S3+secret=%41~$HOME'key"
MONGODB_USER = "str@am:gu/ard%41"
MONGODB = "pl@nted:m0ngo/p%41ss?#[w]+'$PATH\\rd\""
POSTGRES = "p0stgres:p%41ss?#[w]@'$HOME\\x\""
WRONG = "wr0ng:p@ss/%41w?rd'that-nobody-accepts"

ON_KAFKA = (
    "offsets get",
    "offsets set foreign {topic}=0 -y",
    "offsets reset foreign -y",
    "offsets reset foreign --dry-run",
    "offsets to-datetime 2h foreign -y --allow-skip",
    "offsets export",
    "offsets import {file} -y --allow-skip",
    "watch -n 1",
    "wait --for progress --timeout 0.2 --settle 0",
    "deploy --wait progress --settle 0 --timeout 0.3",
    "deploy --prune --reset-offsets --allow-deletes 9 --wait none",
    "delete foreign --reset-offsets -y",
    "dlq list",
    "dlq show foreign",
    "dlq show foreign --value",
    "dlq show foreign 0:0 --value",
    "dlq replay foreign --dry-run",
    "dlq replay foreign --to {other} -y",
)
"""What commands of `connectors` do that need Kafka; they are called with topics and a file of the test's own."""

PLANTED: Mapping[str, str] = {
    "S3's access key": S3_ACCESS,
    "S3's secret key": S3_SECRET,
    "MongoDB's password": MONGODB,
    "PostgreSQL's password": POSTGRES,
}


def plant() -> dict[str, str]:
    """The credentials file that a stack finds at its first start; the stack puts its own port into the URI."""
    return {
        credentials.S3_ACCESS_KEY: S3_ACCESS,
        credentials.S3_SECRET_KEY: S3_SECRET,
        credentials.MONGODB_URI: mongodb_uri(1, MONGODB),
        credentials.POSTGRES_URI: postgres_uri(1, POSTGRES),
    }


def mongodb_uri(port: int, password: str) -> str:
    """As a template's variable holds it."""
    return f"mongodb://{quote(MONGODB_USER, safe='')}:{quote(password, safe='')}@127.0.0.1:{port}/"


def accounts(port: int) -> dict[str, str]:
    """The variables `MY_…` of a user whose MongoDB in the cloud is the one of the stack at this port."""
    return {
        "MY_MONGODB_USER": MONGODB_USER,
        "MY_MONGODB_PASS": MONGODB,
        "MY_MONGODB_CLUSTER": f"127.0.0.1:{port}",
    }


def postgres_uri(port: int, password: str) -> str:
    """As the setting holds it; the database is the pipeline's to name."""
    return f"postgresql://streamguard:{quote(password, safe='')}@127.0.0.1:{port}/"


def forms(secret: str) -> list[bytes]:
    """How a secret may be written: in clear, percent-encoded, as JSON or `repr` quote it, in base64."""
    encoded = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), quote(secret, safe=":@'$")}
    encoded |= {text.lower() for text in encoded if text != secret}
    encoded |= {json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.replace("\\", "\\\\")}
    encoded.add(base64.b64encode(secret.encode()).decode().rstrip("="))
    return sorted(text.encode() for text in encoded)


def found_in(text: str | bytes, secrets: Iterable[str] = (*PLANTED, WRONG)) -> list[str]:
    """Which secrets are in a text, by what they are; never the secrets themselves, for this goes into reports."""
    content = text.encode(errors="surrogateescape") if isinstance(text, str) else text
    names = {name: PLANTED.get(name, name) for name in secrets}
    found = [name for name, secret in names.items() if any(form in content for form in forms(secret))]
    return ["the wrong password" if name == WRONG else name for name in found]
