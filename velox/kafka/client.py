"""Making the Kafka clients of Velox: the configuration of each, with its reasons."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import KafkaException

from velox.base.errors import SettingError
from velox.kafka.client_log import ClientLog

MAX_MESSAGE_BYTES = 10_485_760
# The broker counts the key, the headers and its own framing too.
MAX_IMAGE_BYTES = MAX_MESSAGE_BYTES - 16_384
# A dead letter carries its headers beside a value that may be as large as the broker takes.
DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 65_536
# What the topic of the images is to take.
IMAGE_TOPIC = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
RETRIES = 20
_PATIENCE = frozenset(
    {"delivery.timeout.ms", "message.timeout.ms", "message.send.max.retries", "retries"}
)

# A consumer that was killed is missed after this long; the client's own 45 s are how long its
# partitions would stand still. Heartbeats come from a thread of the client, so neither a slow model
# nor a long garbage collection misses eight of them. With KIP-848 the broker decides.
SESSION_S = 8.0
HEARTBEAT_MS = 1000

_QUOTED = re.compile(r'"([^"]*)"')
_NAME = re.compile(r"[a-z]+(\.[a-z]+)+")
_ODD = re.compile(r"[^A-Za-z0-9._-]")

Config = dict[str, str | int | float | bool]
Client = TypeVar("Client")

# Lines of `debug` wait among the records and count as such: the client forwards its log and its
# partitions' queues to one and the same, whose length rd_kafka_toppar_fetch_decide looks at
# (rdkafka_fetcher.c; rd_kafka_q_len in rdkafka_queue.h). A full queue is told in one more line each
# time, so that room for a few records would be full of lines for ever.
_BESIDE_DEBUG: Config = {"fetch.queue.backoff.ms": 200, "queued.min.messages": 10_000}


def common_config(bootstrap: str, role: str = "client") -> Config:
    """What all clients share. `reconnect.backoff.max.ms`: back within seconds of the broker.

    `allow.auto.create.topics`: a topic made by asking for it would have the broker's defaults, and
    one that was deleted would come back. `client.id`: the broker's logs, quotas and metrics tell by
    it who asks and from where.
    """
    host = _ODD.sub("_", socket.gethostname())
    return {
        "bootstrap.servers": bootstrap,
        "allow.auto.create.topics": False,
        "client.id": f"velox-{role}-{host}",
        "reconnect.backoff.max.ms": 2000,
        "topic.metadata.refresh.interval.ms": 10_000,
    }


def consumer_config(
    *,
    bootstrap: str,
    group: str,
    protocol: str,
    max_poll_interval: float,
    extra: Mapping[str, str],
) -> Config:
    """The consumer's configuration; KAFKA_CONFIG's properties win.

    What is fetched beforehand is bounded by a number of records, `queued.min.messages`, since
    librdkafka counts the bytes of values alone (rd_kafka_op_new_fetch_msg in rdkafka_op.c), and a
    record may be all header or all key. The next fetch begins when fewer are left, within
    `fetch.queue.backoff.ms`; an answer is small enough to arrive while what is in flight is worked
    off. So the most that is held for us is that number of the largest records and one answer, which
    is `fetch.max.bytes` or one batch, from each broker.
    """
    config: Config = {
        **common_config(bootstrap, "consumer"),
        "group.id": group,
        "group.protocol": protocol,
        "max.poll.interval.ms": int(max_poll_interval * 1000),
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "check.crcs": True,
        "statistics.interval.ms": 1000,
        "fetch.queue.backoff.ms": 5,
        "queued.min.messages": 4,
        "queued.max.messages.kbytes": 32_768,
        "fetch.max.bytes": MAX_MESSAGE_BYTES,
        "max.partition.fetch.bytes": 1_048_576,
        "message.max.bytes": MAX_MESSAGE_BYTES,
    }
    if protocol == "classic":
        config["partition.assignment.strategy"] = "cooperative-sticky"
        config["session.timeout.ms"] = int(min(SESSION_S, max_poll_interval) * 1000)
        config["heartbeat.interval.ms"] = HEARTBEAT_MS
    if "debug" in extra:
        config |= _BESIDE_DEBUG
    return {**config, **extra}


def producer_config(
    *,
    bootstrap: str,
    delivery_timeout: float,
    compression: str,
    extra: Mapping[str, str],
    role: str = "producer",
) -> Config:
    """An idempotent producer's configuration; KAFKA_CONFIG's properties win.

    `partitioner`: keys go where Java clients send them, so that both can write one source.
    """
    return {
        **common_config(bootstrap, role),
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": compression,
        "partitioner": "murmur2_random",
        "delivery.timeout.ms": int(delivery_timeout * 1000),
        "message.max.bytes": DEAD_LETTER_BYTES,
        "queue.buffering.max.kbytes": 65_536,
        "linger.ms": 5,
        **extra,
    }


def delivery_timeout_of(extra: Mapping[str, str], seconds: float) -> float:
    """Seconds after which a producer gives up; what KAFKA_CONFIG says wins, and 0 is for ever."""
    names = ("delivery.timeout.ms", "message.timeout.ms")
    given = [text for name, text in extra.items() if name in names]
    if not given:
        return seconds
    return int(given[-1]) / 1000 or float("inf")


def acknowledged_config(*, bootstrap: str, extra: Mapping[str, str], role: str) -> Config:
    """The configuration of what is sent before a commit.

    KAFKA_CONFIG's properties win, but for how long the client goes on. That is for as long
    as a broker is away: a client that has given up does not know what the broker has, and would
    send it twice. What was sent and came back `RETRIES` times it gives up, which is when it tells
    the reason. `batch.size`: batches fit a topic of far less than the usual 1 MiB.
    """
    return {
        **producer_config(
            bootstrap=bootstrap, delivery_timeout=0, compression="none", extra={}, role=role
        ),
        "batch.size": 200_000,
        **{name: value for name, value in extra.items() if name not in _PATIENCE},
        "retries": RETRIES,
    }


def made(client: Callable[..., Client], config: Mapping[str, Any], client_log: ClientLog) -> Client:
    """A client of librdkafka.

    Args:
        client: its class.
        config: properties and callbacks.
        client_log: takes what it has to say.

    Raises:
        SettingError: when librdkafka refuses a property; it names KAFKA_CONFIG.
    """
    try:
        return client(dict(config), logger=client_log)
    except KafkaException as error:
        raise _refused(error.args[0].str()) from None


def _refused(text: str) -> SettingError:
    """The refusal without what is secret.

    What librdkafka quotes is shown where it looks like the name of a property. Anything else may be
    a value, or the rest of a password with a comma in it that was taken for a property.
    """
    shown = _QUOTED.sub(lambda found: found[0] if _NAME.fullmatch(found[1]) else "<hidden>", text)
    return SettingError(f"KAFKA_CONFIG is not allowed: {shown}")
