"""Why Velox reads headers itself: what Pillow, opening lazily, lets through to the decoder.

`PIL.Image.open` reads a header as fast, but says what the container says. Once one of these tests
fails, Pillow has learned to look further, and may take the place of the reader in question.
"""

from __future__ import annotations

import io

import PIL.Image
import pytest

from tests.unit.images.test_header_lies import DECOY, avif, tiff
from tests.unit.images.test_memory import COSTLY
from velox.images import header

JPEG_2000 = [name for name, data in COSTLY.items() if b"\xff\x4f\xff\x51" in data]


def opened(data: bytes) -> tuple[int, int]:
    with PIL.Image.open(io.BytesIO(data)) as image:
        return image.size


def test_it_does_not_see_the_frames_inside_an_avif() -> None:
    """The decoder makes 600 x 600 pixels of what says that it has 10 x 10."""
    data = avif(claims=DECOY, frames=600)
    found = header.read(data)
    assert opened(data) == (DECOY, DECOY)
    assert found is not None
    assert (found.width, found.height) == (600, 600)


def test_it_does_not_see_that_a_tile_is_larger_than_the_image() -> None:
    data = tiff(tile=20_000)
    found = header.read(data)
    assert opened(data) == (600, 600)
    assert found is not None
    assert (found.width, found.height) == (20_000, 20_000)


@pytest.mark.parametrize("name", JPEG_2000)
def test_it_does_not_see_what_a_jpeg_2000_costs(name: str) -> None:
    assert len(JPEG_2000) == 5
    assert max(opened(COSTLY[name])) <= 300
    assert header.read(COSTLY[name]) is None


@pytest.mark.parametrize("data", [b"P7\nWIDTH 1\nHEIGHT 1\n", b"#?RADIANCE\n", b"PF\n1 1\n-1\n"])
def test_it_does_not_know_some_formats_of_opencv(data: bytes) -> None:
    with pytest.raises(PIL.UnidentifiedImageError):
        opened(data + bytes(100))
