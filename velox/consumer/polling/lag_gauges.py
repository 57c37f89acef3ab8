"""Consumer lag by partition, in records and in seconds, from what was fetched and finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from velox.consumer.polling.ledger import Ledger
from velox.monitoring.metrics import Metrics

EVERY_S = 1.0


class LagGauges:
    """Sets the gauges of lag, at most once a second.

    Args:
        ledger: says how far each partition is done.
        metrics: where the gauges are.
        watermarks: first offset that a partition still has, and the end of what can be read of it,
            negative where unknown.
        start: the offset at which a partition begins of which nothing was polled, given a default.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        metrics: Metrics,
        watermarks: Callable[[int], tuple[int, int]],
        start: Callable[[int, int], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._watermarks = watermarks
        self._start = start
        self._clock = clock
        self._due = clock()
        self._shown: set[int] = set()
        self.total = 0

    def measure_when_due(self, partitions: Iterable[int]) -> None:
        """Measure the partitions if the last time is long enough ago."""
        if self._clock() < self._due:
            return
        self._due = self._clock() + EVERY_S
        partitions = set(partitions)
        self.total = sum(self._measure(each) for each in partitions)
        self.forget(self._shown - partitions)

    def _measure(self, partition: int) -> int:
        low, high = self._watermarks(partition)
        if high < 0:
            return 0
        done, last_ms, since = self._ledger.position(partition)
        if done is None:
            done = self._start(partition, low)
        lag = max(0, high - max(done, low))
        behind = time.time() - last_ms / 1000 if last_ms else self._clock() - since
        self._shown.add(partition)
        self._metrics.lag.labels(partition).set(lag)
        self._metrics.lag_seconds.labels(partition).set(max(0.0, behind) if lag else 0.0)
        return lag

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop the gauges of partitions that another consumer measures from now on."""
        for partition in self._shown & set(partitions):
            self._shown.discard(partition)
            for gauge in (self._metrics.lag, self._metrics.lag_seconds):
                gauge.remove(partition)
