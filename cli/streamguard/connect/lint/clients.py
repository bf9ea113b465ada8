"""The keys of Kafka's own clients, as of 4.3: what may stand behind `consumer.override.`, `producer.` and `admin.`."""

from __future__ import annotations

CLIENT_KEYS = frozenset(
    """
    bootstrap.servers client.dns.lookup client.id client.rack group.id group.instance.id group.protocol
    group.remote.assignor metadata.max.age.ms metadata.max.idle.ms metadata.recovery.strategy
    metadata.recovery.rebootstrap.trigger.ms reconnect.backoff.ms reconnect.backoff.max.ms retry.backoff.ms
    retry.backoff.max.ms retries request.timeout.ms default.api.timeout.ms connections.max.idle.ms
    socket.connection.setup.timeout.ms socket.connection.setup.timeout.max.ms send.buffer.bytes receive.buffer.bytes
    metrics.num.samples metrics.sample.window.ms metrics.recording.level metric.reporters auto.include.jmx.reporter
    enable.metrics.push interceptor.classes security.protocol security.providers config.providers
    key.deserializer value.deserializer key.serializer value.serializer
    auto.offset.reset enable.auto.commit auto.commit.interval.ms check.crcs exclude.internal.topics
    allow.auto.create.topics fetch.min.bytes fetch.max.bytes fetch.max.wait.ms max.partition.fetch.bytes
    heartbeat.interval.ms session.timeout.ms max.poll.interval.ms max.poll.records isolation.level
    partition.assignment.strategy share.acknowledgement.mode share.acquire.mode
    acks batch.size buffer.memory compression.type compression.gzip.level compression.lz4.level
    compression.zstd.level delivery.timeout.ms enable.idempotence linger.ms max.block.ms
    max.in.flight.requests.per.connection max.request.size partitioner.class partitioner.ignore.keys
    partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms transaction.timeout.ms
    transactional.id transaction.two.phase.commit.enable
    sasl.mechanism sasl.jaas.config sasl.kerberos.service.name sasl.kerberos.kinit.cmd
    sasl.kerberos.ticket.renew.window.factor sasl.kerberos.ticket.renew.jitter
    sasl.kerberos.min.time.before.relogin sasl.login.class sasl.login.callback.handler.class
    sasl.client.callback.handler.class sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
    sasl.login.refresh.min.period.seconds sasl.login.refresh.buffer.seconds sasl.login.connect.timeout.ms
    sasl.login.read.timeout.ms sasl.login.retry.backoff.ms sasl.login.retry.backoff.max.ms
    sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url
    sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwks.endpoint.refresh.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
    sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class
    sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
    sasl.oauthbearer.scope sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.file
    sasl.oauthbearer.assertion.template.file sasl.oauthbearer.assertion.claim.iss
    sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.claim.aud
    sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.nbf.seconds
    sasl.oauthbearer.assertion.claim.jti.include
    ssl.protocol ssl.provider ssl.cipher.suites ssl.enabled.protocols ssl.keystore.type ssl.keystore.location
    ssl.keystore.password ssl.keystore.key ssl.keystore.certificate.chain ssl.key.password ssl.truststore.type
    ssl.truststore.location ssl.truststore.password ssl.truststore.certificates ssl.keymanager.algorithm
    ssl.trustmanager.algorithm ssl.endpoint.identification.algorithm ssl.secure.random.implementation
    ssl.engine.factory.class
    """.split()  # noqa: SIM905 - a hundred lines otherwise
)
