"""How an image looks, in three numbers: brightness, contrast and sharpness."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.base.reference import LOOKS

Pixels = NDArray[np.uint8]
Looks = NDArray[np.float32]

# Of a large image so many pairs of rows are looked at: the whole would tell no more.
_PAIRS = 32
_WHITE = 255.0
# Below it, in grey levels squared, an image is of one colour but for rounding.
_PLAIN = 0.25


def looks(images: Pixels) -> Looks:
    """Brightness, contrast and sharpness of images, float32 [N, 3].

    Brightness is the mean of the pixels and contrast their standard deviation, of red, green and
    blue alike, from 0 to 1. Sharpness is the root of von Neumann's ratio: how much neighbours
    differ, by how much pixels differ at all. It is about 1 where neighbours have nothing to do
    with each other, and near 0 where all changes are gradual, as in a blurred image. Twice the
    light makes no difference to it. It is 0 for an image of one colour. (J. von Neumann,
    "Distribution of the ratio of the mean square successive difference to the variance", 1941;
    a half of that ratio is taken, along rows and columns.)

    Args:
        images: uint8 RGB [N, S, S, 3].
    """
    found = np.zeros((len(images), len(LOOKS)), np.float32)
    for row, image in enumerate(images):
        found[row] = _look(image)
    return found


def _look(image: Pixels) -> tuple[float, float, float]:
    side = len(image)
    step = max(1, side // _PAIRS)
    upper = image[: max(1, side - 1) : step]
    means, deviations = cv2.meanStdDev(upper)
    variance = float((deviations * deviations).mean())
    contrast = math.sqrt(variance) / _WHITE
    brightness = float(means.mean()) / _WHITE
    if variance < _PLAIN or side == 1:
        return brightness, contrast, 0.0
    lower = image[1::step]
    along = cv2.norm(upper[:, 1:], upper[:, :-1], cv2.NORM_L2SQR) / (upper.size - upper[:, 0].size)
    across = cv2.norm(upper, lower, cv2.NORM_L2SQR) / upper.size
    return brightness, contrast, math.sqrt((along + across) / 4 / variance)
