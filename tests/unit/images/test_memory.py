"""What decoding takes, measured in a process of its own: every shape, every format, every lie."""

from __future__ import annotations

import io
import json
import re
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from velox.base.errors import ImageTooLarge, OutOfMemory, UndecodableImage
from velox.images import header as image_header
from velox.images import pixels as decoding
from velox.images.fitting import reduced
from velox.images.memory import (
    BYTES_A_PIXEL,
    BYTES_A_RESULT_PIXEL,
    LARGE_BYTES,
    SHARED_BYTES,
    Gate,
    needed,
)
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing
from velox.images.reading import is_unchanged

MAX_PIXELS = 50_000_000
SIZES = (64, 224, 512)
SIDE = 1500
# What an image takes however small it is: tables, the decoder itself, pages not given back.
FIXED_BYTES = 16 * 2**20
MEGABYTE = 10**6


def zeros(height: int, width: int, channels: int = 3, kind: Any = np.uint8) -> np.ndarray:
    return np.zeros((height, width, channels), kind)


def encoded(extension: str, image: np.ndarray, *options: int) -> bytes:
    done, data = cv2.imencode(extension, image, options)
    assert done
    return bytes(data)


def pillow(image: PIL.Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def shapes() -> Iterator[tuple[str, bytes]]:
    """Long and low, narrow and high, as long as each format allows or nearly so."""
    for height, width in ((1, 1_000_000), (1_000_000, 1), (3, 300_000), (300_000, 3), (9, 900_000)):
        yield f"png {width}x{height}", encoded(".png", zeros(height, width))
    yield "png 16 bits alpha low", encoded(".png", zeros(1, 900_000, 4, np.uint16))
    for height, width in ((1, 65_500), (65_500, 1), (300, 65_500)):
        yield f"jpeg {width}x{height}", encoded(".jpg", zeros(height, width))
    for extension in (".webp", ".avif"):
        for height, width in ((1, 16_000), (16_000, 1), (100, 16_000)):
            yield f"{extension} {width}x{height}", encoded(extension, zeros(height, width))
    for extension in (".tiff", ".bmp", ".gif", ".ppm"):
        yield f"{extension} low", encoded(extension, zeros(1, 60_000))
        yield f"{extension} high", encoded(extension, zeros(60_000, 1))
    yield "tiff 16 bits alpha low", encoded(".tiff", zeros(1, 60_000, 4, np.uint16))


def formats() -> Iterator[tuple[str, bytes]]:
    """The costliest form of each format."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    picture = PIL.Image.fromarray(noise[..., :3])
    frames = [PIL.Image.fromarray(noise[::step, :, :3]).resize((SIDE, SIDE)) for step in (2, 3)]
    animated: dict[str, Any] = {"save_all": True, "append_images": frames}
    deep = zeros(SIDE, SIDE, 4, np.uint16)
    yield "png 16 bits alpha", encoded(".png", deep)
    yield "png animated", pillow(picture, "PNG", **animated)
    yield "jpeg progressive cmyk", pillow(picture.convert("CMYK"), "JPEG", progressive=True)
    yield "webp lossless alpha", pillow(PIL.Image.fromarray(noise), "WEBP", lossless=True)
    yield "webp animated", pillow(picture, "WEBP", **animated)
    yield "gif", encoded(".gif", zeros(SIDE, SIDE))
    yield "tiff 16 bits alpha, one strip", encoded(".tiff", deep, 278, SIDE)
    yield "jpeg 2000 16 bits alpha", encoded(".jp2", deep)
    yield "avif", encoded(".avif", zeros(SIDE, SIDE))
    yield "avif 12 bits", encoded(".avif", deep[..., :3], cv2.IMWRITE_AVIF_DEPTH, 12)
    yield "avif 12 bits alpha", encoded(".avif", deep, cv2.IMWRITE_AVIF_DEPTH, 12)
    yield "hdr", encoded(".hdr", zeros(SIDE, SIDE, 3, np.float32))
    yield "pfm", encoded(".pfm", zeros(SIDE, SIDE, 3, np.float32))
    yield "ppm 16 bits", encoded(".ppm", deep[..., :3])


def numbers() -> Iterator[tuple[str, bytes]]:
    """The costliest numbers that are taken as they are in the file."""
    deep = zeros(SIDE, SIDE, 4, np.uint16)
    yield "png 16 bits alpha", encoded(".png", deep)
    yield "tiff 16 bits alpha, one strip", encoded(".tiff", deep, 278, SIDE)
    yield "hdr", encoded(".hdr", zeros(SIDE, SIDE, 3, np.float32))
    yield "pfm", encoded(".pfm", zeros(SIDE, SIDE, 3, np.float32))
    noise = np.random.default_rng(0).random((SIDE, SIDE, 4))
    strip = (278, SIDE)
    yield "tiff float32", encoded(".tiff", noise[..., :3].astype(np.float32), *strip)
    yield "tiff float32 alpha", encoded(".tiff", noise.astype(np.float32), *strip)
    yield "tiff float64", encoded(".tiff", noise[..., :3], *strip)
    yield "png 16 bits alpha low", encoded(".png", zeros(1, 900_000, 4, np.uint16))
    yield "png 16 bits alpha high", encoded(".png", zeros(900_000, 1, 4, np.uint16))
    exif = PIL.Image.Exif()
    exif[0x112] = 6
    clear = PIL.Image.fromarray((noise * 255).astype(np.uint8))
    yield "png turned", pillow(clear, "PNG", exif=exif)
    yield "webp turned", pillow(clear, "WEBP", exif=exif, lossless=True)
    yield "avif turned", pillow(clear, "AVIF", exif=exif, speed=10)


MEASURE = """
import json, re, sys
from pathlib import Path
import cv2, numpy
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing

preprocessing = Preprocessing.of(json.loads(sys.argv[2]))

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

cv2.setNumThreads(1)
small = bytes(cv2.imencode(".png", numpy.zeros((32, 32, 3), numpy.uint8))[1])
for size in map(int, sys.argv[3].split()):
    decode(small, size=size, max_pixels=1000000000)
    for file in sorted(Path(sys.argv[1]).iterdir()):
        data = file.read_bytes()
        Path("/proc/self/clear_refs").write_text("5")
        before = peak()
        decode(data, size=size, max_pixels=1000000000, preprocessing=preprocessing)
        print(size, file.name, peak() - before)
"""


@pytest.mark.parametrize(
    ("images", "preprocessing", "sizes"),
    [
        (shapes, Preprocessing(), SIZES),
        (formats, Preprocessing(), SIZES),
        (shapes, Preprocessing(fit="pad"), SIZES[1:2]),
        (numbers, Preprocessing(background=(1, 2, 3), value_range="image"), SIZES[1:2]),
    ],
)
@pytest.mark.timeout(240)
def test_no_image_takes_more_than_is_stated(
    images: Callable[[], Iterator[tuple[str, bytes]]],
    preprocessing: Preprocessing,
    sizes: tuple[int, ...],
    tmp_path: Path,
) -> None:
    named = dict(images())
    files = {f"{number:03d}": name for number, name in enumerate(named)}
    for file, name in files.items():
        (tmp_path / file).write_bytes(named[name])
    choices = json.dumps(preprocessing.as_dict())
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path, choices, " ".join(map(str, sizes))],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == len(sizes) * len(named)
    over = {}
    for size, file, taken in lines:
        data = named[files[file]]
        header = image_header.read(data)
        assert header is not None
        unchanged = is_unchanged(header, preprocessing)
        stated = (
            needed(header, data, unchanged=unchanged)
            + BYTES_A_RESULT_PIXEL * int(size) ** 2
            + FIXED_BYTES
        )
        if int(taken) > stated:
            over[files[file], size] = (int(taken), stated)
    assert not over


@pytest.mark.parametrize(
    ("height", "width"),
    [
        *((h, w) for h in (64, 65, 77, 90, 128, 300) for w in (64, 70, 129, 480, 2000)),
        (1, 1),
        (5, 9),
        (64, 3),
        (24, 600),
        (700, 30),
    ],
)
@pytest.mark.parametrize("extension", [".png", ".jpg"])
def test_ordinary_images_come_out_bit_by_bit_as_ever(
    height: int, width: int, extension: str
) -> None:
    """Straight through both axes at once, which only extreme shapes are not."""
    size = 64
    noise = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    data = encoded(extension, noise)
    header = image_header.read(data)
    assert header is not None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), reduced(header, size, Preprocessing()))
    assert image is not None
    multiples = [max(1, int(np.ceil(side / size - 0.2))) * size for side in image.shape[1::-1]]
    image = cv2.resize(image, multiples, interpolation=cv2.INTER_LINEAR)
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    assert np.array_equal(decode(data, size=size, max_pixels=MAX_PIXELS), image[..., ::-1])


@pytest.mark.parametrize("upright", [False, True])
def test_an_extreme_shape_is_resized_as_any_other(upright: bool) -> None:
    """A ramp from black to white, 3 pixels high."""
    ramp = np.repeat(np.linspace(0, 255, 50_000, dtype=np.uint8)[None, :, None], 3, 0).repeat(3, 2)
    image = decode(
        encoded(".png", ramp.transpose(1, 0, 2) if upright else ramp),
        size=64,
        max_pixels=MAX_PIXELS,
    )
    wanted = np.linspace(2, 253, 64)
    if upright:
        wanted = wanted[:, None]
    assert np.abs(image[..., 0] - wanted).max() < 3


def avif_with_alpha() -> bytes:
    return encoded(".avif", zeros(1200, 1200, 4))


def test_what_a_format_takes_counts_as_well() -> None:
    with pytest.raises(
        ImageTooLarge, match=r"to decode 1200 x 1200 pixels of .avif takes 57600000 bytes"
    ):
        decode(avif_with_alpha(), size=32, max_pixels=2_000_000)
    decode(avif_with_alpha(), size=32, max_pixels=57_600_000 // BYTES_A_PIXEL + 1)
    decode(encoded(".avif", zeros(1200, 1200)), size=32, max_pixels=2_000_000)


# Files that ask a decoder for far more than their pixels.


def codestream(
    *, side: int = 255, tile: int | None = None, block: bytes = b"", precincts: int = 0
) -> bytes:
    """A JPEG 2000 codestream with another size of tiles, of blocks of code or of precincts."""
    boxes = encoded(".jp2", zeros(side, side))
    data = bytearray(boxes[boxes.index(b"\xff\x4f\xff\x51") :])
    if tile is not None:
        struct.pack_into(">II", data, 24, tile, tile)
    at = data.index(b"\xff\x52")
    (length,) = struct.unpack_from(">H", data, at + 2)
    levels = data[at + 9]
    if block:
        data[at + 10 : at + 12] = block
    if precincts:
        data[at + 4] |= 1
        struct.pack_into(">H", data, at + 2, length + levels + 1)
        data[at + 2 + length : at + 2 + length] = bytes([precincts]) * (levels + 1)
    return bytes(data)


def in_a_tile(data: bytes) -> bytes:
    """The coding of a codestream, said in the header of the tile of a plain one."""
    at = data.index(b"\xff\x52")
    (length,) = struct.unpack_from(">H", data, at + 2)
    plain = codestream()
    begin = plain.index(b"\xff\x90") + 12
    return plain[:begin] + data[at : at + 2 + length] + plain[begin:]


def with_palette(colours: int) -> bytes:
    data = encoded(".jp2", np.zeros((300, 300), np.uint8))
    at = data.index(b"jp2h") - 4
    (length,) = struct.unpack_from(">I", data, at)
    palette = struct.pack(">HB", 2, colours) + b"\x07" * colours + bytes(2 * colours)
    mapping = b"".join(struct.pack(">HBB", 0, 1, each) for each in range(colours))
    content = data[at + 8 : at + length]
    for kind, box in ((b"pclr", palette), (b"cmap", mapping)):
        content += struct.pack(">I", 8 + len(box)) + kind + box
    header = struct.pack(">I", 8 + len(content)) + b"jp2h" + content
    return data[:at] + header + data[at + length :]


def png_with(chunks: int, kind: bytes) -> bytes:
    data = encoded(".png", zeros(8, 8))
    content = b"Comment\0\0" + zlib.compress(bytes(10**6), 9)
    check = struct.pack(">I", zlib.crc32(kind + content))
    chunk = struct.pack(">I", len(content)) + kind + content + check
    return data[:33] + chunks * chunk + data[33:]


def jpeg_with(scans: int) -> bytes:
    data = encoded(".jpg", zeros(1000, 1000), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + scans * data[last:-2] + data[-2:]


COSTLY = {
    "a tile for each pixel": codestream(tile=1),
    "small blocks of code": codestream(block=b"\0\0"),
    "small precincts": codestream(precincts=0x11),
    "small precincts in a tile": in_a_tile(codestream(precincts=0x22)),
    "a palette of 40 colours a pixel": with_palette(40),
    "packed texts": png_with(21, b"zTXt"),
    "packed profiles": png_with(21, b"iCCP"),
    "scans without end": jpeg_with(1000),
}
PLAIN = {
    "tiles": codestream(side=256, tile=64),
    "precincts": codestream(precincts=0x77),
    "blocks of code": codestream(block=b"\x03\x03"),
    "a small palette": with_palette(3),
    "some packed texts": png_with(10, b"zTXt"),
    "scans": jpeg_with(50),
}


@pytest.mark.parametrize("data", COSTLY.values(), ids=COSTLY.keys())
def test_a_file_that_asks_for_more_than_its_pixels_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableImage, match="are in no known image format"):
        decode(data, size=32, max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN.keys())
def test_its_plain_form_is_read(data: bytes) -> None:
    header = image_header.read(data)
    assert header is not None
    assert header.complete


# How much at a time.


def test_what_is_large_goes_alone_and_the_rest_shares() -> None:
    gate = Gate()
    taken = [gate.enter(LARGE_BYTES) for _ in range(SHARED_BYTES // LARGE_BYTES)]
    entered = threading.Event()

    def alone() -> None:
        gate.leave(gate.enter(LARGE_BYTES + 1))
        entered.set()

    thread = threading.Thread(target=alone)
    thread.start()
    for each in taken[1:]:
        gate.leave(each)
        assert not entered.wait(0.05)
    gate.leave(taken[0])
    thread.join(20)
    assert entered.is_set()


# No memory.

STARVE = """
import resource, sys
from pathlib import Path
import cv2, numpy
from velox.images import pixels as decoding
from velox.images.pixels import decode
from velox.images.preprocessing import Preprocessing

cv2.setNumThreads(1)
decoding._BETWEEN_ATTEMPTS_S = 0
files = [file.read_bytes() for file in sorted(Path(sys.argv[1]).iterdir())]

def outcome(data):
    try:
        decode(data, size=64, max_pixels=50000000)
        return "decoded"
    except Exception as error:
        return type(error).__name__

for data in files:
    outcome(data)
pages = int(Path("/proc/self/statm").read_text().split()[0])
for megabytes in (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 1024):
    limit = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    print(megabytes, *[outcome(data) for data in files])
"""


def test_an_image_is_never_blamed_for_a_lack_of_memory(tmp_path: Path) -> None:
    """OpenCV answers to both alike in most formats; the real decoders are starved here."""
    extensions = (".png", ".webp", ".tiff", ".gif", ".bmp", ".ppm", ".jp2", ".avif", ".jpg")
    for number, extension in enumerate(extensions):
        (tmp_path / f"{number:02d}").write_bytes(encoded(extension, zeros(2000, 2000)))
    damaged = encoded(".png", zeros(2000, 2000))
    damaged = damaged[:300] + bytes(40) + damaged[340:]
    (tmp_path / "99").write_bytes(damaged)
    done = subprocess.run(
        [sys.executable, "-c", STARVE, tmp_path], capture_output=True, text=True, check=True
    )
    rows = [line.split()[1:] for line in done.stdout.splitlines()]
    good = [each for row in rows for each in row[:-1]]
    assert set(good) == {"decoded", "OutOfMemory"}
    assert set(rows[0][:-1]) >= {"OutOfMemory"}
    assert set(rows[-1][:-1]) == {"decoded"}
    assert rows[-1][-1] == "UndecodableImage"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate"),
        cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate"),
        cv2.error("std::bad_alloc"),
    ],
)
def test_a_lack_of_memory_is_tried_again_and_then_said(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "-4:" in str(error):
        error.code = -4  # type: ignore[attr-defined]
    calls, really, failures = 0, cv2.imdecode, 3

    def starved(data: np.ndarray, flags: int) -> np.ndarray | None:
        nonlocal calls
        calls += 1
        if calls <= failures:
            raise error
        return really(data, flags)

    monkeypatch.setattr(cv2, "imdecode", starved)
    monkeypatch.setattr(decoding, "_BETWEEN_ATTEMPTS_S", 0)
    image = encoded(".png", zeros(40, 40))
    assert decode(image, size=32, max_pixels=MAX_PIXELS).shape == (32, 32, 3)
    calls, failures = 0, MEGABYTE
    with pytest.raises(OutOfMemory, match="image of 40 x 40 pixels, which takes"):
        decode(image, size=32, max_pixels=MAX_PIXELS)
    assert 2 < calls < 10


def test_the_bound_of_the_document_is_that_of_the_code() -> None:
    text = (Path(__file__).parents[3] / "SECURITY.md").read_text()
    found = re.search(r"(\d+) bytes for\s+each pixel of\s+`MAX_IMAGE_PIXELS`", text)
    assert found
    assert int(found[1]) == BYTES_A_PIXEL
