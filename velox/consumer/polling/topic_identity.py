"""Noticing that a topic was deleted, or created anew under its name.

The classic protocol knows topics by name alone. A consumer that stood at offset 30 of the old topic
reads the new one from offset 30, once it is that long, and its first records would be lost without
a trace. Brokers give each topic an id of its own, so that is looked at.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from velox.base.errors import BrokerUnavailable
from velox.base.steady import Steady

EVERY_S = 5.0

log = logging.getLogger(__name__)


class TopicWatch:
    """Looks at the topic's identity from time to time, in a thread, and when it is told to.

    Args:
        identity: of the topic as it is now; raises BrokerUnavailable while that is not known.
        partitions: how many the topic has, 0 if there is no such topic; raises alike.
        interval: seconds between two looks.

    Attributes:
        known: the identity as it was when last seen, empty before that.
        count: the number of partitions, None while nobody says.
    """

    def __init__(
        self,
        identity: Callable[[], str],
        *,
        partitions: Callable[[], int | None] = lambda: None,
        interval: float = EVERY_S,
    ) -> None:
        self.known = ""
        self.count: int | None = None
        self._identity = identity
        self._partitions = partitions
        self._interval = interval
        self._stop = threading.Event()
        self._looking = threading.Lock()
        self._steady = Steady(log, "look at the topic's identity")
        self._thread = threading.Thread(target=self._watch, name="topic-watch", daemon=True)

    def start(self) -> None:
        """Look now and from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()

    def _watch(self) -> None:
        self.look()
        while not self._stop.wait(self._interval):
            self.look()

    def look(self) -> None:
        """See which topic it is now; never raises, and `known` stays while nobody says."""
        # One at a time: an answer that was long on its way must not replace a later one.
        with self._looking:
            self._steady.do(self._see)

    def _see(self) -> None:
        try:
            self.count = self._count()
            self.known = self._identity()
        except BrokerUnavailable as error:
            log.debug("topic identity unknown reason=%r", str(error))

    def _count(self) -> int | None:
        try:
            return self._partitions()
        except BaseException:
            # With an old number, partitions that were added since would count as gone.
            self.count = None
            raise
