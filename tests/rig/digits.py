"""Real images for training: scikit-learn's handwritten digits as a folder of PNGs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

# The data set's grey values go from 0 to 16.
BRIGHTEST = 16
SCALE = 4


def write(folder: Path, *, per_label: int | None = None) -> int:
    """Write `folder/DIGIT/NUMBER.png`; the number of images.

    Source: UCI ML "Optical Recognition of Handwritten Digits", 1797 images of 8 x 8 pixels.

    Args:
        folder: is made.
        per_label: at most so many images of each digit.
    """
    # Takes seconds to import, which a run that only collects the tests must not wait for.
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    written = 0
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
        for number in np.flatnonzero(targets == label)[:per_label].tolist():
            pixels = (images[number].reshape(8, 8) * (255 / BRIGHTEST)).astype(np.uint8)
            size = 8 * SCALE
            larger = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_CUBIC)
            cv2.imwrite(str(folder / str(label) / f"{number}.png"), larger)
            written += 1
    return written
