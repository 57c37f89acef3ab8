import contextlib
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import PIL.Image
import pytest

from velox.base.errors import ImageTooLarge, UndecodableImage
from velox.images.pixels import decode
from velox.images.preprocessing import FITS, Preprocessing

EXTENSIONS = [".jpg", ".png", ".webp", ".gif", ".bmp", ".tiff", ".jp2", ".avif", ".ppm", ".pam"]
BLUE_IN_BGR = (255, 0, 0)


def encoded(extension: str, *, height: int = 300, width: int = 500) -> bytes:
    """Red, with a blue corner at the top left."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, :] = (0, 0, 255)
    image[: height // 3, : width // 3] = BLUE_IN_BGR
    done, data = cv2.imencode(extension, image)
    assert done
    return bytes(data)


def small(data: bytes | None) -> np.ndarray:
    return decode(data, size=96, max_pixels=1_000_000)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_format_comes_out_as_rgb_of_the_asked_size(extension: str) -> None:
    image = small(encoded(extension))
    assert image.shape == (96, 96, 3)
    assert image.dtype == np.uint8
    assert np.abs(image[90, 90].astype(int) - (255, 0, 0)).max() < 8
    assert np.abs(image[5, 5].astype(int) - (0, 0, 255)).max() < 8


@pytest.mark.parametrize("side", [96, 100, 192, 384, 512, 768, 900])
def test_a_reduced_jpeg_stays_close_to_the_whole_one(side: int) -> None:
    rng = np.random.default_rng(1)
    smooth = cv2.resize(rng.integers(0, 255, (12, 12, 3), np.uint8), (side, side))
    data = bytes(cv2.imencode(".jpg", smooth, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
    full = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert full is not None
    whole = cv2.resize(full, (96, 96), interpolation=cv2.INTER_AREA)[:, :, ::-1]
    assert np.abs(small(data).astype(int) - whole).mean() < 3


@pytest.mark.parametrize("extension", [".png", ".jpg"])
@pytest.mark.parametrize(
    ("height", "width"),
    [(50, 60), (96, 96), (110, 110), (140, 180), (192, 192), (210, 330), (400, 1000)],
)
def test_every_pixel_counts_as_in_an_antialiased_resize(
    height: int, width: int, extension: str
) -> None:
    """Pillow's resize is the reference."""
    rng = np.random.default_rng(1)
    texture = cv2.GaussianBlur(rng.integers(0, 255, (height, width, 3), np.uint8), (0, 0), 2.5)
    data = bytes(cv2.imencode(extension, texture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
    full = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert full is not None
    reference = np.asarray(
        PIL.Image.fromarray(full).resize((96, 96), PIL.Image.Resampling.BILINEAR), np.float64
    )

    def distance(image: np.ndarray) -> float:
        return float(np.sqrt(((image - reference) ** 2).mean()))

    assert distance(small(data)) < 1.5
    if height * width == 400_000:
        plain = cv2.resize(full, (96, 96), interpolation=cv2.INTER_LINEAR)
        assert distance(plain) > 4, "the texture is fine enough to tell"


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 4)])
def test_grey_transparent_and_16_bit_images_become_rgb(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 60_000, np.uint16)
    data = bytes(cv2.imencode(".png", image)[1])
    assert small(data).shape == (96, 96, 3)
    assert abs(int(small(data)[0, 0, 0]) - 60_000 // 257) <= 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "no value"),
        (b"", "empty"),
        (b"hello, this is text", "19 bytes are in no known"),
        (b"\xff\xd8\xff", "in no known"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "in no known"),
    ],
)
def test_what_is_no_image_is_refused_with_a_reason(data: bytes | None, reason: str) -> None:
    with pytest.raises(UndecodableImage, match=reason):
        small(data)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("tenths", range(1, 10))
def test_a_truncated_image_is_refused(extension: str, tenths: int) -> None:
    data = encoded(extension)
    with pytest.raises(UndecodableImage):
        small(data[: len(data) * tenths // 10])


def test_a_bomb_is_refused_by_its_header_alone() -> None:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + b"\0" * 2000 + b"IEND\xaeB`\x82"
    with pytest.raises(ImageTooLarge, match="50000 x 50000 pixels are more than MAX_IMAGE_PIXELS"):
        small(bomb)


def test_the_bound_on_pixels_includes_itself() -> None:
    data = encoded(".png", height=100, width=100)
    decode(data, size=32, max_pixels=10_000)
    with pytest.raises(ImageTooLarge):
        decode(data, size=32, max_pixels=9_999)


@pytest.mark.parametrize(("side", "at_once"), [(3000, 1), (300, 2)])
def test_large_images_are_decoded_one_at_a_time(
    side: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, most, running = threading.Barrier(2), 0, 0
    really = cv2.imdecode

    def watched(data: np.ndarray, flags: int) -> np.ndarray | None:
        nonlocal most, running
        running += 1
        most = max(most, running)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2 if at_once == 1 else 20)
        running -= 1
        return really(data, flags)

    monkeypatch.setattr(cv2, "imdecode", watched)
    data = encoded(".jpg", height=side, width=side)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: decode(data, size=32, max_pixels=10_000_000), range(2)))
    assert most == at_once


def test_a_rotation_in_exif_is_applied() -> None:
    plain = encoded(".jpg", height=96, width=96)
    tiff = (
        b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHIHH", 0x0112, 3, 1, 3, 0) + b"\0" * 4
    )
    exif = b"Exif\0\0" + tiff
    turned = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + plain[2:]
    assert np.abs(small(turned).astype(int) - small(plain)[::-1, ::-1]).max() < 8


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("side", [60, 96, 110, 192, 500])
@pytest.mark.parametrize("extension", [".jpg", ".png"])
def test_an_image_is_written_into_a_row_of_a_batch(extension: str, side: int, fit: str) -> None:
    data = encoded(extension, height=side, width=side)
    preprocessing = Preprocessing(fit=fit, pad_color=(1, 2, 3))
    batch = np.zeros((3, 96, 96, 3), np.uint8)
    row = batch[1]
    made = decode(data, size=96, max_pixels=1_000_000, preprocessing=preprocessing, out=row)
    assert made is row
    alone = decode(data, size=96, max_pixels=1_000_000, preprocessing=preprocessing)
    assert np.array_equal(batch[1], alone)
    assert not batch[[0, 2]].any()
