"""What becomes of transparency, of more than 8 bits, of turned images and of several pages.

Pillow and numpy say what is right; sides are the model's, so that nothing is resized.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest

from tests.unit.images.odd_files import (
    ALPHA,
    CLEAR,
    DEEP,
    DEEP_CLEAR,
    PICTURE,
    odd_files,
    opencv,
    orientation,
    pam,
    pillow,
    tiff,
)
from velox.base.errors import UndecodableImage
from velox.images import header as image_header
from velox.images.fitting import reduced
from velox.images.pages import several
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing

SIDE = 32
PLAIN = Preprocessing()
GREEN = (10, 200, 60)
OVER_GREEN = Preprocessing(background=GREEN)
OWN_RANGE = Preprocessing(value_range="image")
FILES = odd_files()
# What OpenCV's 8 bits of three colours get wrong: right, or refused, for every model.
MENDED = {
    *(f"AVIF turned {number}" for number in (3, 6, 7)),
    "AVIF clear and turned", "PFM", "PAM of RGB", "PAM of RGB and alpha", "PAM of 16 bits",
    "PAM of grey and alpha",
    "PAM of white 1023", "PAM of black and white", "PGM of white 85", "PPM of white 4095",
    "TIFF of float32", "TIFF of float64", "TIFF of int16", "TIFF of int32",
}  # fmt: skip


def square(image: np.ndarray) -> np.ndarray:
    """The middle of an image, as its files are cut below."""
    return np.ascontiguousarray(image[4 : 4 + SIDE, 16 : 16 + SIDE])


def made(data: bytes, preprocessing: Preprocessing = PLAIN) -> np.ndarray:
    return decode(data, size=SIDE, max_pixels=10**6, preprocessing=preprocessing)


def over(colors: np.ndarray, alpha: np.ndarray, background: tuple[int, int, int]) -> np.ndarray:
    share = alpha.astype(float) / 255
    return np.asarray(colors * share + np.array(background) * (1 - share))


def assert_near(found: np.ndarray, wanted: np.ndarray, *, most: float = 1) -> None:
    assert np.abs(np.asarray(found, float) - wanted).max() <= most


@pytest.mark.parametrize("name", sorted(FILES.keys() - MENDED))
def test_without_a_choice_an_image_is_what_opencvs_own_colors_are(name: str) -> None:
    """The whole of what every model was fed before there were choices."""
    header = image_header.read(FILES[name])
    assert header is not None
    buffer = np.frombuffer(FILES[name], np.uint8)
    image = cv2.imdecode(buffer, reduced(header, SIDE, PLAIN))
    assert image is not None
    multiples = [max(1, int(np.ceil(side / SIDE - 0.2))) * SIDE for side in image.shape[1::-1]]
    if tuple(multiples) != image.shape[1::-1]:
        image = cv2.resize(image, multiples, interpolation=cv2.INTER_LINEAR)
    if multiples != [SIDE, SIDE]:
        image = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.array_equal(made(FILES[name]), image[..., ::-1])


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (opencv(".png", square(CLEAR)), 1),
        (pillow(PIL.Image.fromarray(square(CLEAR)), "WEBP", lossless=True, exact=True), 1),
        (opencv(".tiff", square(CLEAR)), 1),
        (opencv(".bmp", square(CLEAR)), 1),
        (opencv(".jp2", square(CLEAR)), 4),
        (opencv(".avif", square(CLEAR), cv2.IMWRITE_AVIF_QUALITY, 100), 8),
        (pam(square(CLEAR), "RGB_ALPHA", 255), 1),
        (
            opencv(
                ".png", square(np.concatenate((PICTURE, ALPHA), axis=2).astype(np.uint16) * 257)
            ),
            1,
        ),
    ],
    ids=["png", "webp", "tiff", "bmp", "jp2", "avif", "pam", "png of 16 bits"],
)
def test_transparency_shows_the_background(data: bytes, most: int) -> None:
    wanted = over(square(PICTURE), square(ALPHA), GREEN)
    assert_near(made(data, OVER_GREEN), wanted, most=most)
    assert_near(made(data), square(PICTURE), most=most)


def test_the_fast_way_to_the_background_is_the_exact_one_to_a_step() -> None:
    """Every alpha over every grey, and the same of 16 bits, which goes the other way."""
    greys = np.arange(256, dtype=np.uint8)
    image = np.stack(np.broadcast_arrays(greys[:, None], 9, 200, greys[None]), axis=2)
    image = image.astype(np.uint8)
    found, exact = (
        decode(opencv(".png", each), size=256, max_pixels=10**6, preprocessing=OVER_GREEN)
        for each in (image, image.astype(np.uint16) * 257)
    )
    assert_near(found, exact)
    assert (found[:, 0] == GREEN).all()
    assert np.array_equal(found[:, 255], image[:, 255, :3])


@pytest.mark.parametrize("name", ["AVIF of 10 bits and alpha", "AVIF of 12 bits and alpha"])
def test_alpha_of_an_odd_number_of_bits_counts_whole(name: str) -> None:
    solid = np.where(ALPHA > 127, 4095, 0).astype(np.uint16)
    bits = int(name.split()[2])
    image = np.concatenate((DEEP >> 4, solid), axis=2) >> (12 - bits)
    options = (cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100)
    found = made(opencv(".avif", square(image), *options), OVER_GREEN)
    inside = cv2.erode(square(np.where(ALPHA > 127, 1, 0).astype(np.uint8)), np.ones((9, 9))) > 0
    assert_near(found[inside], square(DEEP)[inside] / 257, most=6)


@pytest.mark.parametrize("name", ["grey", "few colours", "grey and alpha", "colour", "GIF", "16"])
def test_every_kind_of_transparency_is_seen(name: str) -> None:
    """The left half is clear, whatever says so."""
    half = np.zeros((SIDE, SIDE), np.uint8)
    half[:, SIDE // 2 :] = 80
    grey = PIL.Image.fromarray(half)
    colors = PIL.Image.merge("RGB", (grey, grey, grey))
    few = colors.quantize(2)
    clear = grey.convert("RGBA")
    clear.putalpha(grey.point(lambda value: 255 if value else 0))
    data = {
        "grey": pillow(grey, "PNG", transparency=0),
        "few colours": pillow(few, "PNG", transparency=few.getpixel((0, 0))),
        "grey and alpha": pillow(clear.convert("LA"), "PNG"),
        "colour": pillow(colors, "PNG", transparency=(0, 0, 0)),
        "GIF": pillow(clear, "GIF"),
        "16": pillow(PIL.Image.fromarray(half.astype(np.uint16) * 257), "PNG", transparency=0),
    }[name]
    found = made(data, OVER_GREEN)
    assert (found[:, : SIDE // 2] == GREEN).all()
    assert (found[:, SIDE // 2 :] == 80).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_clear_grey_of_few_bits_is_found(bits: int) -> None:
    """Written by OpenCV's library for the one bit, by hand for the others."""
    rows = b"".join(b"\0" + bytes([0b0001_1011 if bits < 4 else 0x01] * 4) for _ in range(4))
    width = 32 // bits
    data = png_of_few_bits(width, bits, rows, clear=1)
    found = decode(data, size=4, max_pixels=1000, preprocessing=OVER_GREEN)
    plain = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert plain is not None
    clear = plain[:4, :, 0] == 255 // (2**bits - 1)
    wanted = np.where(clear[..., None], GREEN, plain[:4].astype(float)[..., ::-1])
    square = cv2.resize(wanted, (4, 4), interpolation=cv2.INTER_AREA)
    assert_near(found, square, most=2)


def png_of_few_bits(width: int, bits: int, rows: bytes, *, clear: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, 4, bits, 0, 0, 0, 0))
        + chunk(b"tRNS", struct.pack(">H", clear))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("name", ["TIFF of LA", "JPEG2000 of LA"])
def test_a_transparency_that_opencv_does_not_give_is_refused_where_it_counts(name: str) -> None:
    with pytest.raises(UndecodableImage, match="grey with transparency cannot be read"):
        made(FILES[name], OVER_GREEN)
    assert made(FILES[name]).shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bits_go_by_their_type_or_by_the_images_own_range(extension: str) -> None:
    grey = square(DEEP[..., 0])
    data = opencv(extension, grey)
    for preprocessing in (PLAIN, OVER_GREEN):
        assert_near(made(data, preprocessing)[..., 0], grey / 257)
    least, greatest = int(grey.min()), int(grey.max())
    wanted = (grey.astype(float) - least) * (255 / (greatest - least))
    assert_near(made(data, OWN_RANGE)[..., 1], wanted)


def test_the_own_range_is_of_what_can_be_seen() -> None:
    image = square(DEEP_CLEAR).copy()
    image[..., 3] = 65_535
    image[:4, :, :3], image[:4, :, 3] = 65_535, 0
    found = made(opencv(".png", image), Preprocessing(value_range="image", background=GREEN))
    assert (found[:4] == GREEN).all()
    assert found[4:].min() == 0
    assert found[4:].max() == 255


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_of_what_is_wholly_clear_the_background_is_seen(kind: type) -> None:
    data = opencv(".tiff", np.zeros((9, 9, 4), kind))
    found = made(data, Preprocessing(value_range="image", background=GREEN))
    assert (found == GREEN).all()


def test_an_image_of_one_value_has_no_range_of_its_own_and_is_black() -> None:
    assert (made(opencv(".png", np.full((9, 9), 40_000, np.uint16)), OWN_RANGE) == 0).all()


def test_8_bits_stay_as_they_are_with_their_own_range() -> None:
    assert np.array_equal(made(FILES["PNG of RGB"], OWN_RANGE), made(FILES["PNG of RGB"]))


def test_a_16_bit_tiff_whose_white_is_0_is_turned_round() -> None:
    grey = square(DEEP[..., 0])
    data = tiff(grey, sample_format=1, photometric=0)
    for preprocessing in (PLAIN, OVER_GREEN):
        assert_near(made(data, preprocessing)[..., 0], 255 - grey / 257)
    assert made(data, OWN_RANGE).max() == 255
    assert made(data, OWN_RANGE)[..., 0].argmax() == grey.argmin()


@pytest.mark.parametrize("name", ["PFM", "TIFF of float32", "TIFF of float64"])
@pytest.mark.parametrize("preprocessing", [PLAIN, OVER_GREEN])
def test_floats_from_0_to_1_are_colors(name: str, preprocessing: Preprocessing) -> None:
    assert_near(made(FILES[name], preprocessing), made(FILES["PNG of RGB"]), most=2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (FILES["TIFF of int16"], "int16 from 1380 to 30900"),
        (FILES["TIFF of int32"], "int32 from 1380 to 30900"),
        (opencv(".tiff", DEEP.astype(np.float32)), "float32 from 1380 to 30900"),
        (opencv(".pfm", PICTURE.astype(np.float32) - 99), "float32 from -90 to 156"),
        (tiff(DEEP[..., 0].astype(np.uint32), sample_format=1), "uint32 from"),
    ],
    ids=["int16", "int32", "float32", "pfm", "uint32"],
)
def test_numbers_whose_black_and_white_nobody_says_need_their_own_range(
    data: bytes, reason: str
) -> None:
    with pytest.raises(UndecodableImage, match=f"{reason}.*train with VALUE_RANGE=image"):
        made(data)
    found = made(data, OWN_RANGE)
    assert found.max() > 240
    assert found.min() < 15


def test_values_that_are_no_numbers_are_refused() -> None:
    image = (PICTURE / 255).astype(np.float32)
    image[3, 3] = np.nan
    for preprocessing in (PLAIN, OWN_RANGE):
        with pytest.raises(UndecodableImage, match="values that are no numbers"):
            made(opencv(".tiff", image), preprocessing)


@pytest.mark.parametrize("preprocessing", [PLAIN, OVER_GREEN])
def test_pam_and_pnm_mean_what_their_headers_say(preprocessing: Preprocessing) -> None:
    wanted = made(FILES["PNG of RGB"])
    assert_near(made(FILES["PAM of RGB"], preprocessing), wanted)
    assert_near(made(FILES["opencv .pam"], preprocessing), wanted)
    assert_near(made(FILES["PAM of RGB and alpha"]), wanted)
    assert_near(made(FILES["PAM of grey"], preprocessing)[..., 1], wanted[..., 0])
    assert_near(made(FILES["PAM of grey and alpha"])[..., 1], wanted[..., 0])
    for name in ("PAM of 16 bits", "PAM of white 1023", "PPM of white 4095"):
        assert_near(made(FILES[name], preprocessing), made(FILES[".png of 16 bits"]), most=1)
    assert_near(made(FILES["PGM of white 85"], preprocessing)[..., 0], wanted[..., 0], most=3)
    with pytest.raises(UndecodableImage, match=r"this kind of \.pam image cannot be read"):
        made(FILES["PAM of black and white"], preprocessing)


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_an_image_is_turned_and_mirrored_as_it_asks(form: str, number: int) -> None:
    """Pillow's `exif_transpose` is the reference; it writes an AVIF's turn into its container."""
    options: dict[str, dict[str, Any]]
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}, "AVIF": {"quality": 100}}
    picture = PIL.Image.fromarray(square(PICTURE))
    data = pillow(picture, form, exif=orientation(number), **options.get(form, {}))
    if form == "AVIF" and number > 1:
        assert b"irot" in data or b"imir" in data
    plain = pillow(picture, "PNG", exif=orientation(number))
    wanted = np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(plain))))
    for preprocessing in (PLAIN, OVER_GREEN):
        assert np.abs(made(data, preprocessing).astype(float) - wanted).mean() < 3


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF"])
def test_what_is_clear_is_turned_too(form: str) -> None:
    options: dict[str, dict[str, Any]]
    options = {"WEBP": {"lossless": True, "exact": True}, "AVIF": {"quality": 100}}
    clear = PIL.Image.fromarray(square(CLEAR))
    data = pillow(clear, form, exif=orientation(6), **options.get(form, {}))
    wanted = np.rot90(over(square(PICTURE), square(ALPHA), GREEN), 3)
    assert np.abs(made(data, OVER_GREEN) - wanted).mean() < 3


def test_an_avif_goes_by_its_container_and_not_by_its_exif_data_as_well() -> None:
    exif = np.frombuffer(orientation(6).tobytes().removeprefix(b"Exif\0\0"), np.uint8)
    image = np.ascontiguousarray(square(PICTURE)[..., ::-1])
    _, data = cv2.imencodeWithMetadata(".avif", image, [cv2.IMAGE_METADATA_EXIF], [exif])
    assert b"irot" in bytes(data)
    wanted = np.rot90(square(PICTURE), 3)
    for preprocessing in (PLAIN, OVER_GREEN):
        found = made(bytes(data), preprocessing)
        assert np.abs(found.astype(float) - wanted).mean() < 4


def test_an_avif_that_asks_for_two_different_turns_is_refused() -> None:
    data = FILES["AVIF turned 6"]
    more = b"\0\0\0\x11free" + b"\0\0\0\x09irot\x01"
    with pytest.raises(UndecodableImage, match="no known image format"):
        made(data + more)


@pytest.mark.parametrize(
    "name",
    [each for each in FILES if "several" in each],
)
def test_several_pages_are_refused_where_they_are_not_wanted(name: str) -> None:
    first = made(FILES[name])
    assert np.array_equal(made(FILES[name], Preprocessing(multi_page="first")), first)
    with pytest.raises(UndecodableImage, match=r"several pages or frames.*MULTI_PAGE=refuse"):
        made(FILES[name], Preprocessing(multi_page="refuse"))


@pytest.mark.parametrize("name", [each for each in FILES if "several" not in each])
def test_one_page_is_no_several(name: str) -> None:
    try:
        wanted = made(FILES[name])
    except UndecodableImage:
        return
    assert np.array_equal(made(FILES[name], Preprocessing(multi_page="refuse")), wanted)


def test_a_gif_that_breaks_off_is_one_frame() -> None:
    data = FILES["GIF of several frames"]
    second = data.rindex(b"\x2c\0\0\0\0")
    header = image_header.read(data)
    assert header is not None
    assert several(header, data)
    assert not several(header, data[:second])
    assert not several(header, data[:15])


def test_pixels_are_those_of_the_release_before() -> None:
    """Digests made before there were choices, with the OpenCV of requirements.lock."""
    recorded = json.loads(Path(__file__).with_name("pixels.json").read_text())
    found_versions = {"opencv": cv2.__version__, "pillow": PIL.__version__}
    if found_versions != recorded["versions"]:
        pytest.skip(f"they hold for {recorded['versions']}")
    for name, digest in recorded["digests"].items():
        found = hashlib.sha256(made(FILES[name]).tobytes()).hexdigest()
        assert found == digest, name
