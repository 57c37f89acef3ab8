"""Partitions that are assigned and that the topic no longer has.

Brokers of a `consumer` group take them back. In a classic group librdkafka keeps them for ever: its
sticky assignor leaves to each member what it has (rd_kafka_cgrp_metadata_update_check looks for
topics that are gone, not for partitions). Leaving the group and joining it anew ends that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

# A broker that lags behind the others may tell of fewer partitions for a moment.
GRACE_S = 10.0


class GonePartitions:
    """Tells which partitions are gone, and when that has lasted.

    Args:
        count: partitions that the topic has, None while that is not known.
        clock: monotonic seconds.
    """

    def __init__(
        self, count: Callable[[], int | None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._clock = clock
        self._since: float | None = None

    def among(self, assigned: Collection[int]) -> set[int]:
        """Those of the assigned partitions that the topic does not have."""
        count = self._count()
        return set() if count is None else {number for number in assigned if number >= count}

    def overdue(self, assigned: Collection[int]) -> bool:
        """Whether some have been gone for so long that the group will not take them back."""
        if not self.among(assigned):
            self._since = None
        elif self._since is None:
            self._since = self._clock()
        elif self._clock() - self._since >= GRACE_S:
            self._since = None
            return True
        return False
