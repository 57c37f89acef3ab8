"""A folder that fills while it is read: each file is sent once, when it is complete.

A file is complete when its size and time have stayed the same for a second. It is known as sent
once the broker has acknowledged it. After a crash the topic is read back: what arrived is not sent
again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Protocol

from velox.base.errors import BrokerUnavailable
from velox.base.logs import ThinnedLog
from velox.base.waiting import Stopped, until_done
from velox.producer.sources.arrivals import Arrival, Arrivals, version_of
from velox.producer.sources.capture import Capture, Item, LeftOut
from velox.producer.sources.done_folder import DoneFolder
from velox.producer.sources.folder import Folder
from velox.producer.sources.journal import Journal, Version, digest_of
from velox.producer.sources.tree import reason_of

LOOK_EVERY_S = 0.5
# A look at a large folder may take longer; so often as long is waited.
REST = 3
# What is no whole image may still be on its way, though nothing of it came for a while.
PATIENCE_S = 30.0
SEND_AGAIN_S = 30.0
SETTLE_EVERY = 500
log = logging.getLogger(__name__)


class Topic(Protocol):
    """The part of `velox.kafka.read_back.ReadBack` that is needed here."""

    def ends(self) -> dict[int, int]:
        """The next offset of each partition."""

    def since(
        self, places: Mapping[int, int], stop: threading.Event
    ) -> Iterator[tuple[tuple[int, int], bytes, bytes]]:
        """Place, key and value of every record from these offsets on."""


class Watch:
    """Looks at a folder again and again.

    Args:
        source_id: begins the name of every image; below it comes the path in the folder.
        root: the folder.
        done: where files go once they are sent; None to leave them.
        journal: remembers what was sent.
        topic: is read back after a crash.
        max_bytes: above which a file is refused, unread.
        clock: monotonic seconds.
    """

    live = False
    done = None

    def __init__(
        self,
        source_id: str,
        root: str,
        *,
        done: str | None,
        journal: Journal,
        topic: Topic,
        max_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = source_id
        self._aside = None if done is None else DoneFolder(done, root)
        self._journal = journal
        self._topic = topic
        self._folder = Folder(source_id, root, max_bytes=max_bytes)
        self._clock = clock
        self._trouble = ThinnedLog(log, per_second=0.1)
        self._settling = threading.Lock()
        self._answers: deque[tuple[str, str, Version, tuple[int, int] | None]] = deque()
        self._arrivals = Arrivals(root, self._folder.name_of, clock)
        self._in_flight: set[tuple[str, Version]] = set()
        self._failed: set[tuple[str, Version]] = set()
        self._again_at = 0.0
        self._begun = False

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Every file once it is complete, until told to stop.

        Raises:
            SettingError: when it cannot be remembered what was sent, or WATCH_DONE is no folder.
        """
        if self._aside is not None:
            self._aside.make()
            self._arrivals.leave_out(self._aside.path)
        self._journal.open()
        try:
            until_done(
                lambda: self._read_back(stop),
                retryable=BrokerUnavailable,
                stop=stop,
                on_failure=lambda error: self._trouble.warning(
                    "not read back source=%s reason=%r", self.id, str(error)
                ),
            )
        except Stopped:
            return
        while not stop.is_set():
            began = self._clock()
            # What cannot be remembered must not be sent.
            if self._settle(stop):
                yield from self._look(stop)
            stop.wait(max(LOOK_EVERY_S, REST * (self._clock() - began)))

    def _look(self, stop: threading.Event) -> Iterator[Item]:
        crowded: set[bytes] | None = set() if self._journal.crowded else None

        def open_question(name: str, path: str, version: Version) -> bool:
            if crowded is not None:
                crowded.add(digest_of(name, version))
            if self._journal.knows(name, version):
                self._put_aside(path)
                return False
            return (name, version) not in self._in_flight

        yield from self._arrivals.look(open_question, stop)
        if stop.is_set():
            return
        if crowded is not None:
            self._journal.forget(crowded)
        for number, found in enumerate(self._arrivals.complete()):
            if number % SETTLE_EVERY == SETTLE_EVERY - 1:
                self._settle(stop)
            yield from self._offer(found)

    def _offer(self, found: Arrival) -> Iterator[Item]:
        """What a complete file is; nothing where it turns out not to be complete."""
        name, path, version = found.name, found.path, found.version
        item = self._folder.read(path)
        if version_of(path) != version:
            return
        if isinstance(item, Capture):
            if _content_digest(item.value) in self._journal.arrived.get(name, ()):
                self._journal.add(name, version, None)
                return
            self._in_flight.add((name, version))
            yield replace(item, answered=partial(self._answered, name, path, version))
        elif isinstance(item, LeftOut) or found.seconds >= PATIENCE_S:
            self._arrivals.give_up(found)
            yield item

    def _answered(
        self, name: str, path: str, version: Version, place: tuple[int, int] | None
    ) -> None:
        """Take in what became of a file; called by who sends."""
        self._answers.append((name, path, version, place))

    def _settle(self, stop: threading.Event) -> bool:
        """Remember what is acknowledged, then put it aside; find out what became of the others.

        Returns:
            Whether all is on the disk.
        """
        with self._settling:
            acknowledged = []
            while self._answers:
                name, path, version, place = self._answers.popleft()
                if place is None:
                    self._failed.add((name, version))
                    self._again_at = self._clock() + SEND_AGAIN_S
                    continue
                self._journal.add(name, version, place)
                acknowledged.append((name, path, version))
            written = self._journal.flush()
            for name, path, version in acknowledged:
                # What is not written yet is put aside by a later look.
                if written and version_of(path) == version:
                    self._put_aside(path)
                self._in_flight.discard((name, version))
            if self._failed and self._clock() >= self._again_at and not stop.is_set():
                self._look_for_failed(stop)
            return written

    def _look_for_failed(self, stop: threading.Event) -> None:
        """An image that was not acknowledged may have arrived all the same."""
        try:
            self._arrived(stop)
        except BrokerUnavailable as error:
            self._again_at = self._clock() + SEND_AGAIN_S
            self._trouble.warning("not read back source=%s reason=%r", self.id, str(error))
            return
        if not stop.is_set():
            self._in_flight -= self._failed
            self._failed.clear()

    def _read_back(self, stop: threading.Event) -> None:
        """Begin to send: what a process before has left in doubt is looked for."""
        ends = self._topic.ends()
        if not self._journal.clean:
            self._arrived(stop)
        if not stop.is_set():
            self._journal.begin(ends)
            self._begun = True

    def _arrived(self, stop: threading.Event) -> None:
        """Note which of this folder's images are in the topic since the last places."""
        begins = b"" if self.id == "." else os.path.join(self.id, "").encode()
        log.info("reading back source=%s places=%s", self.id, self._journal.places)
        count = 0
        for place, key, value in self._topic.since(dict(self._journal.places), stop):
            count += 1
            if key.startswith(begins):
                self._journal.found(place, key.decode(errors="replace"), _content_digest(value))
        log.info("read back source=%s records=%d", self.id, count)

    def _put_aside(self, path: str) -> None:
        if self._aside is None:
            return
        try:
            self._aside.take(path)
        except OSError as error:
            self._trouble.warning(
                "not put aside name=%r reason=%r", self._folder.name_of(path), reason_of(error)
            )

    def close(self) -> None:
        """Remember the last answers; call when nothing more is sent."""
        stopped = threading.Event()
        stopped.set()
        self._settle(stopped)
        self._journal.close(clean=self._begun and not (self._in_flight or self._failed))


def _content_digest(value: bytes) -> str:
    return blake2b(value, digest_size=16).hexdigest()
