"""Drawn shapes that are spoiled more or less, so that a model is often wrong about them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from velox.images.shapes import ShapeGenerator

Pixels = NDArray[np.uint8]

COLOURS, FORMS, SIDE = ("red", "green", "blue"), ("circle", "square", "triangle"), 96
LEARNED_SHAPES, UNSEEN_SHAPES = 250, 200


def shapes(folder: Path) -> tuple[Path, Path]:
    """Folders of them, one a label: to learn from, and others."""
    learned, unseen = folder / "shapes", folder / "shapes-unseen"
    for place, count, seed in ((learned, LEARNED_SHAPES, 1), (unseen, UNSEEN_SHAPES, 2)):
        for number, (label, image) in enumerate(_spoiled_shapes(count, seed)):
            target = place / label
            target.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(target / f"{number}.png"), image)
    return learned, unseen


def _spoiled_shapes(count: int, seed: int) -> Iterator[tuple[str, Pixels]]:
    generator = ShapeGenerator(colors=COLOURS, shapes=FORMS, height=SIDE, width=SIDE, seed=[seed])
    random = np.random.default_rng(seed)
    for label in (f"{colour}_{form}" for colour in COLOURS for form in FORMS):
        for _ in range(count):
            data, _ = generator.encoded(label, quality=90)
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), random.uniform(0.5, 9)), np.uint8)
            noisy = image + random.normal(0, random.uniform(0, 30), image.shape)
            yield label, noisy.clip(0, 255).astype(np.uint8)
