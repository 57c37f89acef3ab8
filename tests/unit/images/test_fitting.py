"""What becomes of an image that is not square."""

from __future__ import annotations

import cv2
import numpy as np
import PIL.Image
import pytest
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as torchvision

from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing

SIZE = 64
SHAPES = [(300, 500), (500, 300), (64, 64), (40, 30), (150, 65)]
# Distances to the reference: fine textures differ more once they were a JPEG.
NEAR = {".png": 2, ".jpg": 6}


def texture(height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 255, (height, width, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), max(2.5, min(height, width) / 40))
    darkest, brightest = int(smooth.min()), int(smooth.max())
    return ((smooth - darkest) * (255.0 / (brightest - darkest))).astype(np.uint8)


def png(image: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".png", image[..., ::-1])[1])


def made(image: np.ndarray, preprocessing: Preprocessing, extension: str = ".png") -> np.ndarray:
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if extension == ".jpg" else []
    data = bytes(cv2.imencode(extension, image[..., ::-1], options)[1])
    return decode(data, size=SIZE, max_pixels=10**7, preprocessing=preprocessing)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(((one.astype(float) - other) ** 2).mean()))


@pytest.mark.parametrize("resize_size", [0, SIZE, 73])
@pytest.mark.parametrize("extension", [".png", ".jpg"])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_crop_is_what_torchvisions_presets_do(
    height: int, width: int, extension: str, resize_size: int
) -> None:
    """The reference is torchvision's own code, as its ImageClassification preset calls it."""
    image = texture(height, width)
    whole = PIL.Image.fromarray(image)
    resized = torchvision.resize(
        whole, [resize_size or SIZE], interpolation=InterpolationMode.BILINEAR
    )
    wanted = np.asarray(torchvision.center_crop(resized, [SIZE, SIZE]))
    found = made(image, Preprocessing(fit="crop", resize_size=resize_size), extension)
    assert distance(found, wanted) < NEAR[extension]
    if height != width:
        assert distance(found, made(image, Preprocessing())) > 20, "stretching is something else"


@pytest.mark.parametrize("extension", [".png", ".jpg"])
@pytest.mark.parametrize(("height", "width"), SHAPES)
def test_pad_keeps_the_whole_image_and_its_shape(height: int, width: int, extension: str) -> None:
    image = texture(height, width)
    found = made(image, Preprocessing(fit="pad", pad_color=(255, 0, 9)), extension)
    inside_height, inside_width = (
        max(1, round(SIZE * side / max(height, width))) for side in (height, width)
    )
    top, left = (SIZE - inside_height) // 2, (SIZE - inside_width) // 2
    inside = np.zeros((SIZE, SIZE), bool)
    inside[top : top + inside_height, left : left + inside_width] = True
    assert (found[~inside] == (255, 0, 9)).all()
    wanted = np.asarray(
        PIL.Image.fromarray(image).resize(
            (inside_width, inside_height), PIL.Image.Resampling.BILINEAR
        )
    )
    assert distance(found[inside].reshape(wanted.shape), wanted) < NEAR[extension]


@pytest.mark.parametrize("upright", [False, True])
def test_of_a_long_image_crop_takes_the_middle_and_pad_all(upright: bool) -> None:
    """A ramp from black to white, 3 pixels high: the middle is grey."""
    ramp = np.repeat(np.linspace(0, 255, 50_000, dtype=np.uint8)[None, :, None], 3, 0).repeat(3, 2)
    if upright:
        ramp = np.ascontiguousarray(ramp.transpose(1, 0, 2))
    middle = made(ramp, Preprocessing(fit="crop", resize_size=73))
    assert np.abs(middle.astype(int) - 127).max() <= 1
    whole = made(ramp, Preprocessing(fit="pad", pad_color=(9, 9, 9)))
    line = whole[:, 31] if upright else whole[31]
    assert np.abs(line - np.linspace(2, 253, 64)[:, None]).max() < 3
    assert (whole.sum() - line.sum()) == 9 * 3 * 64 * 63, "the rest is padding"


def test_a_jpeg_is_reduced_only_as_far_as_all_pixels_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags: list[int] = []
    really = cv2.imdecode

    def watched(data: np.ndarray, flag: int) -> np.ndarray | None:
        flags.append(flag)
        return really(data, flag)

    monkeypatch.setattr(cv2, "imdecode", watched)
    image = texture(4 * SIZE, 8 * SIZE)
    for preprocessing in (
        Preprocessing(),
        Preprocessing(fit="crop"),
        Preprocessing(fit="crop", resize_size=SIZE + 1),
        Preprocessing(fit="pad"),
    ):
        made(image, preprocessing, ".jpg")
    assert [flag & ~cv2.IMREAD_COLOR_RGB | cv2.IMREAD_COLOR for flag in flags] == [
        cv2.IMREAD_REDUCED_COLOR_4,
        cv2.IMREAD_REDUCED_COLOR_4,
        cv2.IMREAD_REDUCED_COLOR_2,
        cv2.IMREAD_REDUCED_COLOR_8,
    ]
