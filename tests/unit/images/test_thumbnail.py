import cv2
import numpy as np
import pytest

from tests.rig import pictures
from velox.base.errors import ImageTooLarge, UndecodableImage
from velox.images.thumbnail import thumbnail


def size(data: bytes) -> tuple[int, int]:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image.shape[1], image.shape[0]


def encoded(width: int, height: int, form: str = ".png") -> bytes:
    _, data = cv2.imencode(form, np.full((height, width, 3), 90, np.uint8))
    return data.tobytes()


@pytest.mark.parametrize(
    ("given", "expected"),
    [((400, 200), (100, 50)), ((200, 400), (50, 100)), ((60, 40), (60, 40)), ((3000, 2), (100, 1))],
)
@pytest.mark.parametrize("form", [".png", ".jpg"])
def test_the_aspect_ratio_stays_and_nothing_is_enlarged(
    form: str, given: tuple[int, int], expected: tuple[int, int]
) -> None:
    made = thumbnail(encoded(*given, form), longest=100, max_pixels=10**6, max_whole=10**6)
    assert made.startswith(b"\xff\xd8")
    assert size(made) == expected


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageTooLarge):
        thumbnail(encoded(200, 200), longest=100, max_pixels=10**6, max_whole=200 * 200 - 1)
    with pytest.raises(ImageTooLarge):
        thumbnail(encoded(400, 400, ".jpg"), longest=100, max_pixels=399, max_whole=10**6)


def test_a_jpeg_that_is_decoded_at_a_smaller_scale_may_be_larger() -> None:
    large = encoded(800, 800, ".jpg")
    assert size(thumbnail(large, longest=100, max_pixels=640_000, max_whole=1)) == (100, 100)


@pytest.mark.parametrize(
    "data", [b"", b"<svg onload=alert(1)>", pictures.encoded(1)[:-30], b"\x89PNG\r\n\x1a\n" * 9]
)
def test_what_is_no_image_is_named_so(data: bytes) -> None:
    with pytest.raises(UndecodableImage):
        thumbnail(data, longest=100, max_pixels=10**6, max_whole=10**6)


def test_what_is_transparent_is_shown_on_white() -> None:
    image = np.zeros((40, 60, 4), np.uint8)
    done, data = cv2.imencode(".png", image)
    assert done
    made = thumbnail(bytes(data), longest=50, max_pixels=10**6, max_whole=10**6)
    shown = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.min() == 255
