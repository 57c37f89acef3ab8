"""Files made to show one size to the header's reader and another to the decoder."""

from __future__ import annotations

import random
import re
import struct
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.images.odd_files import odd_files
from velox.images import header as image_header

SIDE = 600
DECOY = 10
MUTANTS = 400
# Every header of these 10 MB has to be refused in far less time than their decoding takes.
LARGEST_RECORD = 10_000_000
REFUSAL_LIMIT_S = 3.0


def encoded(extension: str, side: int = SIDE) -> bytes:
    pixels: NDArray[Any] = np.zeros((side, side, 3), np.uint8)
    done, data = cv2.imencode(
        extension, pixels.astype(np.float32) if extension in (".hdr", ".pfm") else pixels
    )
    assert done
    return bytes(data)


def facts(data: bytes) -> tuple[str, int, int] | None:
    found = image_header.read(data)
    return None if found is None else found[:3]


def decoded_size(data: bytes) -> tuple[int, int] | None:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else (image.shape[1], image.shape[0])


def jpeg_with_stuffing_before_its_frame() -> bytes:
    """FF 00 is skipped by decoders; taken for a segment, it hides the frame that follows."""
    data = encoded(".jpg")
    frame = data.index(b"\xff\xc0")
    end = frame + 2 + struct.unpack_from(">H", data, frame + 2)[0]
    decoy = bytearray(data[frame:end])
    decoy[5:9] = struct.pack(">HH", DECOY, DECOY)
    before = data[:frame] + b"\xff\x00" + data[frame:end]
    hidden_until = frame + 2 + 0xFFC0
    first = b"\xff\xfe" + struct.pack(">H", 60_002) + bytes(60_000)
    gap = hidden_until - len(before) - len(first) - 4
    second = bytes(gap) + bytes(decoy)
    comment = b"\xff\xfe" + struct.pack(">H", len(second) + 2) + second
    return before + first + comment + data[end:]


def pnm_with_a_comment_ended_by_a_return() -> bytes:
    head = f"P6\n#\r{SIDE} {SIDE} 255\n{DECOY} {DECOY} 255\n".encode()
    return head + bytes(3 * SIDE * SIDE)


def pam_with_fields_in_its_pixels() -> bytes:
    data = encoded(".pam")
    pixels = data.index(b"ENDHDR\n") + 7
    decoy = f"\nWIDTH {DECOY}\nHEIGHT {DECOY}\n".encode()
    return data[:pixels] + decoy + data[pixels + len(decoy) :]


def pam_with_a_tab() -> bytes:
    decoy = f"TUPLTYPE RGB\nWIDTH {DECOY}\nHEIGHT {DECOY}\n".encode()
    data = encoded(".pam").replace(b"WIDTH ", b"WIDTH\t").replace(b"HEIGHT ", b"HEIGHT\t")
    return data.replace(b"ENDHDR", decoy + b"ENDHDR")


def radiance_with_a_size_before_its_format() -> bytes:
    data = encoded(".hdr")
    line = data.index(b"\n") + 1
    return data[:line] + f"-Y {DECOY} +X {DECOY}\n".encode() + data[line:]


def jpeg2000_with_another_size_in_its_brands() -> bytes:
    data = encoded(".jp2")
    (length,) = struct.unpack_from(">I", data, 12)
    brands = b"ihdr" + struct.pack(">II", DECOY, DECOY)
    brand_box = data[12 : 12 + length] + brands
    return data[:12] + struct.pack(">I", len(brand_box)) + brand_box[4:] + data[12 + length :]


def tiff(*, twice: bool = False, kind: int | None = None, tile: int | None = None) -> bytes:
    """A TIFF whose directory is written anew at its end."""
    data = encoded(".tiff")
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    entries = [data[at + 2 + 12 * n : at + 14 + 12 * n] for n in range(count)]

    def entry(tag: int, form: int, value: int) -> bytes:
        return struct.pack(order + "HHII", tag, form, 1, value)

    if kind is not None:
        outside = len(data)
        entries = [
            entry(tag, kind, outside)
            if (tag := struct.unpack_from(order + "H", each)[0]) in (256, 257)
            else each
            for each in entries
        ]
        data += struct.pack(order + "Q", SIDE)
    if twice:
        entries += [entry(256, 4, DECOY), entry(257, 4, DECOY)]
    if tile is not None:
        entries += [entry(322, 4, tile), entry(323, 4, tile)]
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack(order + "I", len(data)) + data[8:] + directory


def avif(*, claims: int, frames: int) -> bytes:
    """An AVIF whose container claims another size than its frames have."""
    data = bytearray(encoded(".avif", side=frames))
    for found in re.finditer(b"ispe", bytes(data)):
        data[found.end() + 4 : found.end() + 12] = struct.pack(">II", claims, claims)
    return bytes(data)


def avif_of_one_item(item: bytes) -> bytes:
    """An AVIF with no more than what says where its item begins and ends."""
    content = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, 62, len(item))
    iloc = struct.pack(">I4s", 8 + len(content), b"iloc") + content
    meta = struct.pack(">I4sI", 12 + len(iloc), b"meta", 0) + iloc
    ftyp = struct.pack(">I4s4s", 12, b"ftyp", b"avif")
    assert len(ftyp) + len(meta) + 8 == 62
    return ftyp + meta + struct.pack(">I4s", 8 + len(item), b"mdat") + item


LIES: dict[str, Callable[[], bytes]] = {
    "jpeg, stuffing": jpeg_with_stuffing_before_its_frame,
    "pnm, comment": pnm_with_a_comment_ended_by_a_return,
    "pam, fields in pixels": pam_with_fields_in_its_pixels,
    "pam, tab": pam_with_a_tab,
    "radiance, early size": radiance_with_a_size_before_its_format,
    "jpeg 2000, brands": jpeg2000_with_another_size_in_its_brands,
    "tiff, sizes twice": partial(tiff, twice=True),
    "tiff, size outside its entry": partial(tiff, kind=16),
}


@pytest.mark.parametrize("lie", LIES)
def test_the_decoder_finds_no_more_pixels_than_the_header(lie: str) -> None:
    data = LIES[lie]()
    header = image_header.read(data)
    assert header is None or (header.width, header.height) == (SIDE, SIDE)


@pytest.mark.parametrize("lie", [each for each in LIES if each != "pam, tab"])
def test_the_lies_are_files_that_the_decoder_reads(lie: str) -> None:
    """A lie that no decoder believes would prove nothing."""
    assert decoded_size(LIES[lie]()) == (SIDE, SIDE)


def test_a_tile_larger_than_the_image_counts() -> None:
    assert facts(tiff(tile=20_000)) == (".tiff", 20_000, 20_000)


@pytest.mark.parametrize(("claims", "frames"), [(DECOY, SIDE), (SIDE, DECOY)])
def test_an_avif_is_as_large_as_its_container_or_its_frames(claims: int, frames: int) -> None:
    assert facts(avif(claims=claims, frames=frames)) == (".avif", SIDE, SIDE)


def sequence_header(*, timing: int = 0, delays: int = 0) -> bytes:
    """A sequence header of 600 x 300 pixels in its long form, as an open bitstream unit."""
    fields = [(0, 3), (1, 1), (0, 1), (timing, 1), (delays, 1), (0, 5), (0, 12), (8, 5), (0, 1)]
    fields += [(1, 1), (0, 4)] if delays else []
    fields += [(15, 4), (15, 4), (SIDE - 1, 16), (SIDE // 2 - 1, 16), (0, 7)]
    bits = "".join(f"{value:0{width}b}" for value, width in fields)
    content = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    return b"\x12\0\x0a" + bytes([len(content)]) + content


@pytest.mark.parametrize("delays", [0, 1])
def test_the_long_form_of_a_sequence_header_is_read(delays: int) -> None:
    assert facts(avif_of_one_item(sequence_header(delays=delays))) == (".avif", SIDE, SIDE // 2)


def test_a_film_is_no_image() -> None:
    assert image_header.read(avif_of_one_item(sequence_header(timing=1))) is None


def test_a_box_may_give_its_length_in_64_bits() -> None:
    data = encoded(".avif")
    long_box = struct.pack(">I4sQ", 1, b"free", 20) + bytes(4)
    assert facts(data + long_box) == (".avif", SIDE, SIDE)
    assert image_header.read(data + long_box[:-1]) is None


@pytest.mark.parametrize("box", [b"moov", b"mini", b"meta"])
def test_an_avif_with_frames_elsewhere_is_refused(box: bytes) -> None:
    data = encoded(".avif")
    assert image_header.read(data + b"\0\0\0\x08free") is not None
    assert image_header.read(data + b"\0\0\0\x08" + box) is None


@pytest.mark.parametrize(
    "extension",
    [
        ".jpg",
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".tiff",
        ".jp2",
        ".ppm",
        ".pam",
        ".ras",
        ".hdr",
        ".pfm",
    ],
)
def test_whatever_is_damaged_header_and_decoder_agree(extension: str) -> None:
    chance = random.Random(extension)
    small = encoded(extension, side=40)
    for data in mutants(small, chance):
        header, size = image_header.read(data), decoded_size(data)
        if header is not None and size is not None:
            assert size[0] * size[1] <= header.width * header.height, data.hex()


@pytest.mark.parametrize("name", ["BigTIFF", "PAM of RGB", "PPM of white 4095"])
def test_they_agree_on_what_opencv_does_not_write(name: str) -> None:
    for data in mutants(odd_files()[name], random.Random(name)):
        header, size = image_header.read(data), decoded_size(data)
        if header is not None and size is not None:
            assert size[0] * size[1] <= header.width * header.height, data.hex()


def mutants(data: bytes, chance: random.Random) -> Iterator[bytes]:
    for _ in range(MUTANTS):
        mutant = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(min(len(mutant), 160))
            match chance.randrange(3):
                case 0:
                    mutant[at] = chance.choice((0, 1, 9, 10, 13, 32, 35, 49, 255))
                case 1:
                    mutant[at:at] = mutant[at : at + chance.randint(1, 12)]
                case _:
                    del mutant[at : at + chance.randint(1, 4)]
        yield bytes(mutant)


def seconds_to_a_million() -> float:
    """How long Python takes to count so far here: some machines are slow."""
    started = time.thread_time()
    for _ in range(1_000_000):
        pass
    return time.thread_time() - started


@pytest.mark.parametrize(
    "data",
    [
        b"P6" + b" " * LARGEST_RECORD,
        b"P6" + b"#\n" * (LARGEST_RECORD // 2),
        b"P6" + b"\n#" * (LARGEST_RECORD // 2),
        b"P7\n" + b"WIDTH 1\n" * (LARGEST_RECORD // 8),
        b"#?RGBE\n" + b"a\n" * (LARGEST_RECORD // 2),
        b"\xff\xd8\xff" + b"\xff" * LARGEST_RECORD,
        b"\xff\xd8" + b"\xff\x01" * (LARGEST_RECORD // 2),
        b"\xff\xd8" + b"\xff\xe0\0\2" * (LARGEST_RECORD // 4),
        b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\x08free" * (LARGEST_RECORD // 8),
        b"\0\0\0\x18ftypavif" + b"ispe" * (LARGEST_RECORD // 4),
        encoded(".avif") + b"\0\0\0\x08free" * (LARGEST_RECORD // 8),
        avif_of_one_item(b"\x12\0" * (LARGEST_RECORD // 2)),
        avif_of_one_item(b"\x0a\0" * (LARGEST_RECORD // 2)),
    ],
    ids=lambda data: repr(data[:14]),
)
def test_no_record_keeps_the_reader_long(data: bytes) -> None:
    # Where coverage is measured each line takes several times as long.
    limit = max(REFUSAL_LIMIT_S * (4 if sys.gettrace() else 1), 100 * seconds_to_a_million())
    started = time.thread_time()
    image_header.read(data)
    assert time.thread_time() - started < limit
