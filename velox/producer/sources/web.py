"""What is at an address of HTTP: a camera, or a video file, which ends."""

from __future__ import annotations

import http.client
import io
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import cv2

from velox.producer.sources.address import is_reachable
from velox.producer.sources.camera import Camera
from velox.producer.sources.capture import Item
from velox.producer.sources.http_file import film_at, told
from velox.producer.sources.video import VideoFile, opened

BUFFER_BYTES = 262_144


class Web(Camera):
    """Reads a file to its end and whole, as if it were here; all else as a camera.

    A file has a length, or is a film of more than one frame by its container or playlist.

    Args:
        source_id: the name of every frame's source, and in logs.
        address: where it is; it never reaches a log.
        quality: of the JPEGs, 1 to 100.
        max_fps: frames a second; 0 for all.
    """

    def __init__(self, source_id: str, address: str, *, quality: int, max_fps: float) -> None:
        super().__init__(
            source_id,
            address,
            api=cv2.CAP_FFMPEG,
            quality=quality,
            max_fps=max_fps,
            why_nothing_comes=lambda: self._reason,
            is_reachable=lambda: is_reachable(address),
        )
        self._address = address
        self._reason = ""
        self._film: VideoFile | None = None

    @property
    def live(self) -> bool:
        """Whether it is a camera, as far as is known yet."""
        return self._film is None

    @property
    def done(self) -> float | None:
        """The share of a file's frames."""
        return self._film.done if self._film else None

    def _connection(self, stop: threading.Event) -> Iterator[Item]:
        self._film = None
        self._reason = "it answers, but sends no picture"
        try:
            file = film_at(self._address, stop)
        except (OSError, http.client.HTTPException) as error:
            self._reason = told(error)
            return
        if file is not None:
            with io.BufferedReader(cast(Any, file), BUFFER_BYTES) as buffered:
                self._film = self._film_of(buffered, lambda: file.error)
                yield from self._film.items(stop)
            return
        with opened(self._address, cv2.CAP_FFMPEG) as video:
            if video is not None and video.get(cv2.CAP_PROP_FRAME_COUNT) > 1:
                self._film = self._film_of(None, lambda: "")
                yield from self._film.frames(video, stop)
            else:
                yield from self._frames(video, stop)

    def _film_of(self, file: io.BufferedReader | None, trouble: Callable[[], str]) -> VideoFile:
        return VideoFile(
            self.id,
            file or self._address,
            quality=self._quality,
            max_fps=self._max_fps,
            trouble=trouble,
        )

    def _ended(self) -> bool:
        return self._film is not None
