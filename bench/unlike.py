"""Images that are none of a model's labels, each kind against the images that it resembles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.brought import SIDE
from velox.images.shapes import ShapeGenerator, class_labels

# Capitals and small letters that no digit looks like.
LETTERS = "ACEFGHJKLMNPRTUVWXYabdefhkmnprtwy"
FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_SIMPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)
# Letters are drawn so many times as large as a digit, and made small.
LARGE = 3
OTHER_SHAPES = ("triangle", "pentagon", "hexagon", "star", "cross")


def letters(folder: Path, count: int = 300) -> Path:
    """A folder of letters, white on black and of the size of handwritten digits."""
    random = np.random.default_rng(0)
    for number in range(count):
        _write(folder / "letter" / f"{number}.png", _letter(random))
    return folder


def _letter(random: np.random.Generator) -> NDArray[np.uint8]:
    side = LARGE * SIDE
    image = np.zeros((side, side), np.uint8)
    text, font = str(random.choice(list(LETTERS))), int(random.choice(FONTS))
    scale, thick = random.uniform(1.8, 2.4), int(random.integers(4, 9))
    (width, height), _ = cv2.getTextSize(text, font, scale, thick)
    place = ((side - width) // 2, (side + height) // 2)
    cv2.putText(image, text, place, font, scale, (255,), thick, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D(
        (side / 2, side / 2), random.uniform(-15, 15), random.uniform(0.85, 1.1)
    )
    return _small(cv2.warpAffine(image, turn, (side, side)))


def clothes(folder: Path, photographs: Path) -> Path:
    """A folder of things (clothes among them), bright on black and of the size of digits."""
    for path in sorted(photographs.rglob("thing/*.png")):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert image is not None
        _write(folder / "thing" / path.name, _small(255 - image))
    return folder


def drawn(folder: Path, colors: Sequence[str], shapes: Sequence[str], count: int) -> Path:
    """A folder of drawn shapes, one folder a label; training has drawn other ones."""
    generator = ShapeGenerator(colors=colors, shapes=shapes, height=512, width=512, seed=[1, 2, 3])
    labels = class_labels(colors, shapes)
    for number in range(count):
        label = labels[number % len(labels)]
        data, _ = generator.encoded(label, quality=90)
        path = folder / label / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def _small(image: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _write(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)
