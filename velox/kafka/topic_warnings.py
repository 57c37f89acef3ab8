"""What is said of a topic that is not as the settings ask for."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError

log = logging.getLogger(__name__)


def why(refusal: KafkaError) -> str:
    """The broker's reason and, where a right is missing, what to do."""
    denied = refusal.code() in (
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
    )
    what_to_do = ": allow the user of KAFKA_CONFIG to CREATE and ALTER it, and ALTER_CONFIGS of it"
    return refusal.str() + (what_to_do if denied else "")


def say_refused(topic: str, what: str, refusal: KafkaError) -> None:
    """That the broker does not do what it was asked for."""
    log.warning("could not %s topic=%s reason=%r", what, topic, why(refusal))


def say_partitions(topic: str, there: int, wanted: int, reason: str) -> None:
    """That there are fewer partitions than asked for."""
    log.warning(
        "topic=%s partitions=%d wanted=%d (KAFKA_PARTITIONS): further consumers than there are "
        "partitions have no work; %s",
        topic,
        there,
        wanted,
        reason,
    )


def say_limit(topic: str, name: str, there: str | None, wanted: int, reason: str) -> None:
    """That a limit is lower than asked for."""
    log.warning(
        "topic=%s %s=%s wanted=%d: the broker refuses larger messages; %s",
        topic,
        name,
        there,
        wanted,
        reason,
    )
