"""Records to an array of images, on several cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from velox.base.errors import BadImage
from velox.base.machine import usable_cores
from velox.base.records import DeadLetter, Record
from velox.consumer.sources.rules import NO_RULES, Sources
from velox.images.cropping import Crop
from velox.images.pixels import one_core_an_image
from velox.images.preprocessing import Preprocessing

STAGE = "decode"
# Between two images a thread needs the interpreter's lock. On 16 cores, 12 threads decoded 14,161
# images/s of 256 pixels a side, 16 threads 10,060.
MOST_THREADS = 12

Image = NDArray[np.uint8]


class DecodeOne(Protocol):
    """As `velox.images.pixels.decode`."""

    def __call__(
        self,
        data: bytes | None,
        *,
        size: int,
        max_pixels: int,
        preprocessing: Preprocessing,
        out: Image | None = None,
        crop: Crop | None = None,
    ) -> Image:
        """One image, uint8 RGB [size, size, 3], in `out` if that is given; raises BadImage."""


class Decoder:
    """Decodes batches with a pool of threads; OpenCV releases the interpreter's lock.

    Args:
        decode: decodes one image.
        max_pixels: pixels above which an image is refused.
        threads: threads of the pool; 0 for one a usable core, at most `MOST_THREADS`. The engine
            has as many as cores: the kernel gives each stage what the other leaves, which no fixed
            split does.
    """

    def __init__(self, decode: DecodeOne, *, max_pixels: int, threads: int = 0) -> None:
        one_core_an_image()
        self._decode = decode
        self._max_pixels = max_pixels
        self._threads = threads or min(usable_cores(), MOST_THREADS)
        self._pool = ThreadPoolExecutor(self._threads, "decode")

    def decode(
        self,
        records: Sequence[Record],
        size: int,
        preprocessing: Preprocessing,
        sources: Sources = NO_RULES,
    ) -> tuple[Image, list[Record], list[DeadLetter]]:
        """Decode the records' values.

        Args:
            records: whose values are encoded images.
            size: height and width of the results in pixels.
            preprocessing: the model's.
            sources: say which part of each source's images is looked at.

        Returns:
            The images, uint8 RGB [N, size, size, 3], their records in the same order, and a
            dead letter for each record that is no image.
        """
        images = np.empty((len(records), size, size, 3), np.uint8)
        errors: list[BadImage | None] = [None] * len(records)
        decode_every_nth = self._chunk(records, images, errors, preprocessing, sources)
        if len(records) == 1:
            # To wake a thread takes longer than to hand over one image gains.
            decode_every_nth(0)
        else:
            list(self._pool.map(decode_every_nth, range(self._threads)))
        good = [row for row, error in enumerate(errors) if error is None]
        dead = [
            DeadLetter(record, STAGE, error)
            for record, error in zip(records, errors, strict=True)
            if error is not None
        ]
        if dead:
            images = images[good]
        return images, [records[row] for row in good], dead

    def _chunk(
        self,
        records: Sequence[Record],
        images: Image,
        errors: list[BadImage | None],
        preprocessing: Preprocessing,
        sources: Sources,
    ) -> Callable[[int], None]:
        def decode_every_nth(first: int) -> None:
            for row in range(first, len(records), self._threads):
                try:
                    self._decode(
                        records[row].value,
                        size=images.shape[1],
                        max_pixels=self._max_pixels,
                        preprocessing=preprocessing,
                        out=images[row],
                        crop=sources.crop_of(records[row]) if sources.crops else None,
                    )
                except BadImage as error:
                    errors[row] = error

        return decode_every_nth

    def refusal(self, data: bytes, size: int, preprocessing: Preprocessing) -> BadImage | None:
        """Why an encoded image would be refused, None if it would not."""
        try:
            self._decode(data, size=size, max_pixels=self._max_pixels, preprocessing=preprocessing)
        except BadImage as error:
            return error
        return None

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
