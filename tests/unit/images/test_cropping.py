"""The part of an image that is looked at: what is outside of it leaves no trace."""

from __future__ import annotations

import io

import cv2
import numpy as np
import PIL.Image
import pytest

from tests.unit.images.test_fitting import NEAR, distance, png, texture
from velox.images import header as image_header
from velox.images.cropping import Crop
from velox.images.fitting import reduced
from velox.images.pixels import decode
from velox.images.preprocessing import FITS, Preprocessing

SIZE = 64
PART = Crop(left=0.25, top=0.1, right=0.75, bottom=0.9)

# What undoes each orientation that EXIF knows, see PIL.ImageOps.exif_transpose.
UNDONE_BY = {
    2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    3: PIL.Image.Transpose.ROTATE_180,
    4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    5: PIL.Image.Transpose.TRANSPOSE,
    6: PIL.Image.Transpose.ROTATE_90,
    7: PIL.Image.Transpose.TRANSVERSE,
    8: PIL.Image.Transpose.ROTATE_270,
}


def made(data: bytes, preprocessing: Preprocessing, crop: Crop | None = None) -> np.ndarray:
    return decode(data, size=SIZE, max_pixels=10**7, preprocessing=preprocessing, crop=crop)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(("height", "width"), [(300, 500), (500, 300), (40, 30)])
def test_it_is_as_if_the_part_were_the_image(height: int, width: int, fit: str) -> None:
    image = texture(height, width)
    rows = slice(round(height * 0.1), round(height * 0.9))
    part = image[rows, round(width * 0.25) : round(width * 0.75)]
    preprocessing = Preprocessing(fit=fit)
    assert (made(png(image), preprocessing, PART) == made(png(part), preprocessing)).all()


@pytest.mark.parametrize("fit", FITS)
def test_of_a_large_jpeg_the_part_stays_sharp(fit: str) -> None:
    """A JPEG is decoded smaller than it is; of a small part that would be too small."""
    image = texture(1600, 1600)
    data = bytes(cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
    crop = Crop(left=0.5, top=0.5, right=0.55, bottom=0.6)
    wanted = made(png(image[800:960, 800:880]), Preprocessing(fit=fit))
    assert distance(made(data, Preprocessing(fit=fit), crop), wanted) < NEAR[".jpg"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_part_is_one_of_the_image_as_it_is_seen(orientation: int) -> None:
    """EXIF turns the image before anything is cut: a quarter of 640 x 480 is at its own corner."""
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    shown = PIL.Image.new("RGB", (640, 480))
    shown.paste((255, 255, 255), (320, 0, 640, 120))
    stored = shown.transpose(UNDONE_BY[orientation]) if orientation > 1 else shown
    data = io.BytesIO()
    stored.save(data, "JPEG", quality=95, exif=exif)
    found = made(data.getvalue(), Preprocessing(), Crop(left=0.5, bottom=0.25))
    assert found.min() > 240


@pytest.mark.parametrize("crop", [Crop(right=0.001, bottom=0.001), Crop(left=0.999, top=0.999)])
@pytest.mark.parametrize("side", [1, 2, 300])
def test_at_least_one_pixel_is_left(crop: Crop, side: int) -> None:
    part = crop.of(np.zeros((side, side, 3), np.uint8))
    assert part.shape == (1, 1, 3)


def test_without_a_crop_a_jpeg_is_decoded_as_small_as_ever() -> None:
    header = image_header.read(bytes(cv2.imencode(".jpg", np.zeros((1024, 1024, 3), np.uint8))[1]))
    assert header is not None
    flags = [reduced(header, SIZE, Preprocessing(), crop) for crop in (None, Crop(), PART)]
    assert flags == [
        cv2.IMREAD_REDUCED_COLOR_8,
        cv2.IMREAD_REDUCED_COLOR_8,
        cv2.IMREAD_REDUCED_COLOR_8,
    ]
    assert reduced(header, SIZE, Preprocessing(), Crop(right=0.25)) == cv2.IMREAD_REDUCED_COLOR_4
    assert reduced(header, SIZE, Preprocessing(), Crop(right=0.06)) == cv2.IMREAD_COLOR
