"""Rights as the tools that grant them take them: kafka-acls.sh, Strimzi's operator, Confluent's command line. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from streamguard import strimzi
from streamguard.errors import UnknownName
from streamguard.rights.model import Right

FORMATS = ("kafka-acls", "strimzi", "confluent")


def formatted(rights: Sequence[Right], form: str, *, cluster: str = "my-cluster") -> str:
    """The rights in one of FORMATS; `cluster` is the Kafka resource that Strimzi runs."""
    if form == "kafka-acls":
        return _HEAD + "".join(_kafka_acls(right) + "\n" for right in rights)
    if form == "confluent":
        return _confluent(rights)
    by_principal: dict[str, list[Right]] = {}
    for right in rights:
        by_principal.setdefault(right.principal, []).append(right)
    users = [_user(principal, own, cluster) for principal, own in by_principal.items()]
    return strimzi.manifest(users, ["Change `authentication` to what your listener asks for."])


_HEAD = """\
: "${BOOTSTRAP:?a broker}" "${ADMIN:?a file of properties of who may grant rights}"
grant() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add "$@" || exit; }
"""
_KAFKA_OPTIONS = {"topic": "--topic", "group": "--group", "transactional_id": "--transactional-id"}


def _kafka_acls(right: Right) -> str:
    words = ["grant", "--allow-principal", f"User:{right.principal}"]
    words += [word for operation in right.operations for word in ("--operation", _camel(operation))]
    if right.resource == "cluster":
        words.append("--cluster")
    else:
        words += [_KAFKA_OPTIONS[right.resource], right.name]
        words += ["--resource-pattern-type", "prefixed"] if right.pattern == "prefixed" else []
    return f"{shlex.join(words)}  # {right.why}"


def _camel(operation: str) -> str:
    """``describe_configs`` is DescribeConfigs to Kafka's tools, and to Strimzi."""
    return "".join(word.capitalize() for word in operation.split("_"))


_STRIMZI_TYPES = {"topic": "topic", "group": "group", "transactional_id": "transactionalId", "cluster": "cluster"}


def _user(principal: str, rights: Sequence[Right], cluster: str) -> dict[str, Any]:
    """A KafkaUser is called as the principal that it makes."""
    if not strimzi.is_name(principal):
        raise UnknownName(f"Kubernetes takes no user named {principal}: lower-case letters, digits, - and . only")
    acls = [_acl(right) for right in rights]
    spec = {"authentication": {"type": "scram-sha-512"}, "authorization": {"type": "simple", "acls": acls}}
    return strimzi.resource("KafkaUser", principal, cluster, spec)


def _acl(right: Right) -> dict[str, Any]:
    resource: dict[str, str] = {"type": _STRIMZI_TYPES[right.resource]}
    if right.resource != "cluster":
        resource |= {"name": right.name, "patternType": "prefix" if right.pattern == "prefixed" else "literal"}
    return {"resource": resource, "operations": [_camel(operation) for operation in right.operations]}


_CONFLUENT_OPTIONS = {"topic": "--topic", "group": "--consumer-group", "transactional_id": "--transactional-id"}


def _confluent(rights: Sequence[Right]) -> str:
    """Principals of Confluent Cloud are service accounts with ids of their own, so a variable stands for each."""
    names = dict.fromkeys(right.principal for right in rights)
    head = "# The id (sa-…) of each service account: `confluent iam service-account create NAME --description TEXT`.\n"
    head += "".join(f': "${{{_variable(name)}:?the id of the service account {name}}}"\n' for name in names)
    return head + "".join(_confluent_acl(right) + "\n" for right in rights)


def _confluent_acl(right: Right) -> str:
    operations = ",".join(operation.replace("_", "-") for operation in right.operations)
    words = ["confluent", "kafka", "acl", "create", "--allow", "--operations", operations]
    if right.resource == "cluster":
        words.append("--cluster-scope")
    else:
        words += [_CONFLUENT_OPTIONS[right.resource], right.name]
        words += ["--prefix"] if right.pattern == "prefixed" else []
    return f'{shlex.join(words)} --service-account "${_variable(right.principal)}"  # {right.why}'


def _variable(principal: str) -> str:
    """``streamguard-ingestor`` is STREAMGUARD_INGESTOR to a shell."""
    return re.sub(r"\W", "_", principal).upper()
