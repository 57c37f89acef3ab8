"""How far the client has come in each partition, beyond the last record that it gave.

Markers of transactions, aborted records, holes of compaction and expired records take offsets and
are never polled. A partition whose last offsets are such ones is done all the same, and a partition
whose records have all expired has lost them, whether or not another record ever comes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection

from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.offset_gaps import OffsetGaps
from velox.consumer.polling.stretch import WHOLE

EVERY_S = 1.0


class Positions:
    """Tells the ledger and the gaps how far the client is. Only for the thread that polls.

    Args:
        ledger: told how far each partition was read.
        gaps: told too, and asked which partitions' positions can be believed.
        position: the offset after the last that the client took of each partition, negative where
            it has taken none since its start or a seek.
        log_start: the first offset still in a partition's log, negative where unknown.
        end: the offset from which on a partition's records are not read.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        gaps: OffsetGaps,
        position: Callable[[Collection[int]], dict[int, int]],
        log_start: Callable[[int], int],
        end: Callable[[int], float] = WHOLE.end,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._gaps = gaps
        self._position = position
        self._log_start = log_start
        self._end = end
        self._clock = clock
        self._due = clock()

    def look_when_due(self, partitions: Collection[int]) -> None:
        """Look at these partitions if the last time is long enough ago."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        self._look(partitions)

    def _look(self, partitions: Collection[int], most: float = math.inf) -> None:
        for number, offset in self._position(partitions).items():
            # librdkafka's position stays behind when a log goes back without a seek: it takes the
            # larger one (rd_kafka_q_serve_rkmessages).
            if self._gaps.start(number, -1) < offset <= most and not self._gaps.went_back(number):
                self._reach(number, offset)

    def at_end(self, partition: int, offset: int) -> None:
        """The client had read to the end of what could be read then, which was this offset.

        Records may have come since and been taken with this news: the client's position is past
        them already, though nothing is known of them yet, and the end would look like a way back.
        """
        self._look([partition], most=offset)
        self._reach(partition, offset)

    def _reach(self, partition: int, offset: int) -> None:
        if self._ledger.epoch(partition) >= 0:
            offset = int(min(offset, self._end(partition)))
            self._gaps.reach(partition, offset, self._log_start)
            self._ledger.reach(partition, offset)
