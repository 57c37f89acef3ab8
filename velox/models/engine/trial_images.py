"""Noise to measure forms of a model with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def noise(size: int, count: int) -> NDArray[np.uint8]:
    """Images of noise, the same each time: uint8 [count, size, size, 3]."""
    shape = (count, size, size, 3)
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
