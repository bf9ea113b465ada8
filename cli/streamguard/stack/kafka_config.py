"""The config files of the local Kafka broker and Kafka Connect worker. No secret is in any of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from streamguard import cloud
from streamguard.settings import LOOPBACK, Settings
from streamguard.stack.credentials import MONGODB_URI, S3_ACCESS_KEY, S3_SECRET_KEY

ENVIRONMENT_NAMES = (S3_ACCESS_KEY, S3_SECRET_KEY, MONGODB_URI, *cloud.MADE_FROM)
"""What ``${env:…}`` may name in a connector's config: exactly what templates use, here and in the cloud."""

CONSUMER_OVERRIDES = (
    "auto.offset.reset",
    "fetch.max.bytes",
    "fetch.max.wait.ms",
    "fetch.min.bytes",
    "heartbeat.interval.ms",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "max.poll.records",
    "session.timeout.ms",
)
"""What a connector's config may override of its clients (KIP-1188). Never `isolation.level` nor security."""

_PROVIDERS = "org.apache.kafka.common.config.provider"

LOG4J2 = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- To stderr, and at levels at which no config value is printed: Connect prints resolved ones at INFO. -->
<Configuration status="WARN" shutdownHook="disable">
  <Appenders>
    <Console name="stderr" target="SYSTEM_ERR">
      <PatternLayout pattern="%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5p %c{1}: %m%n"/>
    </Console>
  </Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="stderr"/></Root>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Logger name="org.apache.kafka.connect.cli" level="INFO"/>
    <Logger name="org.apache.kafka.connect.runtime.Connect" level="INFO"/>
    <Logger name="org.apache.kafka.connect.runtime.rest.RestServer" level="INFO"/>
    <Logger name="org.apache.kafka.connect.runtime.WorkerSinkTask" level="INFO"/>
    <Logger name="org.apache.iceberg.connect.channel" level="INFO"/>
    <!-- One line for every unknown config of every client. -->
    <Logger name="org.apache.kafka.common.config.AbstractConfig" level="ERROR"/>
    <Logger name="org.apache.kafka.clients.admin.AdminClientConfig" level="ERROR"/>
    <Logger name="org.apache.kafka.clients.consumer.ConsumerConfig" level="ERROR"/>
    <Logger name="org.apache.kafka.clients.producer.ProducerConfig" level="ERROR"/>
  </Loggers>
</Configuration>
"""


def properties(values: Mapping[str, object]) -> str:
    """As a Java properties file."""
    return "".join(f"{name}={str(value).replace(chr(92), chr(92) * 2)}\n" for name, value in values.items())


def broker(settings: Settings) -> dict[str, object]:
    """One node that is broker and controller, with internal topics sized for one machine."""
    listeners = f"PLAINTEXT://{LOOPBACK}:{settings.kafka_port},CONTROLLER://{LOOPBACK}:{settings.kafka_controller_port}"
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{settings.kafka_controller_port}",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": settings.data_dir / "kafka",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        # Dead letters are kept for ever, so what was replayed of them is remembered for ever, instead of 7 days.
        "offsets.retention.minutes": 2**31 - 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # A killed service must get its partitions back, and its open transaction ended, within seconds.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # A killed broker must wait until its former life has timed out.
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 4000,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }


def worker(settings: Settings, plugins: Path) -> dict[str, object]:
    """A distributed worker that may read named secrets only, and committed records only."""
    internal = {
        f"{what}.storage.{setting}": value
        for what, partitions in (("config", None), ("offset", 1), ("status", 1))
        for setting, value in (
            ("topic", f"connect-{what}s" if what != "status" else "connect-status"),
            ("replication.factor", settings.kafka_replication),
            ("partitions", partitions),
        )
        if value is not None
    }
    return {
        "bootstrap.servers": settings.kafka_bootstrap,
        "group.id": "streamguard-connect",
        **internal,
        "listeners": f"http://{LOOPBACK}:{settings.connect_port}",
        "rest.advertised.host.name": LOOPBACK,
        "rest.advertised.port": settings.connect_port,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "plugin.path": plugins,
        "plugin.discovery": "service_load",
        **_providers(settings.data_dir / "secrets"),
        "connector.client.config.override.policy": "Allowlist",
        "connector.client.config.override.allowlist": ",".join(CONSUMER_OVERRIDES),
        "consumer.isolation.level": "read_committed",
        # A record of a topic's limit and the headers of its dead letter.
        "producer.max.request.size": 16 * 1024 * 1024,
        # The tasks of a killed worker are dead members of their groups: with Kafka's 45 s nothing moves that long.
        "consumer.session.timeout.ms": 8000,
        "consumer.heartbeat.interval.ms": 500,  # so long it takes until a member hears that its group is divided anew
        "scheduled.rebalance.max.delay.ms": 0,
        # And so is a killed worker: its successor gets no task before Kafka has given it up.
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 500,
        "offset.flush.interval.ms": 2000,
    }


def allowed_names(names: Iterable[str]) -> str:
    """A pattern that matches exactly these names."""
    return f"^({'|'.join(re.escape(name) for name in names)})$"


def _providers(secrets: Path) -> dict[str, object]:
    return {
        "config.providers": "env,file,dir",
        "config.providers.env.class": f"{_PROVIDERS}.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": allowed_names(ENVIRONMENT_NAMES),
        "config.providers.file.class": f"{_PROVIDERS}.FileConfigProvider",
        "config.providers.file.param.allowed.paths": secrets,
        "config.providers.dir.class": f"{_PROVIDERS}.DirectoryConfigProvider",
        "config.providers.dir.param.allowed.paths": secrets,
    }
