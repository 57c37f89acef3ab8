"""What the log of a broker may take of its disk, by the broker's settings.

Kafka deletes whole segments. It looks for those that are too many each
log.retention.check.interval.ms, for the first time 30 s after its start
(log.initial.task.delay.ms), and their files go log.segment.delete.delay.ms later (LogManager.java,
UnifiedLog.java). Meanwhile more arrives.
"""

from __future__ import annotations

from collections.abc import Mapping

from velox.consumer.opening import DEAD_LETTER_PARTITIONS

RATE = 10_000_000
"""Bytes a second into each partition: the sizing of docs/kubernetes.md adds partitions above it."""

FIRST_CHECK_S = 30
OTHERS = 2**30
"""For the broker's own topics and its metadata."""

BESIDE = 448 * 2**20
"""What docs and k8s.sh take for the rest of a partition: a segment and what arrives meanwhile."""


def most(settings: Mapping[str, str | None], partitions: int) -> float:
    """Bytes that the topic's partitions, the dead letters and all else take at the worst."""
    each = int(settings["KAFKA_LOG_RETENTION_BYTES"] or 0) + beside(settings)
    return (partitions + DEAD_LETTER_PARTITIONS) * each + OTHERS


def beside(settings: Mapping[str, str | None]) -> float:
    """Bytes of a partition beyond those that it is to keep."""
    check = int(settings["KAFKA_LOG_RETENTION_CHECK_INTERVAL_MS"] or 0) / 1000
    gone = int(settings["KAFKA_LOG_SEGMENT_DELETE_DELAY_MS"] or 0) / 1000
    arriving = RATE * (max(check, FIRST_CHECK_S) + gone)
    return int(settings["KAFKA_LOG_SEGMENT_BYTES"] or 0) + arriving


def retention(partitions: int, disk: float) -> int:
    """Whole MiB, in bytes, that each partition may keep on a disk."""
    share = (disk - OTHERS) // 2**20 // (partitions + DEAD_LETTER_PARTITIONS)
    return int(share) * 2**20 - BESIDE
