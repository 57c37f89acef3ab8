"""Offset gaps: records that were gone before the consumer came, or a log that began anew."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping

from velox.base.logs import ThinnedLog
from velox.base.records import Record
from velox.monitoring.metrics import Metrics

log = logging.getLogger(__name__)


class OffsetGaps:
    """Compares each record's offset with the one that was to come next in its partition.

    A jump forward is a loss only as far as the log's start has moved: transaction markers and
    compaction leave holes of their own.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        # Retention that overtakes a consumer again and again leaves a gap each time.
        self._trouble = ThinnedLog(log, per_second=0.2, burst=20)
        self._next: dict[int, int] = {}
        self._first: dict[int, int] = {}
        self._back: set[int] = set()
        self._unreadable: set[int] = set()

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
            self._first.pop(partition, None)
            self._back.discard(partition)
            self._unreadable.discard(partition)

    def unreadable(self, partition: int) -> None:
        """The client could not unpack the next records: a jump over them is a loss."""
        self._unreadable.add(partition)

    def check(self, record: Record, log_start: Callable[[int], int]) -> None:
        """Count and log a jump at this record.

        Args:
            record: the next record of its partition.
            log_start: the first offset still in a partition's log, negative where unknown.
        """
        self.reach(record.partition, record.offset, log_start)
        self._next[record.partition] = record.offset + 1

    def reach(self, partition: int, offset: int, log_start: Callable[[int], int]) -> None:
        """Count and log a jump to this offset, whether or not there is a record at it.

        Args:
            partition: in which the next offset is this one.
            offset: nothing before it is still to come.
            log_start: as of `check`.
        """
        expected = self._next.get(partition)
        self._next[partition] = offset
        if expected is None:
            self._first.setdefault(partition, offset)
        elif offset < expected:
            self._back.add(partition)
            self._report("rewound", partition, expected, offset, 0)
        elif offset > expected:
            self._skip(partition, expected, offset, log_start(partition))

    def expect_late(self, partition: int, committed: int, log_start: Callable[[int], int]) -> None:
        """Take the commit of a partition that has been read from since its assignment."""
        first = self._first.pop(partition, None)
        if first is None:
            self._next.setdefault(partition, committed)
        elif first > committed:
            self._skip(partition, committed, first, log_start(partition))

    def went_back(self, partition: int) -> bool:
        """Whether the log went back to earlier offsets since the partition was begun."""
        return partition in self._back

    def _skip(self, partition: int, expected: int, found: int, start: int) -> None:
        if partition in self._unreadable:
            self._unreadable.discard(partition)
            self._report("unreadable", partition, expected, found, found - expected)
            return
        lost = found - expected if start < 0 else min(start, found) - expected
        if lost > 0:
            self._report("skipped", partition, expected, found, lost)

    def begin_anew(self, partitions: Collection[int]) -> None:
        """Count and log that the topic is another one now, with offsets of its own."""
        self.forget(partitions)
        self._metrics.offset_gaps.labels("recreated").inc(len(partitions))
        log.error("offset gap kind=recreated partitions=%s reading=from_start", sorted(partitions))

    def _report(self, kind: str, partition: int, expected: int, found: int, lost: int) -> None:
        self._metrics.offset_gaps.labels(kind).inc()
        self._metrics.offset_gap_records.inc(lost)
        self._trouble.error(
            f"offset gap kind={kind} partition=%d expected=%d found=%d records_lost=%d",
            partition,
            expected,
            found,
            lost,
        )
