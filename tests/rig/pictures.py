"""Small pictures for the tests: each is unlike every other, and drawn again from its number."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "green", "blue")


def colour(number: int) -> str:
    """What the picture of a number shows: the truth that a small model can find."""
    return COLOURS[number % len(COLOURS)]


def pixels(number: int, size: int = 48) -> NDArray[np.uint8]:
    """A noisy square of one colour, uint8 BGR [size, size, 3]."""
    noise = np.random.default_rng(number).integers(0, 80, (size, size, 3), dtype=np.uint8)
    channel = 2 - number % len(COLOURS)
    noise[..., channel] += 170
    return noise


def encoded(number: int, form: str = ".jpg", size: int = 48) -> bytes:
    """The picture of a number, encoded."""
    done, data = cv2.imencode(form, pixels(number, size))
    assert done
    return bytes(data)


def odd_png(number: int) -> bytes:
    """The picture of a number with its sRGB chunk behind the pixels: libpng prints a warning."""
    png, chunk = encoded(number, ".png"), b"sRGB\0"
    end = len(png) - 12
    late = struct.pack(">I", 1) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return png[:end] + late + png[end:]


def saved_again(image: bytes) -> bytes:
    """The same image in other bytes, as a PNG."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    return bytes(cv2.imencode(".png", pixels)[1])
