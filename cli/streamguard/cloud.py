"""MongoDB Atlas and AWS: what the variables `MY_…` become in the environment of a Connect worker. Pure.

A connector's config names a variable of the worker, never a secret. MongoDB's URI is one variable, made here, since a
URI holds user and password percent-encoded, and the worker puts in what it finds as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

MONGODB = ("MY_MONGODB_USER", "MY_MONGODB_PASS", "MY_MONGODB_CLUSTER")
MONGODB_URI = "MY_MONGODB_URI"
AWS_KEYS = {"AWS_ACCESS_KEY_ID": "MY_AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY": "MY_AWS_SECRET_ACCESS_KEY"}
"""AWS's own names, which Iceberg's Glue client looks up by itself, and those that they are filled from."""
MADE_FROM: Mapping[str, tuple[str, ...]] = {
    MONGODB_URI: MONGODB,
    **{name: (source,) for name, source in AWS_KEYS.items()},
}
"""The variables of a worker, and those that each is made from."""
OPTIONS = "retryWrites=true&w=majority"
"""Retries are the driver's; a write counts when most of the replica set has it."""
PRIVATE = re.compile(r"\b\d{12}\b|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|arn:aws[\w-]*:(?:sts|iam)::\S+")
"""Account numbers, key ids and the parts of a policy that a message of AWS may quote."""
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "MY_AWS_REGION": (re.compile(r"[a-z]+(-[a-z]+)+-\d+"), "a region of AWS, such as eu-central-1"),
    "MY_S3_BUCKET": (re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"), "the name of a bucket alone, such as acme-fraud"),
}
"""How variables look that hold no secret and end in configs, and what a person calls that."""
_SCHEME = re.compile(r"mongodb(\+srv)?://", re.IGNORECASE)
_HOSTS = re.compile(r"[A-Za-z0-9_.-]+(:\d+)?(,[A-Za-z0-9_.-]+(:\d+)?)*|\[[0-9A-Fa-f:]+\](:\d+)?")
_PLACEHOLDERS = re.compile(r"<[^@<>]*>(:<[^@<>]*>)?@")
"""As in the connection string that Atlas shows."""


def mongodb_uri(user: str, password: str, cluster: str) -> str:
    """The URI of a cluster, with user and password percent-encoded. Raises ValueError: a sentence without secrets.

    `cluster` is the host that Atlas shows, or the connection string that it shows, or HOST:PORT (one or more, with
    commas between them) for a server without DNS records of its own.
    """
    text = cluster.strip()
    scheme = _SCHEME.match(text)
    rest = _PLACEHOLDERS.sub("", text[scheme.end() :] if scheme else text, count=1)
    if "@" in rest:
        raise ValueError("MY_MONGODB_CLUSTER holds a user: user and password are MY_MONGODB_USER and MY_MONGODB_PASS")
    hosts, _, query = rest.partition("?")
    hosts, _, database = hosts.partition("/")
    if not _HOSTS.fullmatch(hosts) or database.strip("/"):
        raise ValueError("MY_MONGODB_CLUSTER is no host: it looks like cluster0.ab1cd.mongodb.net, or like HOST:PORT")
    prefix = scheme[0].lower() if scheme else "mongodb+srv://" if _has_records(hosts) else "mongodb://"
    if prefix == "mongodb+srv://" and re.search(r":\d+$|,", hosts):
        raise ValueError("MY_MONGODB_CLUSTER has a port, which mongodb+srv:// takes none of: leave one of them out")
    return f"{prefix}{quote(user, safe='')}:{quote(password, safe='')}@{hosts}/?{_with_options(query)}"


def worker_variables(given: Mapping[str, str]) -> dict[str, str]:
    """What a worker's environment gets of the variables `MY_…` that are given; nothing that lacks a part of it."""
    made = {name: given[source] for name, source in AWS_KEYS.items() if given.get(source)}
    user, password, cluster = (given.get(name, "") for name in MONGODB)
    if user and password and cluster:
        made[MONGODB_URI] = mongodb_uri(user, password, cluster)
    return made


def check_form(name: str, value: str) -> None:
    """Raises ValueError, a sentence, if a variable of FORMS is not what it should be."""
    form, called = FORMS.get(name, (None, ""))
    if form is not None and not form.fullmatch(value):
        raise ValueError(f"{name} is {value[:80]!r}: it takes {called}")


def is_about_names(message: str) -> bool:
    """Whether the MongoDB driver says of an address mongodb+srv:// that nobody knows its host."""
    return any(words in message for words in ("DNS", "resolution lifetime", "nameserver"))


def lacking(given: Mapping[str, str], wanted: Iterable[str]) -> list[str]:
    """Those of the variables `MY_…` that are missing for these variables of a worker; in the order of the docs."""
    needed = {source for name in wanted for source in MADE_FROM.get(name, ())}
    every = [source for sources in MADE_FROM.values() for source in sources]
    return [source for source in every if source in needed and not given.get(source)]


def half_given(given: Mapping[str, str]) -> list[str]:
    """What is missing of a set of variables of which others are there."""
    sets = (MONGODB, tuple(AWS_KEYS.values()))
    begun = [names for names in sets if any(given.get(name) for name in names)]
    return [name for names in begun for name in names if not given.get(name)]


def env_file(variables: Mapping[str, str]) -> str:
    """As docker, compose, kubectl and systemd read it: NAME=VALUE, nothing quoted. Raises ValueError."""
    for name, value in variables.items():
        if not re.fullmatch(r"[\x21-\x7e]+", value) or set(value) & set("\"'`$\\#"):
            raise ValueError(f"{name} has characters that a file of variables can not hold")
    return "".join(f"{name}={value}\n" for name, value in sorted(variables.items()))


def redact(message: str) -> str:
    """A message of AWS on one line, without account numbers, key ids and ARNs of users or roles."""
    return PRIVATE.sub("********", " ".join(message.split()))[:400]


def _has_records(hosts: str) -> bool:
    """Is it a name that may have SRV records? They are looked up below three labels at least, and for no address."""
    return bool(re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2,}", hosts)) and not hosts.replace(".", "").isdigit()


def _with_options(query: str) -> str:
    """The options that were given, and ours where they say nothing."""
    given = [option for option in query.split("&") if option]
    names = {option.partition("=")[0].lower() for option in given}
    ours = [option for option in OPTIONS.split("&") if option.partition("=")[0].lower() not in names]
    return "&".join([*given, *ours])
