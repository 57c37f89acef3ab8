"""Synthetic images: one coloured shape on a plain but uneven ground, drawn from a seed.

Position, size, rotation, shade, ground, clutter and noise are random, so that the task is a real
one. The ground is nearly grey and never bright, so that no part of it passes for a shape's colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]

# Colours at full strength, red, green and blue of 255.
COLORS = MappingProxyType(
    {
        "red": (225, 30, 30),
        "green": (30, 190, 45),
        "blue": (40, 65, 230),
        "yellow": (240, 225, 30),
        "cyan": (30, 215, 225),
        "magenta": (225, 40, 215),
        "orange": (245, 125, 15),
        "white": (250, 250, 250),
    }
)
_SHADES = (0.8, 1.0)
_SHADE_JITTER = 12

_GROUND = (15, 135)
_GROUND_TINT = 14
_CLUTTER = 3

# Of the circle around the shape, relative to the image's shorter side.
_RADII = (0.24, 0.40)

_NOISE_TILE = 512
_NOISE_SHIFT = 64
_NOISE_DEVIATIONS = (0.0, 8.0)
# The deviation that the stored noise has, in its own 8 bits around 128.
_NOISE_STORED = 32.0

# Bits after the point in the coordinates that OpenCV is given.
_SUBPIXEL = 4


def _regular(corners: int, *, inner: float = 1.0) -> NDArray[np.float64]:
    """Corners float64 [N, 2] on the unit circle, every second one at the radius `inner`."""
    angles = np.arange(corners) * (2 * np.pi / corners)
    radii = np.where(np.arange(corners) % 2, inner, 1.0)
    return np.stack([np.sin(angles) * radii, -np.cos(angles) * radii], axis=1)


def _cross(arm: float) -> NDArray[np.float64]:
    """The 12 corners of an upright cross whose arms are `arm` of its width wide."""
    quarter = np.array([(arm, 1.0), (arm, arm), (1.0, arm)])
    turn = np.array([(0.0, -1.0), (1.0, 0.0)])
    corners = np.concatenate([quarter @ np.linalg.matrix_power(turn, n) for n in range(4)])
    return np.asarray(corners / np.hypot(arm, 1.0))


SHAPES = MappingProxyType(
    {
        "circle": _regular(72),
        "square": _regular(4),
        "triangle": _regular(3),
        "pentagon": _regular(5),
        "hexagon": _regular(6),
        "star": _regular(10, inner=0.42),
        "cross": _cross(0.33),
    }
)


def class_labels(colors: Sequence[str], shapes: Sequence[str]) -> tuple[str, ...]:
    """Every `colour_shape` pair: for each colour in the order given, each shape in its order."""
    return tuple(f"{color}_{shape}" for color in colors for shape in shapes)


class ShapeGenerator:
    """Draws labelled images; the same arguments and calls give the same images.

    Args:
        colors, shapes: names out of COLORS and SHAPES.
        height, width: of the images in pixels.
        seed: of the generator; a sequence names one of several independent streams.
    """

    def __init__(
        self,
        *,
        colors: Sequence[str],
        shapes: Sequence[str],
        height: int,
        width: int,
        seed: int | Sequence[int],
    ) -> None:
        self.labels = class_labels(colors, shapes)
        self._parts = dict(zip(self.labels, ((c, s) for c in colors for s in shapes), strict=True))
        self._height, self._width = height, width
        self._random = np.random.default_rng(seed)
        self._noise = self._noise_field()

    def draw(self, label: str | None = None) -> tuple[Image, str]:
        """Draw an image of a label, of a random one by default.

        Returns:
            uint8 BGR [height, width, 3], as OpenCV has it, and the label.

        Raises:
            KeyError: for a label that is not in `labels`.
        """
        label = label or self.labels[self._random.integers(len(self.labels))]
        color, shape = self._parts[label]
        image = self._ground()
        self._clutter(image)
        self._shape(image, SHAPES[shape], self._shade(COLORS[color]))
        return self._noisy(image), label

    def encoded(self, label: str | None = None, *, quality: int) -> tuple[bytes, str]:
        """Draw an image and encode it as JPEG of a quality from 1 to 100; see `draw`."""
        image, label = self.draw(label)
        _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        return data.tobytes(), label

    def _noise_field(self) -> Image:
        """Noise a little larger than an image, drawn once: each image takes a part of it.

        Fresh normal deviates for each image would cost more than all of the rest.
        """
        deviates = self._random.standard_normal((_NOISE_TILE, _NOISE_TILE, 3), np.float32)
        tile = np.clip(np.rint(deviates * _NOISE_STORED + 128), 0, 255).astype(np.uint8)
        rows = np.arange(self._height + _NOISE_SHIFT) % _NOISE_TILE
        columns = np.arange(self._width + _NOISE_SHIFT) % _NOISE_TILE
        return np.ascontiguousarray(tile[rows[:, None], columns])

    def _ground(self) -> Image:
        """A smooth surface through nine nearly grey patches."""
        grey = self._random.uniform(*_GROUND, (3, 3, 1))
        tint = self._random.uniform(-_GROUND_TINT, _GROUND_TINT, (1, 1, 3))
        patches = np.clip(grey + tint, 0, 255).astype(np.uint8)
        size = (self._width, self._height)
        return np.asarray(cv2.resize(patches, size, interpolation=cv2.INTER_LINEAR), np.uint8)

    def _clutter(self, image: Image) -> None:
        """A few thin grey lines behind the shape."""
        for _ in range(self._random.integers(_CLUTTER)):
            ends = self._random.uniform(0, 1, (2, 2)) * (self._width, self._height)
            grey = self._random.uniform(*_GROUND)
            thickness = max(1, round(min(image.shape[:2]) * self._random.uniform(0.004, 0.02)))
            start, end = ends.astype(int).tolist()
            cv2.line(image, start, end, (grey, grey, grey), thickness)

    def _shade(self, color: tuple[int, int, int]) -> tuple[float, ...]:
        """A shade of a colour, as BGR."""
        jitter = self._random.uniform(-_SHADE_JITTER, _SHADE_JITTER, 3)
        shade = np.array(color) * self._random.uniform(*_SHADES) + jitter
        return tuple(np.clip(shade, 0, 255)[::-1].tolist())

    def _shape(self, image: Image, corners: NDArray[np.float64], color: tuple[float, ...]) -> None:
        """Fill the shape, all of it inside the image."""
        radius = self._random.uniform(*_RADII) * min(self._height, self._width)
        angle = self._random.uniform(0, 2 * np.pi)
        center = self._random.uniform(radius, (self._width - radius, self._height - radius))
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = corners @ np.array([(cosine, sine), (-sine, cosine)])
        points = np.rint((turned * radius + center) * 2**_SUBPIXEL).astype(np.int32)
        cv2.fillPoly(image, [points], color, lineType=cv2.LINE_AA, shift=_SUBPIXEL)

    def _noisy(self, image: Image) -> Image:
        top, left = self._random.integers(_NOISE_SHIFT + 1, size=2)
        noise = self._noise[top : top + self._height, left : left + self._width]
        weight = self._random.uniform(*_NOISE_DEVIATIONS) / _NOISE_STORED
        return np.asarray(cv2.addWeighted(image, 1.0, noise, weight, -128.0 * weight), np.uint8)
