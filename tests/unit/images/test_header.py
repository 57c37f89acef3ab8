import random
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.images.odd_files import odd_files
from velox.images import header

FORMATS = {
    ".jpg": ".jpg",
    ".png": ".png",
    ".webp": ".webp",
    ".gif": ".gif",
    ".bmp": ".bmp",
    ".tiff": ".tiff",
    ".jp2": ".jp2",
    ".avif": ".avif",
    ".ppm": ".pnm",
    ".pgm": ".pnm",
    ".pam": ".pam",
    ".ras": ".ras",
    ".hdr": ".hdr",
    ".pfm": ".pfm",
}


def encoded(extension: str, parameters: tuple[int, ...] = ()) -> bytes:
    image: NDArray[Any] = np.full((60, 100), 7, np.uint8)
    if extension != ".pgm":
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if extension in (".hdr", ".pfm"):
        image = image.astype(np.float32)
    done, data = cv2.imencode(extension, image, list(parameters))
    assert done
    return bytes(data)


def facts(data: bytes) -> tuple[str, int, int, bool] | None:
    found = header.read(data)
    return None if found is None else found[:4]


@pytest.mark.parametrize(("written", "read"), FORMATS.items())
def test_the_size_of_every_format_is_read(written: str, read: str) -> None:
    assert facts(encoded(written)) == (read, 100, 60, True)


def test_lossless_webp_and_progressive_jpeg() -> None:
    lossless = encoded(".webp", (cv2.IMWRITE_WEBP_QUALITY, 101))
    progressive = encoded(".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))
    assert facts(lossless) == (".webp", 100, 60, True)
    assert facts(progressive) == (".jpg", 100, 60, True)


@pytest.mark.parametrize("at", [8, 33, -12], ids=["IHDR", "IDAT", "IEND"])
def test_a_png_chunk_longer_than_the_file_is_an_image_cut_short(at: int) -> None:
    """The decoder would make room for what the chunk claims, gigabytes for a few bytes."""
    data = bytearray(encoded(".png"))
    data[at if at > 0 else len(data) + at] = 0x7F
    assert facts(bytes(data)) == (".png", 100, 60, False)


def test_a_png_may_say_iend_elsewhere_and_have_more_after_its_end() -> None:
    text = b"\0\0\0\x08tEXtIEND\0..." + bytes(4)
    data = encoded(".png")
    whole = data[:33] + text + data[33:] + b"more"
    assert facts(whole) == (".png", 100, 60, True)
    cut = data[:33] + text + data[33:-12]
    assert facts(cut) == (".png", 100, 60, False)


def test_a_thumbnail_does_not_stand_in_for_the_image() -> None:
    thumbnail = encoded(".jpg")
    image = np.zeros((400, 600, 3), np.uint8)
    data = bytes(cv2.imencode(".jpg", image)[1])
    segment = b"\xff\xe2" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    whole = data[:2] + segment + data[2:]
    assert facts(whole) == (".jpg", 600, 400, True)
    assert facts(whole[:-2]) == (".jpg", 600, 400, False)


@pytest.mark.parametrize("written", FORMATS)
def test_no_bytes_make_it_raise(written: str) -> None:
    data = encoded(written)
    rng = random.Random(written)
    for length in range(min(len(data), 400)):
        header.read(data[:length])
    for _ in range(500):
        mutated = bytearray(data)
        for _ in range(rng.randint(1, 8)):
            mutated[rng.randrange(min(len(data), 200))] = rng.randrange(256)
        header.read(bytes(mutated))


def test_a_tiff_of_64_bit_offsets_is_read_as_any_other() -> None:
    found = {facts(odd_files()[name]) for name in ("BigTIFF", "TIFF of RGB")}
    assert found == {(".tiff", 64, 40, True)}


@pytest.mark.parametrize("at", range(0, 250, 2))
@pytest.mark.parametrize("what", [b"\xff" * 8, bytes(8)], ids=["full", "empty"])
def test_no_number_is_too_large_or_too_small(at: int, what: bytes) -> None:
    """Each of these once made a number that Python has no room for, or divided by one of zero."""
    for name in ("BigTIFF", "TIFF of RGB", "PNG with a clear grey", "JPEG2000 of RGB"):
        data = odd_files()[name]
        header.read(data[:at] + what + data[at + 8 :])


def test_a_brand_of_other_images_is_not_an_avif() -> None:
    data = encoded(".avif")
    assert facts(data.replace(b"ftypavif", b"ftypmif1", 1)) == (".avif", 100, 60, True)
    assert header.read(data.replace(b"avif", b"heic")) is None
    assert header.read(b"\0\0\0\x18ftypisom" + bytes(200)) is None


def test_extension_of_what_is_unknown() -> None:
    assert header.extension(encoded(".png")) == ".png"
    assert header.extension(b"") == ".bin"
    assert header.extension(b"text") == ".bin"
