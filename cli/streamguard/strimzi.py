"""Resources of Strimzi, the operator that runs Kafka on Kubernetes, as `kubectl apply` takes them. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from streamguard.errors import UnknownName
from streamguard.model import Topic

API = "kafka.strimzi.io/v1"
"""What Strimzi serves since 0.49, and alone since 1.0."""
LONGEST = 253
"""Characters of a resource's name."""
_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_PART}(\.{_PART})*")
_FOREIGN = re.compile(r"[^a-z0-9.-]+|(?<=\.)[.-]+|-+(?=\.)")


def is_name(text: str) -> bool:
    """Whether Kubernetes takes `text` as the name of a resource."""
    return len(text) <= LONGEST and _NAME.fullmatch(text) is not None


def name_for(text: str) -> str:
    """A resource's name for what has its own in Kafka: the same where Kubernetes takes it, else one like it."""
    if is_name(text):
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    like = _FOREIGN.sub("-", text.lower())[: LONGEST - len(mark) - 1].strip(".-")
    return f"{like}-{mark}" if is_name(f"{like}-{mark}") else f"x-{mark}"


def resource(kind: str, name: str, cluster: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """A resource of the Kafka or KafkaConnect resource `cluster`. Raises UnknownName."""
    if not is_name(cluster):
        raise UnknownName(f"Kubernetes takes no cluster named {cluster!r}: lower-case letters, digits, - and . only")
    labels = {"strimzi.io/cluster": cluster}
    return {"apiVersion": API, "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": dict(spec)}


def topic_resource(topic: Topic, cluster: str, replication: int) -> dict[str, Any]:
    """A KafkaTopic; `replication` is for a topic that says none."""
    name = name_for(topic.name)
    spec: dict[str, Any] = {} if name == topic.name else {"topicName": topic.name}
    spec |= {"partitions": topic.partitions, "replicas": topic.replication or replication}
    if topic.config:
        spec["config"] = dict(topic.config)
    return resource("KafkaTopic", name, cluster, spec)


def manifest(resources: Iterable[Mapping[str, Any]], about: Iterable[str] = ()) -> str:
    """Resources as one file for `kubectl apply -f`; `about` are lines of comment at its head."""
    head = "".join(f"# {line}\n" for line in about)
    return head + yaml.safe_dump_all(resources, explicit_start=True, sort_keys=False, allow_unicode=True, width=1000)
