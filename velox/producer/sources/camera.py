"""Cameras and streams: frames as they come, one connection after another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from velox.base.logs import ThinnedLog
from velox.base.waiting import delays
from velox.producer.sources.capture import JPEG, Capture, Item
from velox.producer.sources.video import Thinning, encoded, opened

log = logging.getLogger(__name__)


class Camera:
    """Reads a camera's or a stream's frames as they come, and connects again whenever it drops.

    Args:
        source_id: the name of every frame's source, and in logs.
        location: a device's path or number, or an address; it never reaches a log.
        api: which of OpenCV's readers, a `cv2.CAP_` constant.
        quality: of the JPEGs, 1 to 100.
        max_fps: frames a second; 0 for all.
        why_nothing_comes: asked for a reason where a connection gives no frame.
        is_reachable: asked whether anything is there, once a connection has ended.
        clock: monotonic seconds.
        wall_clock: seconds since the epoch.

    Attributes:
        connected: whether frames come.
        connections: that gave a frame so far.
        unreachable: whether nothing answered when it was last asked for.
    """

    def __init__(
        self,
        source_id: str,
        location: str | int,
        *,
        api: int,
        quality: int,
        max_fps: float,
        why_nothing_comes: Callable[[], str] = lambda: "nothing comes",
        is_reachable: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = source_id
        self._location = location
        self._api = api
        self._quality = quality
        self._max_fps = max_fps
        self._why_nothing_comes = why_nothing_comes
        self._is_reachable = is_reachable
        self.connected = self.unreachable = False
        self.connections = 0
        self._clock = clock
        self._wall_clock = wall_clock
        self._log = ThinnedLog(log, per_second=0.1)

    @property
    def live(self) -> bool:
        """See `Source`."""
        return True

    @property
    def done(self) -> float | None:
        """See `Source`."""
        return None

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """Frames until told to stop; the waits between attempts grow until a frame comes."""
        waits = delays()
        while not stop.is_set():
            before = waits
            for frame in self._connection(stop):
                if waits is before:
                    waits = delays()
                    self.connected, self.unreachable = True, False
                    self.connections += 1
                    if self.live:
                        self._log.info("camera connected source=%s", self.id)
                yield frame
            self.connected = False
            if stop.is_set() or self._ended():
                return
            self.unreachable = not self._is_reachable()
            reason = self._why_nothing_comes() if waits is before else "the connection ended"
            wait = next(waits)
            self._log.warning("camera lost source=%s retry_s=%.1f reason=%r", self.id, wait, reason)
            stop.wait(wait)

    def _connection(self, stop: threading.Event) -> Iterator[Item]:
        with opened(self._location, self._api) as video:
            yield from self._frames(video, stop)

    def _ended(self) -> bool:
        """Whether there is an end, and it was reached."""
        return False

    def _frames(self, video: cv2.VideoCapture | None, stop: threading.Event) -> Iterator[Capture]:
        """Frames of one connection. Those between are read too, so that none grows old."""
        thinning = Thinning(self._max_fps)
        while video is not None and not stop.is_set() and video.grab():
            if not thinning.due(self._clock()):
                continue
            captured_ms = int(self._wall_clock() * 1000)
            there, frame = video.retrieve()
            if there:
                value = encoded(np.asarray(frame, np.uint8), self._quality)
                yield Capture(value, self.id, JPEG, captured_ms=captured_ms)
