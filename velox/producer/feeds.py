"""Several sources at once: each is read in a thread, and all come together in one stream.

A source may block for long (a camera, standard input) without holding up the others or the end of
the process.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from queue import Empty, SimpleQueue

from velox.base.logs import ThinnedLog
from velox.base.waiting import Pace
from velox.producer.groups import TOGETHER, groups
from velox.producer.sources.capture import Capture, Item, LeftOut, Source, Unreadable
from velox.producer.sources.folder import Folder
from velox.producer.sources.synthetic import Synthetic
from velox.producer.sources.watch import Watch

# Groups of items of one source that wait to be taken: enough to read ahead, few enough for memory.
SLOTS = 4
TICK_S = 0.2
END_TIMEOUT_S = 1.0

log = logging.getLogger(__name__)


class Feed:
    """One source and the thread that reads it.

    Args:
        source: what is read.
        out: where its items go, then the error that ended it or None.
        interval: seconds between images, unless the source is live; 0 for no pause.
        loop: begin again at the end.
        stop: ends it.

    Attributes:
        images: taken from it so far.
        unreadable: named so far.
        left_out: what was meant as no image, so far.
        dropped: images of a live source for which there was no room.
        slots: the room for what was handed over and is not taken yet.
    """

    def __init__(
        self,
        source: Source,
        out: SimpleQueue[Handed],
        *,
        interval: float,
        loop: bool,
        stop: threading.Event,
    ) -> None:
        self.source = source
        self.images = self.unreadable = self.left_out = self.dropped = 0
        self._out = out
        self._loop = loop
        self._stop = stop
        # Files of a watched folder come at their own time.
        self._pace = Pace(0 if isinstance(source, Watch) else interval, stop)
        ready = isinstance(source, Folder | Synthetic) and not interval
        self._together = TOGETHER if ready else 1
        self.slots = threading.Semaphore(SLOTS)
        self.thread = threading.Thread(target=self._run, name=source.id, daemon=True)

    def _run(self) -> None:
        ended: Exception | None = None
        try:
            for items in groups(self._items(), most=self._together):
                self._put(items)
        except Exception as error:
            ended = error
        self._out.put((self, ended))

    def _items(self) -> Iterator[Item]:
        """Every image, pass after pass; what is unreadable in each pass is named in the first."""
        named: set[str] = set()
        for number in itertools.count():
            images = unreadable = 0
            for item in self.source.items(self._stop):
                if isinstance(item, Capture):
                    images += 1
                    if not (self.source.live or self._pace.wait()):
                        return
                elif number > 0 and item.name in named:
                    continue
                else:
                    unreadable += isinstance(item, Unreadable)
                    named.add(item.name)
                yield item
            if not (images or unreadable or self._stop.is_set()):
                yield Unreadable(self.source.id, "it gave no image")
            if not (images and self._loop) or self.source.live or self._stop.is_set():
                return

    def _put(self, items: list[Item]) -> None:
        while not self.slots.acquire(timeout=0 if self.source.live else TICK_S):
            if self.source.live:
                self.dropped += 1
                return
            if self._stop.is_set():
                return
        self._out.put((self, items))

    def took(self, item: Item) -> None:
        """Count an item."""
        match item:
            case Capture():
                self.images += 1
            case Unreadable():
                self.unreadable += 1
            case LeftOut():
                self.left_out += 1

    def __str__(self) -> str:
        done = self.source.done
        share = f" done={done:.0%}" if done is not None and not self._loop else ""
        return (
            f"source={self.source.id} images={self.images} unreadable={self.unreadable} "
            f"dropped={self.dropped} left_out={self.left_out}{share}"
        )


Handed = tuple[Feed, list[Item] | Exception | None]


class Feeds:
    """Reads sources together.

    Args:
        sources: what is read.
        interval: seconds between the images of each source that is not live; 0 for no pause.
        loop: begin again at the end of what has one.
        max_bytes: above which an image is unreadable.
        limit: images to take in all; 0 for no limit.
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
