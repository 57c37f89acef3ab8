"""The part of an image that is looked at, in fractions of its sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of every image of a camera, the right way up: the rest is as if it were not there.

    Attributes:
        left, right: where it begins and ends, from the left edge, in [0, 1] of the width.
        top, bottom: the same from the upper edge, of the height.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    def of(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """That part of an image, uint8 [height, width, 3], not copied; at least one pixel."""
        rows = _part(image.shape[0], self.top, self.bottom)
        columns = _part(image.shape[1], self.left, self.right)
        return image[rows, columns]

    def shorter_and_longer(self, width: int, height: int) -> tuple[float, float]:
        """The sides in pixels of what is left, whichever way the image may still be turned.

        The shorter and the longer one, each as it is at least.
        """
        wide, high = self.right - self.left, self.bottom - self.top
        lying = sorted((width * wide, height * high))
        standing = sorted((width * high, height * wide))
        return min(lying[0], standing[0]), min(lying[1], standing[1])


def _part(side: int, begin: float, end: float) -> slice:
    first = min(round(side * begin), side - 1)
    return slice(first, max(first + 1, round(side * end)))
