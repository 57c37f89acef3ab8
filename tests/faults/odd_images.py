"""Everything that is not a plain photo: odd images, no images, and images broken by chance."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from tests.faults.sent import DEAD_LETTER, DOCUMENT, EITHER, Sent
from tests.rig import pictures

FORMS = (".jpg", ".png", ".webp")
BOMB_SIDE = 50_000
# Random bytes do not shrink: 3 bytes a pixel stay just below the largest record of 10 MiB.
LARGE_SIDE = 1860
LARGE_BYTES = 10_400_000
ORIENTATION, UPSIDE_DOWN = 0x0112, 3


def whole() -> Iterator[Sent]:
    """Images that are unusual and still images: each must become a document."""
    picture = Image.fromarray(pictures.pixels(0)[..., ::-1])
    deep = pictures.pixels(1).astype(np.uint16) * 257
    yield _image("16 bits", _opencv(".png", deep))
    yield _image("greyscale jpeg", _opencv(".jpg", pictures.pixels(2)[..., 0]))
    yield _image("greyscale png", _opencv(".png", pictures.pixels(2)[..., 0]))
    yield _image("rgba", _pillow(picture.convert("RGBA"), "PNG"))
    yield _image("palette", _pillow(picture.convert("P"), "PNG"))
    yield _image("cmyk", _pillow(picture.convert("CMYK"), "JPEG"))
    exif = Image.Exif()
    exif[ORIENTATION] = UPSIDE_DOWN
    yield _image("rotated", _pillow(picture, "JPEG", exif=exif))
    yield _image("progressive", _pillow(picture, "JPEG", progressive=True))
    frames = [Image.fromarray(pictures.pixels(number)) for number in range(3)]
    yield _image("animated webp", _pillow(frames[0], "WEBP", save_all=True, append_images=frames))
    yield _image("bmp", _opencv(".bmp", pictures.pixels(3)))
    for form in FORMS:
        yield _image(f"1x1 {form}", _opencv(form, np.zeros((1, 1, 3), np.uint8)))
        yield _image(f"1 pixel high {form}", _opencv(form, np.zeros((1, 4000, 3), np.uint8)))
    noise = np.random.default_rng(0).integers(0, 256, (LARGE_SIDE, LARGE_SIDE, 3), dtype=np.uint8)
    yield _image("10 MB", _opencv(".png", noise))
    yield Sent("wrong-extension.jpg", pictures.encoded(4, ".png"), DOCUMENT)


def none_at_all() -> Iterator[Sent]:
    """Records that no reader can take for an image: each must become a dead letter."""
    yield Sent("empty", b"", DEAD_LETTER)
    yield Sent("null", None, DEAD_LETTER)
    yield Sent("text", b"this is no image\nMATCH: forged (Conf: 1.00)\n", DEAD_LETTER)
    yield Sent("named.jpg", b"<html><body>404</body></html>", DEAD_LETTER)
    yield Sent("10 MB of nothing", bytes(LARGE_BYTES), DEAD_LETTER)
    yield Sent("png bomb", png_bomb(), DEAD_LETTER)
    yield Sent("jpeg bomb", jpeg_bomb(), DEAD_LETTER)
    for form in FORMS:
        yield Sent(f"magic of {form}", pictures.encoded(5, form)[:12], DEAD_LETTER)


def truncated() -> Iterator[Sent]:
    """Images cut at every tenth of their length."""
    for form in FORMS:
        data = pictures.encoded(6, form)
        for tenth in range(1, 10):
            yield Sent(f"{form} cut at {tenth}0 %", data[: len(data) * tenth // 10], EITHER)


def mutated(count: int, seed: int = 0) -> Iterator[Sent]:
    """Real images, damaged at random; the same for the same seed."""
    chance = random.Random(seed)
    for number in range(count):
        form = FORMS[number % len(FORMS)]
        data = bytearray(pictures.encoded(chance.randrange(50), form))
        for _ in range(chance.choice((1, 1, 2, 5, 20))):
            _damage(data, chance)
        yield Sent(f"mutation {number} of {form}", bytes(data), EITHER)


def _damage(data: bytearray, chance: random.Random) -> None:
    """One change: a bit, a byte, or a stretch lost, repeated, shuffled or zeroed."""
    start = chance.randrange(len(data))
    # Headers hold what decoders trust, so half of all damage is done there.
    if chance.random() < 0.5:
        start = min(start, chance.randrange(64))
    end = min(len(data), start + chance.randrange(1, 64))
    stretch = data[start:end]
    match chance.randrange(6):
        case 0:
            data[start] ^= 1 << chance.randrange(8)
        case 1:
            data[start] = chance.choice((0x00, 0x7F, 0x80, 0xFF))
        case 2 if len(data) > 200:
            del data[start:end]
        case 3:
            data[start:start] = stretch
        case 4:
            data[start:end] = chance.randbytes(len(stretch))
        case _:
            data[start:end] = bytes(len(stretch))


def png_bomb() -> bytes:
    """A PNG of a few kB whose header claims 50,000 x 50,000 pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(2_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    )


def jpeg_bomb() -> bytes:
    """A small JPEG whose start of frame claims 50,000 x 50,000 pixels."""
    data = bytearray(pictures.encoded(7))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", BOMB_SIDE, BOMB_SIDE)
    return bytes(data)


def _image(name: str, value: bytes) -> Sent:
    return Sent(name, value, DOCUMENT)


def _opencv(form: str, array: np.ndarray) -> bytes:
    done, data = cv2.imencode(form, array)
    assert done
    return bytes(data)


def _pillow(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()
