"""Beside the pipeline: documents follow their files, and what is older than KEEP_DAYS goes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from velox.base.waiting import Periodic, call_within
from velox.monitoring.metrics import Metrics
from velox.stores.gone import Gone
from velox.stores.removal import Removal
from velox.stores.sweep import sweep

DAY_S = 86_400.0
SETTLE_EVERY_S = 1.0
# Of the time that things are kept at most a tenth passes between two sweeps.
LONGEST_PAUSE_S, PAUSE_SHARE = 60.0, 1 / 10
# A database that is away holds up no exit.
END_LIMIT_S = 1.0

log = logging.getLogger(__name__)


class Sweeper:
    """Lets documents follow their files and removes what is too old, in a thread of its own.

    Args:
        removal: of the documents.
        gone: the image files that were removed.
        folder: of the image files, STORAGE_PATH.
        keep_s: seconds for which documents and images are kept; 0 for ever.
        wall_clock: seconds since the epoch.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        removal: Removal,
        gone: Gone,
        folder: Path,
        keep_s: float,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._removal = removal
        self._gone = gone
        self._folder = folder
        self._keep_s = keep_s
        self._wall_clock = wall_clock
        self._clock = clock
        self._metrics: Metrics | None = None
        self._stop = threading.Event()
        self._due = self._last_complete = clock()
        self._periodic = Periodic(
            self._step,
            every=SETTLE_EVERY_S,
            name="sweep",
            log=log,
            what="remove what is to go from store and folder",
            at_once=True,
        )

    def start(self, metrics: Metrics) -> None:
        """Work from now on, and update the metrics; the store must be open."""
        self._metrics = metrics
        if self._keep_s:
            metrics.sweep_age.set_function(lambda: self._clock() - self._last_complete)
        self._periodic.start()

    def close(self) -> None:
        """End; what was removed from the folder up to now the store is told, if it is there."""
        self._stop.set()
        self._periodic.close()
        if self._metrics is not None:
            call_within(END_LIMIT_S, self._periodic.now)
        self._removal.close()

    def _step(self) -> None:
        try:
            self._gone.settle(self._removal.clear_files)
        finally:
            if self._keep_s and self._clock() >= self._due and not self._stop.is_set():
                self._sweep()

    def _sweep(self) -> None:
        before_s = self._wall_clock() - self._keep_s
        started = self._clock()
        self._due = started + min(LONGEST_PAUSE_S, self._keep_s * PAUSE_SHARE)
        complete = sweep(
            self._removal,
            self._folder,
            int(before_s * 1000),
            pause=self._pause,
            tell=self._count,
        )
        if complete:
            self._last_complete = started

    def _count(self, what: str, removed: int) -> None:
        if self._metrics is not None:
            self._metrics.swept.labels(what).inc(removed)

    def _pause(self, seconds: float) -> bool:
        """A long sweep does not hold up what is removed meanwhile."""
        self._gone.settle(self._removal.clear_files)
        return not self._stop.wait(seconds)
