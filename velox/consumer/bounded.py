"""Ends a pipeline once it has come to the end of its stretch."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from velox.base.waiting import Periodic
from velox.consumer.polling.ledger import Ledger
from velox.consumer.polling.poller import Poller
from velox.consumer.polling.stretch import Stretch

LOOK_EVERY_S = 0.1
# A member that died is missed sooner than that, and its partitions are given to others.
ALONE_AFTER_S = 60.0

log = logging.getLogger(__name__)


class Bounded:
    """Looks whether the end was reached, and stops the pipeline then.

    Args:
        poller, ledger: of the pipeline.
        stretch: what is read.
        stop: set once it was reached, or cannot be.
        enough: set by others once no more needs to be read.
        clock: monotonic seconds.

    Attributes:
        complete: whether the end was reached; nothing is in flight then.
        nothing_given: whether it was given no partition for so long that others must have them.
    """

    def __init__(
        self,
        *,
        poller: Poller,
        ledger: Ledger,
        stretch: Stretch,
        stop: threading.Event,
        enough: threading.Event | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.complete = False
        self.nothing_given = False
        self._poller = poller
        self._ledger = ledger
        self._stretch = stretch
        self._stop = stop
        self._enough = enough or threading.Event()
        self._clock = clock
        self._without_since: float | None = None
        self._looking = Periodic(
            self.look, every=LOOK_EVERY_S, name="bounds", log=log, what="see whether it is the end"
        )

    def start(self) -> None:
        """Look from now on."""
        self._looking.start()

    def close(self) -> None:
        """Look no more."""
        self._looking.close()

    def look(self) -> None:
        """Stop the pipeline if it is time."""
        if self._stop.is_set():
            return
        numbers = self._poller.numbers
        if numbers:
            self._without_since = None
            self.complete = self._stretch.is_read(numbers, self._ledger)
        elif self._poller.joined:
            self._without_since = self._without_since or self._clock()
            self.nothing_given = self._clock() - self._without_since > ALONE_AFTER_S
        if self.complete or self.nothing_given or self._enough.is_set():
            self._stop.set()
