"""The end of a process that stands still, so that whoever started it can start it again.

Kubernetes asks /healthz and restarts what is not well. Docker restarts only what has ended, however
unhealthy it finds a container, so the process looks at itself.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
from collections.abc import Callable

from velox.base.script import EXIT_FAILURE
from velox.base.waiting import Periodic
from velox.monitoring.health import Health

# As the liveness probe of the manifests.
EVERY_S = 10.0
TIMES = 6

log = logging.getLogger(__name__)


def end_now() -> None:
    """Print what every thread is doing, and end: a thread that hangs can be waited for for ever.

    What was done and not committed is done again, and stored under the same `_id`.
    """
    faulthandler.dump_traceback(sys.stderr)
    logging.shutdown()
    os._exit(EXIT_FAILURE)


class Watchdog:
    """Looks at the health of this process from a thread of its own.

    Looks are counted and not seconds: a process that was frozen is given its time to go on.

    Args:
        health: is looked at.
        every: seconds between two looks.
        end: ends the process.
    """

    def __init__(
        self, health: Health, *, every: float = EVERY_S, end: Callable[[], None] = end_now
    ) -> None:
        self._health = health
        self._every = every
        self._end = end
        self._unwell = 0
        self._looking = Periodic(
            self.look, every=every, name="watchdog", log=log, what="look at the process's health"
        )

    def start(self) -> None:
        """Begin to look."""
        self._looking.start()

    def close(self) -> None:
        """Look no more."""
        self._looking.close(self._every)

    def look(self) -> None:
        """Look once; end the process that was found unwell `TIMES` times in a row."""
        well, reason = self._health.live()
        if well:
            self._unwell = 0
            return
        self._unwell += 1
        if self._unwell == 1:
            log.error(
                "no progress, the process will be ended reason=%r in_s=%g",
                reason,
                (TIMES - 1) * self._every,
            )
        if self._unwell == TIMES:
            log.error("ending the process so that it is started again reason=%r", reason)
            self._end()
