"""Video files, and cameras and streams: frames, thinned and encoded."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.logs import ThinnedLog
from velox.base.waiting import delays
from velox.images.pixels import quieten
from velox.producer.sources.capture import JPEG, Capture, Item, Unreadable

OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 5.0
# The number of frames that a container claims is an estimate in some formats.
CUT_SHORT_BELOW = 0.9
CLOCK_RESOLUTION_S = 0.001

log = logging.getLogger(__name__)


class Thinning:
    """Lets through at most so many frames a second, evenly.

    Args:
        max_fps: frames a second; 0 lets all through.
    """

    def __init__(self, max_fps: float) -> None:
        self._interval = 1 / max_fps if max_fps else 0.0
        self._due: float | None = None

    def due(self, seconds: float) -> bool:
        """Whether the frame of this time goes through; times must not decrease."""
        if self._due is None:
            self._due = seconds
        if seconds + CLOCK_RESOLUTION_S < self._due:
            return False
        late = seconds - self._due > self._interval
        self._due = (seconds if late else self._due) + self._interval
        return True


def encoded(frame: NDArray[np.uint8], quality: int) -> bytes:
    """A frame, uint8 BGR [height, width, 3], as JPEG."""
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


@contextmanager
def opened(location: str | int, api: int) -> Iterator[cv2.VideoCapture | None]:
    """OpenCV's reader of a file, device or address; None if it cannot be opened."""
    quieten()
    # FFmpeg names addresses in what it prints, with their credentials. Who sets this wants to see.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        int(OPEN_TIMEOUT_S * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        int(READ_TIMEOUT_S * 1000),
    ]
    try:
        video = cv2.VideoCapture(location, api, limits if api == cv2.CAP_FFMPEG else [])
    except cv2.error:
        yield None
        return
    try:
        yield video if video.isOpened() else None
    finally:
        video.release()


class VideoFile:
    """Reads a file frame by frame; its own time decides which frames go through.

    Args:
        source_id: the name of every frame's source, and in logs.
        path: the file.
        quality: of the JPEGs, 1 to 100.
        max_fps: frames per second of video; 0 for all.
    """

    live = False

    def __init__(self, source_id: str, path: str, *, quality: int, max_fps: float) -> None:
        self.id = source_id
        self._path = path
        self._quality = quality
        self._max_fps = max_fps
        self._read = 0
        self._total = 0

    @property
    def done(self) -> float | None:
        """The share of the frames, None where the container does not say how many there are."""
        return min(1.0, self._read / self._total) if self._total > 0 else None

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """The frames that go through; one more item if the file cannot be read, or not to its end.

        OpenCV gives no reason for either.
        """
        self._read = 0
        with opened(self._path, cv2.CAP_FFMPEG) as video:
            if video is None:
                yield Unreadable(self.id, "neither an image nor a video that OpenCV reads")
                return
            self._total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            yield from self._frames(video, stop)
            if not stop.is_set() and self._read < CUT_SHORT_BELOW * self._total:
                reason = f"the video ends after {self._read} of {self._total} frames"
                yield Unreadable(self.id, reason)

    def _frames(self, video: cv2.VideoCapture, stop: threading.Event) -> Iterator[Item]:
        thinning = Thinning(self._max_fps)
        while not stop.is_set() and video.grab():
            self._read += 1
            if not thinning.due(video.get(cv2.CAP_PROP_POS_MSEC) / 1000):
                continue
            there, frame = video.retrieve()
            if there:
                yield Capture(encoded(np.asarray(frame, np.uint8), self._quality), self.id, JPEG)
            else:
                yield Unreadable(f"{self.id} frame {self._read}", "cannot be decoded")


class Camera:
    """Reads a camera's or a stream's frames as they come, and connects again whenever it drops.

    Args:
        source_id: the name of every frame's source, and in logs.
        location: a device's path or number, or an address; it never reaches a log.
        api: which of OpenCV's readers, a `cv2.CAP_` constant.
        quality: of the JPEGs, 1 to 100.
        max_fps: frames a second; 0 for all.
        clock: monotonic seconds.
        wall_clock: seconds since the epoch.
    """

    live = True
    done = None

    def __init__(
        self,
        source_id: str,
        location: str | int,
        *,
        api: int,
        quality: int,
        max_fps: float,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.id = source_id
        self._location = location
        self._api = api
        self._quality = quality
        self._max_fps = max_fps
        self._clock = clock
        self._wall_clock = wall_clock
        self._log = ThinnedLog(log, per_second=0.1)

    def items(self, stop: threading.Event) -> Iterator[Capture]:
        """Frames until told to stop; the waits between attempts grow until a frame comes."""
        waits = delays()
        while not stop.is_set():
            before = waits
            for frame in self._frames(stop):
                if waits is before:
                    waits = delays()
                    self._log.info("camera connected source=%s", self.id)
                yield frame
            if stop.is_set():
                return
            wait = next(waits)
            self._log.warning("camera lost source=%s retry_s=%.1f", self.id, wait)
            stop.wait(wait)

    def _frames(self, stop: threading.Event) -> Iterator[Capture]:
        """Frames of one connection. Those between are read too, so that none grows old."""
        thinning = Thinning(self._max_fps)
        with opened(self._location, self._api) as video:
            while video is not None and not stop.is_set() and video.grab():
                if not thinning.due(self._clock()):
                    continue
                captured_ms = int(self._wall_clock() * 1000)
                there, frame = video.retrieve()
                if there:
                    value = encoded(np.asarray(frame, np.uint8), self._quality)
                    yield Capture(value, self.id, JPEG, captured_ms=captured_ms)
