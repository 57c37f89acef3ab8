"""An image and a document of Velox's own, made so that whatever works takes them.

Where records are refused one after the other, these go the same way and tell whose fault it is.
"""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.records import Detection, utc_text
from velox.images.shapes import ShapeGenerator

SIDE = 512
QUALITY = 90
# Documents that begin so are nobody's detections.
ID_PREFIX = "velox:probe:"


@cache
def encoded() -> bytes:
    """A JPEG of the size that synthetic images have by default."""
    return _shapes().encoded(quality=QUALITY)[0]


@cache
def pixels(size: int) -> NDArray[np.uint8]:
    """The same kind of image as a batch of one for a model, uint8 RGB [1, size, size, 3]."""
    image, _ = _shapes().draw()
    square = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(square, cv2.COLOR_BGR2RGB), np.uint8)[np.newaxis]


def detection(labels: Sequence[str], model: str) -> Detection:
    """A detection as any other, with a text in each field that may hold one.

    Its texts are its own, so that it meets no other in an index that allows each text once.
    """
    own = f"{ID_PREFIX}{socket.gethostname()}:{uuid.uuid4().hex}"
    return Detection(
        id=own,
        timestamp=utc_text(int(time.time() * 1000)),
        predicted_label=labels[0],
        confidence=1.0,
        ground_truth=labels[0],
        file_path=own,
        source=own,
        latency_ms=0.0,
        model=model,
    )


def _shapes() -> ShapeGenerator:
    return ShapeGenerator(colors=["red"], shapes=["circle"], height=SIDE, width=SIDE, seed=0)
