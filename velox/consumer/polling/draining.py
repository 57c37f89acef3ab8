"""What is in flight gets time to finish before its partitions are given up."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection

from velox.consumer.polling.ledger import Ledger

LOOK_EVERY_S = 0.1


class Draining:
    """Waits until records are finished, within a bound; once told to stop, all waits share it.

    Args:
        ledger: of the records.
        limit: the bound in seconds.
        clock: monotonic seconds.
    """

    def __init__(
        self, ledger: Ledger, limit: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._limit = limit
        self._clock = clock
        self._stop = threading.Event()
        self._all_end = math.inf

    def heed(self, stop: threading.Event) -> None:
        """This tells it to stop."""
        self._stop = stop

    def wait(self, numbers: Collection[int], meanwhile: Callable[[], object]) -> bool:
        """Wait until nothing of these partitions is in flight; whether that is so.

        Args:
            numbers: the partitions; they may change while it waits.
            meanwhile: called after each look that found some.
        """
        ends = self._clock() + self._limit
        while (now := self._clock()) < ends and not self._ledger.abandoned:
            if self._stop.is_set():
                self._all_end = min(self._all_end, now + self._limit)
                ends = min(ends, self._all_end)
            wait = max(0.0, min(LOOK_EVERY_S, ends - now))
            if self._ledger.wait_until_done(numbers, wait):
                return True
            meanwhile()
        return self._ledger.wait_until_done(numbers, 0)
