"""Several sources at once: each is read in a thread, and all come together in one stream.

A source may block for long (a camera, standard input) without holding up the others or the end of
the process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

from velox.base.logs import ThinnedLog
from velox.kafka.messages import Answered
from velox.producer.feed import TICK_S, Feed, Handed
from velox.producer.sources.capture import Capture, Item, LeftOut, Source, Unreadable
from velox.producer.sources.watch import Watch

END_TIMEOUT_S = 1.0

log = logging.getLogger(__name__)


class Feeds:
    """Reads sources together.

    Args:
        sources: what is read.
        interval: seconds between the images of each source that is not live; 0 for no pause.
        loop: begin again at the end of what has one.
        max_bytes: above which an image is unreadable.
        limit: images to take in all; 0 for no limit.

    Attributes:
        answered: to be told what the broker says of the image that came last.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        interval: float,
        loop: bool,
        max_bytes: int,
        limit: int,
    ) -> None:
        self._stop = threading.Event()
        # Every image that is not sent is named; of a million files that are no images, the first.
        self._beside = ThinnedLog(log, per_second=1, burst=50)
        self._queue: SimpleQueue[Handed] = SimpleQueue()
        self._max_bytes = max_bytes
        self._limit = limit
        self.feeds = [
            Feed(each, self._queue, interval=interval, loop=loop, stop=self._stop)
            for each in sources
        ]
        self._running: set[Feed] = set()
        self.answered: Answered = lambda _place: None

    @property
    def left_out(self) -> int:
        """What is no image and was not meant as one, over all sources."""
        return sum(each.left_out for each in self.feeds)

    @property
    def unreadable(self) -> int:
        """What was named as unreadable, over all sources."""
        return sum(each.unreadable for each in self.feeds)

    def captures(self, stop: threading.Event) -> Iterator[Capture | None]:
        """The images of all sources as they come, or None where none came for a while.

        All else is named in the log and counted. It ends with the last source, at the
        limit, or soon after `stop`.

        Raises:
            Exception: what ended a source that should not have.
        """
        left = self._limit or None
        self._running = set(self.feeds)
        for feed in self.feeds:
            log.info("reading source=%s", feed.source.id)
            feed.thread.start()
        for handed in self._handed_over(stop):
            if stop.is_set() or handed is None:
                yield None
                continue
            feed, item = handed[0], self._refused_if_large(handed[1])
            feed.took(item)
            match item:
                case Capture():
                    self.answered = feed.tally.answered
                    yield item
                    left = left and left - 1
                    if left == 0:
                        return
                case Unreadable(name, reason):
                    log.warning(
                        "unreadable source=%s name=%r reason=%r", feed.source.id, name, reason
                    )
                case LeftOut(name, reason):
                    self._beside.info(
                        "left out source=%s name=%r reason=%r", feed.source.id, name, reason
                    )

    def _handed_over(self, stop: threading.Event) -> Iterator[tuple[Feed, Item] | None]:
        """The items of all sources as they come, or None where none came for a while."""
        while self._running and not stop.is_set():
            try:
                feed, items = self._queue.get(timeout=TICK_S)
            except Empty:
                yield None
                continue
            if isinstance(items, Exception):
                raise items
            if items is None:
                self._running.discard(feed)
                log.info("ended %s", feed)
                continue
            feed.slots.release()
            yield from ((feed, each) for each in items)

    def _refused_if_large(self, item: Item) -> Item:
        """A frame may be too large as well, and only shows once it is encoded."""
        if isinstance(item, Capture) and len(item.value) > self._max_bytes:
            reason = f"its {len(item.value)} bytes exceed the record limit of {self._max_bytes}"
            return Unreadable(item.source, reason)
        return item

    def report(self) -> None:
        """Log how far each source is that has not ended."""
        for feed in self._running:
            log.info("reading %s", feed)

    def stop(self) -> None:
        """End every source; one that is stuck in a read is left to the end of the process."""
        self._stop.set()
        deadline = time.monotonic() + END_TIMEOUT_S
        for feed in self._running:
            feed.thread.join(max(0.0, deadline - time.monotonic()))

    def close(self) -> None:
        """End every source, and let those that remember what was sent do so."""
        self.stop()
        for feed in self.feeds:
            if isinstance(feed.source, Watch):
                feed.source.close()
