"""Keys of sinks for S3 whose plugins can not be downloaded freely, so that no test asks them: each is known to lint."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.lint.finding import Finding
from streamguard.connect.lint.run import lint
from streamguard.connect.templates.render import Connector
from tests.connect.lint.test_rules import BASES

CONFLUENT = {
    "flush.size": "1000",
    "rotate.interval.ms": "600000",
    "rotate.schedule.interval.ms": "900000",
    "timezone": "UTC",
    "locale": "en-US",
    "path.format": "'dt'=yyyy-MM-dd/'hour'=HH",
    "partition.duration.ms": "3600000",
    "timestamp.extractor": "Record",
    "timestamp.field": "at",
    "enable.conditional.writes": "true",
    "rotate.file.on.partition.change": "false",
    "partitioner.max.open.files": "24",
    "s3.part.size": "5242880",
    "s3.elastic.buffer.enable": "true",
    "max.write.duration.ms": "60000",
    "schema.compatibility": "BACKWARD",
    "topics.dir": "raw",
    "behavior.on.null.values": "ignore",
    "store.kafka.keys": "true",
    "store.kafka.headers": "true",
    "s3.ssea.name": "aws:kms",
    "s3.credentials.provider.class": "com.amazonaws.auth.DefaultAWSCredentialsProviderChain",
    "store.url": "http://127.0.0.1:9000",
    "s3.path.style.access.enabled": "true",
    "s3.compression.type": "gzip",
    "parquet.codec": "zstd",
}
AIVEN = {
    "file.max.records": "1000",
    "file.name.template": "{{topic}}/{{partition}}-{{start_offset}}",
    "format.output.type": "parquet",
    "format.output.fields": "value",
    "format.output.envelope": "false",
    "file.compression.type": "zstd",
    "aws.sts.role.arn": "arn:aws:iam::1:role/sink",
    "aws.sts.role.external.id": "orders",
    "aws.s3.part.size.bytes": "5242880",
}
LISTED = [("s3", *entry) for entry in CONFLUENT.items()] + [("aiven-s3", *entry) for entry in AIVEN.items()]


def findings(base: str, config: dict[str, str], rule: str) -> list[Finding]:
    connector = Connector("sink", {**BASES[base], **config}, Path("sink.json.j2"))
    return [finding for finding in lint([connector]) if finding.rule == rule]


@pytest.mark.parametrize(("base", "key", "value"), LISTED, ids=[f"{base} {key}" for base, key, _ in LISTED])
def test_a_key_of_confluents_or_aivens_s3_sink_is_known_with_its_value(base: str, key: str, value: str) -> None:
    assert findings(base, {key: value}, "unknown-key") == []
    assert findings(base, {key: value}, "wrong-type") == []


@pytest.mark.parametrize(("base", "key", "value"), LISTED, ids=[f"{base} {key}" for base, key, _ in LISTED])
def test_a_letter_less_in_a_key_of_confluents_or_aivens_s3_sink_is_told_with_what_was_meant(
    base: str, key: str, value: str
) -> None:
    middle = len(key) // 2
    misspelt = key[:middle] + key[middle + 1 :]
    (finding,) = findings(base, {misspelt: value}, "unknown-key")
    assert f"(did you mean {key}?)" in finding.text


@pytest.mark.parametrize("key", ["bucket", "bucket_name", "region", "prefix", "endpoint"])
def test_aivens_old_keys_are_not_mixed_with_new_ones(key: str) -> None:
    (finding,) = findings("aiven-s3", {f"aws_s3_{key}": "x"}, "aiven-s3-keys")
    assert "there are new ones beside it" in finding.text


@pytest.mark.parametrize(("unit", "exists"), [(u, True) for u in ("yyyy", "MM", "dd", "HH")] + [("mm", False)])
def test_aivens_timestamp_has_four_units_and_is_the_clocks_and_not_the_records(unit: str, exists: bool) -> None:
    template = {"file.name.template": "{{timestamp:unit=%s}}-{{topic}}-{{partition}}-{{start_offset}}" % unit}  # noqa: UP031
    assert bool(findings("aiven-s3", template, "aiven-s3-template")) != exists
    (finding,) = findings("aiven-s3", template, "aiven-s3-clock")
    assert "the time of the clock" in finding.text


def test_aivens_flush_is_the_workers_and_no_key_of_a_connector() -> None:
    assert findings("aiven-s3", {"offset.flush.interval.ms": "1000"}, "unknown-key")
    assert findings("aiven-s3", {"file.max.records": "many"}, "wrong-type")
