"""The synthetic data set: shapes drawn, encoded, and read back as a consumer reads them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from velox.base.waiting import Stopped
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing
from velox.images.shapes import ShapeGenerator, class_labels
from velox.training.data.dataset import Dataset, Held, Indices, Pixels

# Each chunk has a generator of its own, so that the images do not depend on the number of threads.
_CHUNK = 50


class Shapes:
    """Draws data sets of synthetic shapes.

    Args:
        colors, shapes: names out of `velox.images.shapes`.
        height, width: of the images as they are drawn and encoded, in pixels.
        quality: of the JPEG, 1 to 100.
        size: height and width of the data set's images in pixels.
        preprocessing: how an image becomes one of that size.
        seed: of everything.
    """

    def __init__(
        self,
        *,
        colors: Sequence[str],
        shapes: Sequence[str],
        height: int,
        width: int,
        quality: int,
        size: int,
        preprocessing: Preprocessing,
        seed: int,
    ) -> None:
        self.labels = class_labels(colors, shapes)
        self._colors, self._shapes = colors, shapes
        self._height, self._width = height, width
        self._quality, self._size, self._seed = quality, size, seed
        self._preprocessing = preprocessing

    def draw(
        self,
        per_class: int,
        stream: int,
        *,
        stop: threading.Event,
        on_progress: Callable[[int, int], None],
    ) -> Dataset:
        """Draw so many images of each label.

        Args:
            per_class: images of each label.
            stream: of the seed, at least 1; different streams are independent.
            stop: ends it early.
            on_progress: called in any thread with the images that are ready and those wanted.

        Raises:
            Stopped: when told to stop.
        """
        count = per_class * len(self.labels)
        targets: Indices = np.arange(count, dtype=np.int64) % len(self.labels)
        pixels = np.empty((count, self._size, self._size, 3), np.uint8)
        ready, lock = 0, threading.Lock()
        cv2.setNumThreads(1)

        def fill(first: int) -> None:
            nonlocal ready
            end = min(first + _CHUNK, count)
            self._fill(pixels[first:end], targets[first:end], (stream, first // _CHUNK + 1), stop)
            with lock:
                ready += end - first
                on_progress(ready, count)

        with ThreadPoolExecutor(os.cpu_count(), "draw") as pool:
            list(pool.map(fill, range(0, count, _CHUNK)))
        if stop.is_set():
            raise Stopped("stopped while the images were drawn; no model was written")
        return Dataset(Held(pixels), np.arange(count, dtype=np.int64), targets, self.labels)

    def _fill(
        self, pixels: Pixels, targets: Indices, stream: tuple[int, int], stop: threading.Event
    ) -> None:
        if stop.is_set():
            return
        generator = ShapeGenerator(
            colors=self._colors,
            shapes=self._shapes,
            height=self._height,
            width=self._width,
            seed=[self._seed, *stream],
        )
        for row, target in enumerate(targets):
            data, _ = generator.encoded(self.labels[target], quality=self._quality)
            pixels[row] = decode(
                data,
                size=self._size,
                max_pixels=self._height * self._width,
                preprocessing=self._preprocessing,
            )
