import pytest

from tests.rig.pictures import encoded
from velox.images import header
from velox.producer.sources.foreign import foreign


@pytest.mark.parametrize(
    ("name", "data", "called"),
    [
        ("a", b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC photo"),
        ("a.jpg", b"\0\0\0\x24ftypmif1\0\0\0\0", "a HEIC photo"),
        ("IMG.HEIF", b"", "a HEIC photo"),
        ("a", b"\xff\x0a\xfa", "a JPEG XL image"),
        ("a", b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        ("DSC.NEF", b"", "a camera's raw photo"),
        ("a", b"8BPS\0\1", "a Photoshop file"),
        ("a", bytes(128) + b"DICM", "a DICOM image"),
        ("logo.svg", b"<svg/>", "an SVG drawing"),
        ("notes.txt", b"text", None),
        ("movie.mp4", b"\0\0\0\x18ftypisom\0\0\0\0", None),
        ("a", b"", None),
    ],
)
def test_by_name_or_by_content(name: str, data: bytes, called: str | None) -> None:
    assert foreign(name, data) == called


@pytest.mark.parametrize("form", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif", ".avif"])
def test_what_is_read_is_none_of_them(form: str) -> None:
    data = encoded(1, form)
    assert header.read(data)
    assert foreign("a", data) is None
