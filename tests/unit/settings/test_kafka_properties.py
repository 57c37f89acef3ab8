"""Each property of librdkafka: refused with a reason, or passed on to the clients.

The names are those of CONFIGURATION.md of librdkafka 2.15, and what confluent-kafka adds.
"""

from typing import Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from velox.base.errors import SettingError
from velox.kafka.client import acknowledged_config, consumer_config, made, producer_config
from velox.kafka.client_log import ClientLog
from velox.settings.consumer import ConsumerSettings
from velox.settings.kafka_properties import GUARDED, why_not

HONOURED_NAMES = """
api.version.fallback.ms api.version.request api.version.request.timeout.ms
auto.commit.interval.ms batch.num.messages batch.size broker.address.family broker.address.ttl
broker.version.fallback builtin.features check.crcs client.dns.lookup client.id client.rack
compression.codec compression.level compression.type connections.max.idle.ms
consume.callback.max.messages coordinator.query.interval.ms debug delivery.timeout.ms
enable.metrics.push enable.random.seed enable.sasl.oauthbearer.unsecure.jwt
enable.ssl.certificate.verification fetch.error.backoff.ms fetch.max.bytes
fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms
group.instance.id group.remote.assignor heartbeat.interval.ms https.ca.location https.ca.pem
internal.termination.signal linger.ms log.connection.close log.thread.name log_level
max.in.flight max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.records
message.copy.max.bytes message.max.bytes message.send.max.retries message.timeout.ms
metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy
offset.store.path offset.store.sync.interval.ms partitioner plugin.library.paths
produce.offset.report queue.buffering.backpressure.threshold queue.buffering.max.kbytes
queue.buffering.max.messages queue.buffering.max.ms queued.max.messages.kbytes
queued.min.messages queuing.strategy receive.message.max.bytes reconnect.backoff.jitter.ms
reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms
retry.backoff.ms sasl.kerberos.keytab sasl.kerberos.kinit.cmd
sasl.kerberos.min.time.before.relogin sasl.kerberos.principal sasl.kerberos.service.name
sasl.mechanism sasl.mechanisms sasl.oauthbearer.assertion.algorithm
sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds
sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include
sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub
sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.jwt.template.file
sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase
sasl.oauthbearer.assertion.private.key.pem sasl.oauthbearer.client.credentials.client.id
sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.client.id
sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions
sasl.oauthbearer.grant.type sasl.oauthbearer.metadata.authentication.type
sasl.oauthbearer.method sasl.oauthbearer.scope sasl.oauthbearer.sub.claim.name
sasl.oauthbearer.token.endpoint.url sasl.password sasl.username security.protocol
session.timeout.ms share.acknowledgement.mode socket.blocking.max.ms
socket.connection.setup.timeout.ms socket.keepalive.enable socket.max.fails socket.nagle.disable
socket.receive.buffer.bytes socket.send.buffer.bytes socket.timeout.ms ssl.ca.certificate.stores
ssl.ca.location ssl.ca.pem ssl.certificate.location ssl.certificate.pem ssl.cipher.suites
ssl.crl.location ssl.curves.list ssl.endpoint.identification.algorithm ssl.engine.id
ssl.engine.location ssl.key.location ssl.key.password ssl.key.pem ssl.keystore.location
ssl.keystore.password ssl.providers ssl.sigalgs.list sticky.partitioning.linger.ms
topic.blacklist topic.metadata.propagation.max.ms topic.metadata.refresh.fast.cnt
topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.sparse transaction.timeout.ms
"""
# The client refuses them itself: they are no text.
NAMES_OF_CALLBACKS = """
background_event_cb closesocket_cb connect_cb consume_cb default_topic_conf dr_cb dr_msg_cb
interceptors log_cb msg_order_cmp oauthbearer_token_refresh_cb offset_commit_cb opaque open_cb
partitioner_cb rebalance_cb resolve_cb socket_cb ssl.certificate.verify_cb ssl_ca
ssl_certificate ssl_engine_callback_data ssl_key
"""
HONOURED = HONOURED_NAMES.split()
REFUSED_BY_THE_CLIENT = NAMES_OF_CALLBACKS.split()
# What is sent before a commit is waited for, whatever these say.
PATIENCE = {"delivery.timeout.ms", "message.timeout.ms", "message.send.max.retries", "retries"}


def consumer(**extra: str) -> dict[str, Any]:
    return consumer_config(
        bootstrap="127.0.0.1:1", group="g", protocol="classic", max_poll_interval=300, extra=extra
    )


def producer(**extra: str) -> dict[str, Any]:
    return producer_config(
        bootstrap="127.0.0.1:1", delivery_timeout=300, compression="none", extra=extra
    )


def acknowledged(**extra: str) -> dict[str, Any]:
    return acknowledged_config(bootstrap="127.0.0.1:1", extra=extra, role="results")


@pytest.mark.parametrize("name", HONOURED)
def test_a_property_that_breaks_nothing_reaches_the_clients(name: str) -> None:
    given = ConsumerSettings.load({"KAFKA_CONFIG": f"{name}=7"}).kafka_config
    assert given == {name: "7"}
    assert consumer(**given)[name] == "7"
    assert producer(**given)[name] == "7"
    assert (acknowledged(**given).get(name) == "7") == (name not in PATIENCE)


@pytest.mark.parametrize("name", sorted(GUARDED))
def test_a_property_that_breaks_a_promise_is_refused_with_its_reason(name: str) -> None:
    guarded = GUARDED[name]
    bad = guarded.forbidden or "other"
    with pytest.raises(SettingError) as error:
        ConsumerSettings.load({"KAFKA_CONFIG": f"client.rack=a, {name}={bad}"})
    assert str(error.value).startswith(f"KAFKA_CONFIG=<hidden> is not allowed: {name} cannot be")
    assert str(error.value).endswith(guarded.reason)
    for value in guarded.allowed:
        assert why_not(name, value) is None


def test_every_name_is_decided_on_once() -> None:
    assert not set(HONOURED) & GUARDED.keys()
    assert not set(REFUSED_BY_THE_CLIENT) & (GUARDED.keys() | set(HONOURED))


@pytest.mark.parametrize(
    "given",
    [
        "isolation.level=read_uncommitted",
        "transactional.id=a",
        "partition.assignment.strategy=range",
        "partition.assignment.strategy=range\\,roundrobin",
        "topic.metadata.refresh.interval.ms=-1",
        "request.required.acks=1",
        "acks=0",
        "enable.idempotence=false",
        "auto.offset.reset=latest",
        "enable.auto.commit=true",
        "enable.auto.offset.store=true",
        "max.poll.interval.ms=60000",
        "metadata.broker.list=b:1",
        "allow.auto.create.topics=true",
    ],
)
def test_values_that_break_a_promise(given: str) -> None:
    with pytest.raises(SettingError, match=r"^KAFKA_CONFIG=<hidden> is not allowed: [a-z.]+ "):
        ConsumerSettings.load({"KAFKA_CONFIG": given})


@pytest.mark.parametrize(
    "given",
    [
        "isolation.level=read_committed",
        "acks=all",
        "enable.idempotence=true",
        "enable.auto.commit=false",
        "auto.offset.reset=earliest",
        "topic.metadata.refresh.interval.ms=5000",
        "delivery.timeout.ms=120000",
        "message.timeout.ms=120000",
    ],
)
def test_values_that_every_client_takes(given: str) -> None:
    extra = ConsumerSettings.load({"KAFKA_CONFIG": f"log_level=0,{given}"}).kafka_config
    Producer(producer(**extra))
    Producer(acknowledged(**extra))
    Consumer(consumer(**extra)).close()
    AdminClient({"bootstrap.servers": "127.0.0.1:1", **extra})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retries", "0"),
        ("message.send.max.retries", "0"),
        ("max.in.flight", "6"),
        ("queuing.strategy", "lifo"),
        *((name, "a") for name in REFUSED_BY_THE_CLIENT),
    ],
)
def test_what_an_idempotent_producer_cannot_do_ends_the_start_by_its_own_word(
    name: str, value: str
) -> None:
    extra = ConsumerSettings.load({"KAFKA_CONFIG": f"{name}={value}"}).kafka_config
    with pytest.raises(SettingError, match=r"^KAFKA_CONFIG is not allowed: "):
        made(Producer, producer(**extra), ClientLog("127.0.0.1:1"))
