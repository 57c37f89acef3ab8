"""Video files: frames, thinned and encoded."""

from __future__ import annotations

import io
import logging
import math
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.images.pixels import quieten
from velox.producer.sources.capture import JPEG, Capture, Item, Unreadable

# Seconds to open, and to wait for data.
LIMIT_S, NO_LIMIT_S = 5.0, 86_400.0
CLOCK_RESOLUTION_S = 0.001
# FFmpeg's own for a stream that does not say; a rate outside of these is a wrong guess.
USUAL_FPS, LOWEST_FPS, HIGHEST_FPS = 25.0, 1.0, 1000.0
# Of the frames that a container names, the share from which on nothing is said.
MOST = 0.9
NO_VIDEO = "neither an image nor a video that OpenCV can read"
NO_FRAMES = "a video without a frame that can be decoded"

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
        if not self._interval:
            return True
        if self._due is None:
            self._due = seconds
        if seconds + CLOCK_RESOLUTION_S < self._due:
            return False
        late = seconds - self._due > self._interval
        self._due = (seconds if late else self._due) + self._interval
        return True


class FrameTime:
    """The time of each frame in its video, which always goes on.

    Raw streams of H.264 and HEVC know no times at all, and where recordings were joined the time
    goes back: such a frame comes as long after the one before as the frame rate says.

    Args:
        fps: frames a second, as the container says; anything where it does not.
    """

    def __init__(self, fps: float) -> None:
        self._step = 1 / (fps if LOWEST_FPS <= fps <= HIGHEST_FPS else USUAL_FPS)
        self._last: float | None = None
        self._now = 0.0

    def of(self, seconds: float) -> float:
        """The time of the next frame, which says this of itself."""
        if self._last is not None:
            step = seconds - self._last
            self._now += step if 0 < step < math.inf else self._step
        self._last = seconds
        return self._now


def encoded(frame: NDArray[np.uint8], quality: int) -> bytes:
    """A frame, uint8 BGR [height, width, 3], as JPEG."""
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


@contextmanager
def opened(location: str | int | io.BufferedReader, api: int) -> Iterator[cv2.VideoCapture | None]:
    """OpenCV's reader of a path, device, address or `io.BufferedReader`; None if it opens none."""
    quieten()
    # FFmpeg names addresses in what it prints, with their credentials. Who sets this wants to see.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # What reads through Python has limits of its own.
    limit = NO_LIMIT_S if isinstance(location, io.BufferedReader) else LIMIT_S
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        int(limit * 1000),
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        int(limit * 1000),
    ]
    try:
        parameters = limits if api == cv2.CAP_FFMPEG else []
        video = cv2.VideoCapture(cast(Any, location), api, parameters)
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
        file: its path, or the file, open.
        quality: of the JPEGs, 1 to 100.
        max_fps: frames per second of video; 0 for all.
        trouble: asked at the end why the file is not whole; empty if it is.
    """

    live = False

    def __init__(
        self,
        source_id: str,
        file: str | io.BufferedReader,
        *,
        quality: int,
        max_fps: float,
        trouble: Callable[[], str],
    ) -> None:
        self.id = source_id
        self._file = file
        self._quality = quality
        self._max_fps = max_fps
        self._trouble = trouble
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
        with opened(self._file, cv2.CAP_FFMPEG) as video:
            if video is not None:
                yield from self.frames(video, stop)
            if stop.is_set():
                return
            if reason := self._trouble():
                yield Unreadable(self.id, f"{reason}, after {self._read} frames")
            elif video is None:
                yield Unreadable(self.id, NO_VIDEO)
            elif self._read == 0:
                yield Unreadable(self.id, NO_FRAMES)
            elif self._read < MOST * self._total:
                # No proof: trimmed on a phone, or with a varying frame rate, it is whole.
                log.warning(
                    "fewer frames than its container names source=%s frames=%d named=%d: damaged "
                    "in between, trimmed, or of a varying frame rate",
                    self.id,
                    self._read,
                    self._total,
                )

    def frames(self, video: cv2.VideoCapture, stop: threading.Event) -> Iterator[Item]:
        """The frames that go through of an open video, and those that cannot be decoded."""
        self._total = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
        thinning, time = Thinning(self._max_fps), FrameTime(video.get(cv2.CAP_PROP_FPS))
        while not stop.is_set() and video.grab():
            self._read += 1
            if not thinning.due(time.of(video.get(cv2.CAP_PROP_POS_MSEC) / 1000)):
                continue
            there, frame = video.retrieve()
            if there:
                yield Capture(encoded(np.asarray(frame, np.uint8), self._quality), self.id, JPEG)
            else:
                yield Unreadable(f"{self.id} frame {self._read}", "cannot be decoded")
