import base64
import gzip
import json
import pickle

import numpy as np
import pytest

from tests.rig.pictures import encoded
from velox.base.errors import UndecodableImage
from velox.images import header
from velox.images.foreign import foreign, sent_instead
from velox.images.pixels import decode


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


@pytest.mark.parametrize(
    ("data", "called"),
    [
        (base64.b64encode(encoded(1)), "an image in base64"),
        (b'"' + base64.b64encode(encoded(1, ".png")) + b'"', "an image in base64"),
        (b"data:image/png;base64," + base64.b64encode(encoded(1, ".png")), "an image in base64"),
        (json.dumps({"image": "..."}).encode(), "JSON"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (gzip.compress(encoded(1)), "compressed"),
        (pickle.dumps(np.zeros(3)), "a pickled object of Python"),
        (
            b"\0\0\0\0\7" + encoded(1),
            "an image behind the five bytes of a schema registry",
        ),
        (b"\0\0\0\x18ftypheic", "a HEIC photo, which is not read: convert it to JPEG or PNG"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"\0\0\0\0\7text", None),
        (b"text", None),
    ],
)
def test_what_is_sent_instead_of_an_image(data: bytes, called: str | None) -> None:
    assert sent_instead(data) == called


@pytest.mark.parametrize(("data", "ending"), [(b"{}", "format, but JSON"), (b"no", "format")])
def test_who_sent_something_else_is_told(data: bytes, ending: str) -> None:
    with pytest.raises(UndecodableImage) as refused:
        decode(data, size=8, max_pixels=100)
    assert str(refused.value) == f"the 2 bytes are in no known image {ending}"
