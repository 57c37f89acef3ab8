"""Offset gaps: records that were gone before the consumer came, or a log that began anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping

from velox.metrics import Metrics
from velox.records import Record

log = logging.getLogger(__name__)


class OffsetGaps:
    """Compares each record's offset with the one that was to come next in its partition.

    A jump forward is a loss only as far as the log's start has moved: transaction markers and
    compaction leave holes of their own.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._next: dict[int, int] = {}

    def expect(self, committed: Mapping[int, int]) -> None:
        """Start partitions at their committed offsets."""
        self._next.update(committed)

    def start(self, partition: int, default: int) -> int:
        """The offset that is to come next, or a default where none is known."""
        return self._next.get(partition, default)

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop what is known of partitions that are no longer assigned."""
        for partition in partitions:
            self._next.pop(partition, None)

    def check(self, record: Record, log_start: Callable[[int], int]) -> None:
        """Count and log a jump at this record.

        Args:
            record: the next record of its partition.
            log_start: the first offset still in a partition's log, negative where unknown.
        """
        expected = self._next.get(record.partition)
        self._next[record.partition] = record.offset + 1
        if expected is None or record.offset == expected:
            return
        if record.offset < expected:
            self._report("rewound", record, expected, 0)
            return
        start = log_start(record.partition)
        lost = record.offset - expected if start < 0 else min(start, record.offset) - expected
        if lost > 0:
            self._report("skipped", record, expected, lost)

    def begin_anew(self, partitions: Collection[int]) -> None:
        """Count and log that the topic is another one now, with offsets of its own."""
        self.forget(partitions)
        self._metrics.offset_gaps.labels("recreated").inc(len(partitions))
        log.error("offset gap kind=recreated partitions=%s reading=from_start", sorted(partitions))

    def _report(self, kind: str, record: Record, expected: int, lost: int) -> None:
        self._metrics.offset_gaps.labels(kind).inc()
        self._metrics.offset_gap_records.inc(lost)
        log.error(
            "offset gap kind=%s partition=%d expected=%d found=%d records_lost=%d",
            kind,
            record.partition,
            expected,
            record.offset,
            lost,
        )
