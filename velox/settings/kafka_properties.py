"""Properties of KAFKA_CONFIG that Velox's guarantees rest on: what they may say, and why no more.

Gone through with librdkafka 2.15's CONFIGURATION.md. All others are passed on as they are given:
`velox.kafka.client` says which of its own they win over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Guarded(NamedTuple):
    """A property that may not be set, or to some values alone.

    Attributes:
        reason: why, in words.
        allowed: values that say what Velox says itself.
        forbidden: the one value that is not allowed, None where every other is.
    """

    reason: str
    allowed: frozenset[str] = frozenset()
    forbidden: str | None = None


def _but(reason: str, *allowed: str) -> Guarded:
    return Guarded(reason, frozenset(allowed))


_ACKS = _but("an image would be lost with its broker", "all", "-1")
_COMMITS = _but("offsets are committed once their records are stored", "false")
_ADDRESS = _but("KAFKA_BOOTSTRAP_SERVER is where the address is set")
_LOCAL_OFFSETS = _but("offsets are committed to the broker", "broker")
_PROGRAM = _but("only a program can set it")
GUARDED: Mapping[str, Guarded] = {
    "acks": _ACKS,
    "request.required.acks": _ACKS,
    "allow.auto.create.topics": _but("a topic would be made by asking for it", "false"),
    "auto.commit.enable": _COMMITS,
    "auto.offset.reset": _but(
        "images would be skipped where there is no commit", "earliest", "smallest", "beginning"
    ),
    "bootstrap.servers": _ADDRESS,
    "metadata.broker.list": _ADDRESS,
    "delivery.report.only.error": _but("acknowledgements are waited for"),
    "enable.auto.commit": _COMMITS,
    "enable.auto.offset.store": _COMMITS,
    "enable.gapless.guarantee": _but("one message refused would end the process", "false"),
    "enable.partition.eof": _but("lag is taken from where a partition ends", "true"),
    "enable.idempotence": _but("an image would be there twice after an outage", "true"),
    "group.id": _but("KAFKA_CONSUMER_GROUP is where the group is set"),
    "group.protocol": _but("KAFKA_GROUP_PROTOCOL is where the protocol is set"),
    "group.protocol.type": _but("brokers know no other type of group", "consumer"),
    "isolation.level": _but(
        "images of transactions that were aborted would be classified", "read_committed"
    ),
    "log.queue": _but("the client's log would not be read"),
    "max.poll.interval.ms": _but("MAX_POLL_INTERVAL_S is where the interval is set"),
    "offset.store.method": _LOCAL_OFFSETS,
    "partition.assignment.strategy": _but(
        "a rebalance would take all partitions from everybody", "cooperative-sticky"
    ),
    "statistics.interval.ms": _but("lag is taken from what the client tells every second"),
    "topic.metadata.refresh.interval.ms": Guarded(
        "new partitions would never be read", forbidden="-1"
    ),
    "transactional.id": _but("nothing is sent in transactions"),
    "default.topic.config": _PROGRAM,
    "enabled_events": _PROGRAM,
    "error_cb": _PROGRAM,
    "logger": _PROGRAM,
    "oauth_cb": _PROGRAM,
    "on_commit": _PROGRAM,
    "on_delivery": _PROGRAM,
    "stats_cb": _PROGRAM,
    "throttle_cb": _PROGRAM,
}


def why_not(name: str, value: str) -> str | None:
    """Why a property may not be set to this, None if it may."""
    guarded = GUARDED.get(name)
    if guarded is None or value.strip() in guarded.allowed:
        return None
    if guarded.forbidden is not None and value.strip() != guarded.forbidden:
        return None
    but = f" (but to {' or '.join(sorted(guarded.allowed))})" if guarded.allowed else ""
    to = "" if guarded.forbidden is None else f" to {guarded.forbidden}"
    return f"{name} cannot be set{to}{but}: {guarded.reason}"
