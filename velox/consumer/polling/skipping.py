"""Skipping by time: what is too old is not downloaded only to be dropped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from velox.base.freshness import ALWAYS_FRESH, Freshness
from velox.base.records import Record, usable_timestamp
from velox.base.waiting import Periodic
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.unreadable import UnreadableBatches
from velox.monitoring.metrics import Metrics

EVERY_S = 1.0
SOON_S = 0.1
Ends = Callable[[Mapping[int, int]], Mapping[int, int]]

log = logging.getLogger(__name__)


class Skipping:
    """Lets the client read on where fresh records begin, in partitions that are far behind.

    What is skipped is not in flight, so the commits pass it as soon as all before it is done. Only
    for the thread that polls, but for the looking up, which has one of its own.

    Args:
        freshness: tells what is too old.
        ends: by partition, the offset before which all from the given one on is too old, where it
            is worth a skip; may raise.
        ledger: knows the assignments, and is told how far a partition was passed over.
        gaps: knows the next offset of each partition, and is told that a jump is no loss.
        unreadable: partitions of which it looks for the end of a batch are left alone.
        seek: lets the client read a partition from an offset on; whether it does.
        log_start: the first offset still in a partition's log, negative where unknown.
        metrics: counts what is skipped.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        freshness: Freshness,
        ends: Ends,
        *,
        ledger: Ledger,
        gaps: OffsetGaps,
        unreadable: UnreadableBatches,
        seek: Callable[[int, int], bool],
        log_start: Callable[[int], int],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._freshness = freshness
        self._ends = ends
        self._ledger = ledger
        self._gaps = gaps
        self._unreadable = unreadable
        self._seek = seek
        self._log_start = log_start
        self._metrics = metrics
        self._clock = clock
        self._due = clock()
        self._lock = threading.Lock()
        # Each with the epoch of its assignment: what was seen before that counts no more.
        self._behind: dict[int, tuple[int, int]] = {}
        self._untimed: dict[int, int] = {}
        self._told: dict[int, tuple[int, int]] = {}
        self._looking = Periodic(
            self.look, every=SOON_S, name="too-old", log=log, what="find where fresh images begin"
        )

    def start(self) -> None:
        """Look from now on, if anything can be too old."""
        if self._freshness.limited:
            self._looking.start()

    def close(self) -> None:
        """Look no more."""
        self._looking.close()

    def saw(self, records: Sequence[Record]) -> None:
        """Take in what was polled: a partition whose last record is too old is behind."""
        if not self._freshness.limited:
            return
        with self._lock:
            for record, stale in zip(records, self._freshness.stale_rows(records), strict=True):
                number = record.partition
                if stale:
                    self._behind[number] = record.epoch, record.offset + 1
                else:
                    self._behind.pop(number, None)
                if not usable_timestamp(record.timestamp_ms):
                    self._untimed[number] = record.epoch

    def look(self) -> None:
        """Find where fresh records begin in the partitions that are behind, if it is time."""
        if not self._behind or self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        with self._lock:
            # Whoever is still behind says so with the next record.
            behind, self._behind = self._behind, {}
            asked = {n: each for n, each in behind.items() if self._is_sure(n, each[0])}
        if not asked:
            return
        found = self._ends({number: offset for number, (_, offset) in asked.items()})
        with self._lock:
            self._told |= {number: (asked[number][0], end) for number, end in found.items()}

    def skip(self) -> None:
        """Pass over what is known to be too old."""
        if not self._told:
            return
        with self._lock:
            told, self._told = self._told, {}
            sure = {n: end for n, (epoch, end) in told.items() if self._is_sure(n, epoch)}
        for number, end in sure.items():
            if not self._unreadable.searches(number):
                self._pass_over(number, end)

    def _is_sure(self, number: int, epoch: int) -> bool:
        """Whether a partition is held as it was, and gave no record without a timestamp."""
        return self._ledger.epoch(number) == epoch != self._untimed.get(number)

    def _pass_over(self, number: int, end: int) -> None:
        begin = self._gaps.start(number, end)
        # What is gone already is a loss, and was not skipped.
        if begin < (first := min(self._log_start(number), end)):
            self._gaps.reach(number, first, self._log_start)
            begin = first
        if begin >= end or not self._seek(number, end):
            return
        self._gaps.expect({number: end})
        self._ledger.reach(number, end)
        self._metrics.skipped_offsets.inc(end - begin)
        log.warning(
            "skipped, older than MAX_AGE_S partition=%d from=%d to=%d offsets=%d",
            number,
            begin,
            end,
            end - begin,
        )


NO_SKIPPING = partial(Skipping, ALWAYS_FRESH, lambda _: {})
