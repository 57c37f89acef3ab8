"""Images to measure with: the synthetic shapes, encoded as the producer encodes them."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from velox.images.shapes import ShapeGenerator

QUALITY = 90


@functools.cache
def shapes(side: int, count: int = 64) -> tuple[bytes, ...]:
    """Encoded shapes of so many pixels a side."""
    generator = ShapeGenerator(
        colors=("red", "green"),
        shapes=("circle", "square"),
        height=side,
        width=side,
        seed=1,
    )
    return tuple(generator.encoded(quality=QUALITY)[0] for _ in range(count))


@functools.cache
def of_size(size: int, count: int = 64) -> tuple[bytes, ...]:
    """JPEG images of about so many bytes: noise, and as many pixels as that takes."""
    rng = np.random.default_rng(1)
    side = 32
    while True:
        noise = rng.integers(0, 255, (count, side // 4, side // 4, 3), np.uint8)
        images = tuple(
            bytes(cv2.imencode(".jpg", cv2.resize(each, (side, side)))[1]) for each in noise
        )
        if sum(map(len, images)) >= size * count:
            return images
        side += 8
