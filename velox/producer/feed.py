"""One source and the thread that reads it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from queue import SimpleQueue

from velox.base.waiting import Pace
from velox.producer.groups import TOGETHER, groups
from velox.producer.sources.capture import Capture, Item, LeftOut, Source, Unreadable
from velox.producer.sources.folder import Folder
from velox.producer.sources.synthetic import Synthetic
from velox.producer.sources.watch import Watch
from velox.producer.tally import Tally

# Groups of items of one source that wait to be taken: enough to read ahead, few enough for memory.
SLOTS = 4
TICK_S = 0.2


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
        tally: what became of its images.
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
        self.tally = Tally()
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
                    self.tally.came()
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
                self.tally.handed_on(len(item.value))
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
