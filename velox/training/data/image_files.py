"""Image files as a data set has them: decoded as a consumer decodes them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from velox.base.errors import BadImage, ImageTooLarge, SettingError
from velox.base.waiting import Stopped
from velox.images import header as image_header
from velox.images.near import SKETCH, groups, near, sketch
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing
from velox.training.data.dataset import Indices, Pixels

# Small images stay in memory; of large data sets the rest is read again in each epoch.
KEPT_BYTES = 2**30
_CHUNK = 64
_TINY = 4
# Above four channels of 16 bits it is no image; below the bound any size is read.
BYTES_A_PIXEL, LEAST_BOUND = 8, 2**20


class FolderImages:
    """Image files, decoded as a consumer decodes them; see `velox.training.data.dataset.Images`.

    Args:
        paths: of the files.
        size: height and width of the images in pixels.
        max_pixels: pixels above which an image is refused.
        preprocessing: how an image becomes one of that size.
        kept_bytes: bytes of decoded images to keep in memory at most.
        setting: that names their folder.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        size: int,
        max_pixels: int,
        preprocessing: Preprocessing,
        kept_bytes: int = KEPT_BYTES,
        setting: str = "DATASET_PATH",
    ) -> None:
        cv2.setNumThreads(1)
        self.paths = paths
        self._size = size
        self._max_pixels = max_pixels
        self._preprocessing = preprocessing
        self._setting = setting
        fit = min(len(paths), kept_bytes // (size * size * 3))
        self._kept = np.empty((fit, size, size, 3), np.uint8)
        self._stamps = np.zeros((len(paths), 2), np.int64)
        self._shorter = np.zeros(len(paths), np.int64)
        self._sketches = np.empty((len(paths), SKETCH), np.uint8)
        # Pairs of rows that are nearly the same and not mirrored, once `groups` has looked.
        self.upright: list[tuple[int, int]] = []
        self._pool = ThreadPoolExecutor(os.cpu_count(), "decode")

    def read(
        self, *, stop: threading.Event, on_progress: Callable[[int, int], None]
    ) -> dict[int, str]:
        """Decode every file once; those that cannot be used, by row, with the reason.

        Raises:
            Stopped: when told to stop.
        """
        bad: dict[int, str] = {}

        def check(row: int) -> None:
            try:
                found = self.paths[row].stat()
                self._stamps[row] = found.st_size, found.st_mtime_ns
                data = self._data(row)
                pixels = self._decode(data)
            except (BadImage, OSError) as error:
                bad[row] = str(error)
                return
            self._sketches[row] = sketch(pixels)
            header = image_header.read(data)
            self._shorter[row] = min(header.width, header.height) if header else 0
            if row < len(self._kept):
                self._kept[row] = pixels

        for first in range(0, len(self.paths), _CHUNK):
            if stop.is_set():
                raise Stopped("stopped while the images were read; no model was written")
            end = min(first + _CHUNK, len(self.paths))
            list(self._pool.map(check, range(first, end)))
            on_progress(end, len(self.paths))
        return bad

    def fingerprint(self, rows: Indices) -> bytes:
        """A digest of the path, the size and the time of change of each of these files."""
        found = hashlib.sha256(self._stamps[rows].tobytes())
        for row in rows.tolist():
            found.update(os.fsencode(self.paths[row]) + b"\0")
        return found.digest()

    def groups(self, rows: Indices) -> Indices:
        """The same number for those of these images that are nearly the same, int64 [N]."""
        pairs = near(self._sketches[rows])
        self.upright = [
            (int(rows[one]), int(rows[other])) for one, other, mirrored in pairs if not mirrored
        ]
        return rows[groups(len(rows), pairs)]

    def tiny(self, rows: Indices) -> list[int]:
        """Those of these images that are less than a quarter as wide or high as asked for."""
        return [int(row) for row in rows if _TINY * self._shorter[row] < self._size]

    def take(self, rows: Indices) -> Pixels:
        """The images of these rows; see `velox.training.data.dataset.Images.take`."""
        return np.stack(list(self._pool.map(self._image, rows.tolist())))

    def _image(self, row: int) -> Pixels:
        if row < len(self._kept):
            return np.asarray(self._kept[row])
        try:
            return self._decode(self._data(row))
        except (BadImage, OSError) as error:
            raise SettingError(f"{self._setting} changed during training: {error}") from error

    def _data(self, row: int) -> bytes:
        size = self.paths[row].stat().st_size
        if size > BYTES_A_PIXEL * max(self._max_pixels, LEAST_BOUND):
            raise ImageTooLarge(
                f"its {size} bytes are more than {BYTES_A_PIXEL} for each pixel of "
                f"MAX_IMAGE_PIXELS={self._max_pixels}"
            )
        return self.paths[row].read_bytes()

    def _decode(self, data: bytes) -> Pixels:
        return decode(
            data,
            size=self._size,
            max_pixels=self._max_pixels,
            preprocessing=self._preprocessing,
        )
