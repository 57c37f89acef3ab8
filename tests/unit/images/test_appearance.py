"""Brightness, contrast and sharpness: what changes each, and what does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from velox.base.reference import LOOKS
from velox.images.appearance import looks

Pixels = NDArray[np.uint8]


def noise(side: int, *, low: int = 0, high: int = 256) -> Pixels:
    pixels = np.random.default_rng(7).integers(low, high, (1, side, side, 3))
    return np.asarray(pixels, np.uint8)


def scene(side: int = 96) -> Pixels:
    """Edges and a gradient, as a picture has them."""
    image = np.tile(np.linspace(40, 160, side).astype(np.uint8)[None, :, None], (side, 1, 3))
    cv2.rectangle(image, (side // 4, side // 4), (side // 2, side // 2), (220, 60, 40), -1)
    for at in range(5, side, 9):
        cv2.line(image, (at, 0), (side - at, side), (20, 200, 90), 1)
    return image[None]


def seen(images: Pixels) -> dict[str, float]:
    (found,) = looks(images)
    return dict(zip(LOOKS, map(float, found), strict=True))


def test_one_colour_has_brightness_alone() -> None:
    for side in (1, 2, 4, 33, 224):
        red = np.zeros((1, side, side, 3), np.uint8)
        red[..., 0] = 255
        expected = {"brightness": 1 / 3, "contrast": 0, "sharpness": 0}
        assert seen(red) == pytest.approx(expected, abs=1e-3)


def test_noise_is_as_sharp_as_can_be() -> None:
    # Neighbours that are independent differ by twice the variance: the ratio is 1.
    assert seen(noise(224))["sharpness"] == pytest.approx(1, abs=0.1)
    # Of the numbers 0 to 255 the mean is 127.5, and the deviation the root of (256² - 1) / 12.
    assert seen(noise(224))["brightness"] == pytest.approx(0.5, abs=0.03)
    assert seen(noise(224))["contrast"] == pytest.approx(((256**2 - 1) / 12) ** 0.5 / 255, abs=0.03)


def test_the_ratio_is_that_of_its_definition() -> None:
    """On an image so small that every pixel is looked at, but for the last row and column."""
    image = noise(16)
    values = image[0].astype(float)
    here = values[:-1, :-1]
    variance = here.reshape(-1, 3).var(axis=0).mean()
    along = np.square(values[:-1, 1:] - here).mean()
    across = np.square(values[1:, :-1] - here).mean()
    expected = (((along + across) / 2) / (2 * variance)) ** 0.5
    assert seen(image)["sharpness"] == pytest.approx(expected, rel=1e-4)
    assert seen(image)["contrast"] == pytest.approx(variance**0.5 / 255, rel=1e-4)


def test_less_light_is_darker_and_flatter_and_as_sharp() -> None:
    usual, dark = seen(scene()), seen(np.asarray(scene() * 0.6, np.uint8))
    assert dark["brightness"] == pytest.approx(0.6 * usual["brightness"], rel=0.02)
    assert dark["contrast"] == pytest.approx(0.6 * usual["contrast"], rel=0.02)
    assert dark["sharpness"] == pytest.approx(usual["sharpness"], rel=0.03)


@pytest.mark.parametrize("kernel", [(9, 9), (9, 1), (1, 9)], ids=["any way", "along", "across"])
def test_a_blur_in_any_direction_is_less_sharp_and_as_bright(kernel: tuple[int, int]) -> None:
    usual, blurred = seen(scene()), seen(cv2.blur(scene()[0], kernel)[None])
    assert blurred["sharpness"] < 0.85 * usual["sharpness"]
    assert blurred["brightness"] == pytest.approx(usual["brightness"], rel=0.03)


def test_images_of_a_batch_do_not_mix() -> None:
    several = np.concatenate([scene(), noise(96), np.zeros((1, 96, 96, 3), np.uint8)])
    alone = np.concatenate([looks(several[row : row + 1]) for row in range(3)])
    assert looks(several) == pytest.approx(alone, abs=1e-5)
    assert looks(several[:0]).shape == (0, len(LOOKS))
