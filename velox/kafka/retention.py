"""How long topics keep their records: asked for, and told.

Kafka deletes whole segments, each once its newest record is older than `retention.ms`
(UnifiedLog.deleteRetentionMsBreachedSegments); the one that is written to ends after `segment.ms`
(LogSegment.shouldRoll). So a record stays for the sum of both at most.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka.admin import ConfigEntry, ConfigSource  # type: ignore[attr-defined]

from velox.base.errors import BrokerUnavailable
from velox.kafka.topic_warnings import why
from velox.kafka.topics import Topics

RETENTION, SEGMENT, POLICY = "retention.ms", "segment.ms", "cleanup.policy"
DAY_MS = 86_400_000
# A segment is a small part of what is kept, but there are never very many of them.
_SEGMENT_SHARE, _SHORTEST_SEGMENT_MS = 24, 60_000

Properties = Mapping[str, ConfigEntry]
log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """How long a topic keeps a record at most.

    Attributes:
        retention_ms: from the end of its segment on; None for ever.
        segment_ms: until its segment ends.
    """

    retention_ms: int | None
    segment_ms: int = 0

    @property
    def days(self) -> float:
        """Both together, infinity for ever."""
        if self.retention_ms is None:
            return float("inf")
        return (self.retention_ms + self.segment_ms) / DAY_MS

    def __str__(self) -> str:
        if self.retention_ms is None:
            return "for ever"
        own = f"{RETENTION}={self.retention_ms} and {SEGMENT}={self.segment_ms}"
        return f"for up to {self.days:.3g} days ({own})"


def wanted(days: float) -> dict[str, str]:
    """The properties of a topic that is to keep records for so many days; none for 0."""
    if not days:
        return {}
    retention = max(1, int(days * DAY_MS))
    segment = max(_SHORTEST_SEGMENT_MS, min(DAY_MS, retention // _SEGMENT_SHARE))
    return {RETENTION: str(retention), SEGMENT: str(segment)}


def kept_by(topics: Topics, topic: str) -> Kept | None:
    """How long a topic keeps its records, None where the broker does not say.

    Raises:
        BrokerUnavailable: when no broker answers.
    """
    return _kept(topics.properties(topic))


def hold_to(topics: Topics, topic: str, days: float, *, ours: bool) -> None:
    """Let a topic keep its records no longer than so many days; where it does, that is logged.

    Args:
        topics: asked and told.
        topic: which.
        days: 0 for no limit.
        ours: whether it may be changed, as far as nobody has set it on the topic itself.
    """
    if not days:
        return
    try:
        found = topics.properties(topic)
        kept = _kept(found)
        reason = "it is not changed by a consumer"
        if ours:
            kept, reason = _shortened(topics, topic, days, found)
    except BrokerUnavailable as error:
        kept, reason = None, str(error)
    if kept is None or kept.days > _kept_as_wanted(days).days:
        log.warning(
            "topic=%s keeps records %s, KEEP_DAYS=%g: %s; to change it: kafka-configs.sh "
            "--bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config %s",
            topic,
            kept or "for a time that is not known",
            days,
            reason,
            topics.bootstrap,
            topic,
            ",".join(f"{name}={number}" for name, number in wanted(days).items()),
        )


def hold_if_there(topics: Topics, topic: str, days: float) -> None:
    """The same for a topic of ours that others make, when they need it."""
    if not days:
        return
    try:
        there = topics.partitions(topic) > 0
    except BrokerUnavailable:
        # Which is said, with the reason.
        there = True
    if there:
        hold_to(topics, topic, days, ours=True)


def _shortened(
    topics: Topics, topic: str, days: float, found: Properties
) -> tuple[Kept | None, str]:
    """Set what is longer than wanted; how long the topic keeps its records then, and why."""
    kept = _kept(found)
    if kept is None:
        return None, "its properties are not told"
    if not _deletes(found):
        return kept, f"{POLICY}={found[POLICY].value} deletes nothing by its age"
    numbers = {name: _number(found, name) for name in (RETENTION, SEGMENT)}
    reason = ""
    for name, number in wanted(days).items():
        if 0 <= numbers[name] <= int(number):
            continue
        if ConfigSource(found[name].source) is ConfigSource.DYNAMIC_TOPIC_CONFIG:
            reason = f"{name} was set on the topic itself"
        elif refusal := topics.set(topic, name, int(number)):
            reason = why(refusal)
        else:
            numbers[name] = int(number)
    return _of_numbers(numbers[RETENTION], numbers[SEGMENT]), reason


def _kept(found: Properties) -> Kept | None:
    if RETENTION not in found:
        return None
    retention = _number(found, RETENTION) if _deletes(found) else -1
    return _of_numbers(retention, _number(found, SEGMENT))


def _of_numbers(retention: int, segment: int) -> Kept:
    return Kept(None) if retention < 0 else Kept(retention, segment)


def _deletes(found: Properties) -> bool:
    return "delete" in str(found[POLICY].value)


def _kept_as_wanted(days: float) -> Kept:
    return Kept(*(int(number) for number in wanted(days).values()))


def _number(found: Properties, name: str) -> int:
    return int(found[name].value or -1)
