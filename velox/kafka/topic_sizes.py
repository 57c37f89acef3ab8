"""Topics as large as the settings ask for: made, grown, and told of where they stay smaller."""

from __future__ import annotations

import time
from collections.abc import Mapping

from confluent_kafka import KafkaError
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ConfigEntry,
    ConfigSource,
    NewTopic,
)

from velox.kafka.topic_warnings import say_limit, say_partitions, say_refused, why
from velox.kafka.topics import Topics

# How long until brokers show a topic that was made.
SHOWN_TIMEOUT_S, LOOK_EVERY_S = 5.0, 0.1
# Properties of a topic that may be larger than asked for, but not smaller.
LIMITS = ("max.message.bytes",)
_LIMITS_REFUSED = frozenset({KafkaError.INVALID_CONFIG, KafkaError.POLICY_VIOLATION})


def ensure(
    topics: Topics, topic: str, *, partitions: int, replication: int, config: Mapping[str, str]
) -> int:
    """Create the topic, or make it as large as is asked for, where the broker allows.

    A topic is never shrunk, and a limit that somebody has set on the topic itself is left as it
    is. What is smaller in the end is not an error as long as the topic is there; it is logged.

    Returns:
        The number of partitions there are now; 0 if the topic could not be created.

    Raises:
        BrokerUnavailable: when no broker answers.
    """
    there = topics.partitions(topic)
    if there == 0:
        created = _create(topics, NewTopic(topic, partitions, replication, config=dict(config)))
        return _shown(topics, topic) if created else topics.partitions(topic)
    if there < partitions:
        if refusal := topics.grow(topic, partitions):
            say_partitions(topic, there, partitions, why(refusal))
        there = topics.partitions(topic)
    for name, (limit, least) in _too_small(topics, topic, config).items():
        if ConfigSource(limit.source) is ConfigSource.DYNAMIC_TOPIC_CONFIG:
            say_limit(topic, name, limit.value, least, "it was set on the topic itself")
        elif refusal := topics.set(topic, name, least):
            say_limit(topic, name, limit.value, least, why(refusal))
    return there


def say_what_is_smaller(
    topics: Topics, topic: str, *, partitions: int, config: Mapping[str, str]
) -> None:
    """Log where a topic of others is smaller than the settings ask for.

    Raises:
        BrokerUnavailable: when no broker answers.
    """
    there = topics.partitions(topic)
    if 0 < there < partitions:
        say_partitions(topic, there, partitions, "the producer makes it larger")
    for name, (limit, least) in _too_small(topics, topic, config).items():
        say_limit(topic, name, limit.value, least, "the producer may make it larger")


def _create(topics: Topics, new: NewTopic) -> bool:
    refusal = topics.create(new)
    if refusal and new.config and refusal.code() in _LIMITS_REFUSED:
        # Hosted clusters have limits of their own; a topic with theirs is better than none.
        say_refused(new.topic, f"set {new.config}", refusal)
        return _create(topics, NewTopic(new.topic, new.num_partitions, new.replication_factor))
    if refusal:
        say_refused(new.topic, "create", refusal)
    return not refusal


def _shown(topics: Topics, topic: str) -> int:
    """The partitions of a topic that was just made: brokers show it a moment later."""
    deadline = time.monotonic() + SHOWN_TIMEOUT_S
    while (there := topics.partitions(topic)) == 0 and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return there


def _too_small(
    topics: Topics, topic: str, config: Mapping[str, str]
) -> dict[str, tuple[ConfigEntry, int]]:
    """The limits of a topic that are below those asked for, by name, as far as is known."""
    least = {name: int(config[name]) for name in LIMITS if name in config}
    limits = topics.properties(topic) if least else {}
    return {
        name: (limits[name], number)
        for name, number in least.items()
        if name in limits and int(limits[name].value or number) < number
    }
