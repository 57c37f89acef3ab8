"""(a) Decoding: images a second on one core, against decoding whole and against Pillow."""

from __future__ import annotations

import io

import cv2
import numpy as np
from PIL import Image

from bench.images import shapes
from bench.measure import rates
from bench.results import Results
from velox.images.pixels import decode

SECONDS = 6.0
PIXELS = 50_000_000


def run(results: Results) -> None:
    """Measure."""
    images = shapes(512)
    for size in (96, 224):

        def velox(size: int = size) -> None:
            for data in images:
                decode(data, size=size, max_pixels=PIXELS)

        def whole(size: int = size) -> None:
            for data in images:
                image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                assert image is not None
                cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)

        def pillow(size: int = size) -> None:
            for data in images:
                np.asarray(Image.open(io.BytesIO(data)).convert("RGB").resize((size, size)))

        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)
        figures = rates(
            {
                f"512 to {size}, velox": velox,
                f"512 to {size}, opencv whole": whole,
                f"512 to {size}, pillow": pillow,
            },
            items=len(images),
            seconds=SECONDS,
            unit="images/s",
        )
        cv2.setNumThreads(threads)
        results.add("decode", figures)
