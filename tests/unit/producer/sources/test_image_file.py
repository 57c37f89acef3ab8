import os
from pathlib import PurePosixPath

import pytest

from tests.rig.pictures import encoded
from velox.base.names import shown
from velox.producer.sources.capture import Capture, LeftOut, Unreadable
from velox.producer.sources.image_file import (
    is_hidden,
    item_of,
    label_of,
    named_like_an_image,
    too_large,
)


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        (".jpg", "image/jpeg"),
        (".png", "image/png"),
        (".webp", "image/webp"),
        (".bmp", "image/bmp"),
        (".tiff", "image/tiff"),
        (".gif", "image/gif"),
        (".ppm", "image/x-portable-anymap"),
        (".avif", "image/avif"),
    ],
)
@pytest.mark.parametrize("name", ["photo{}", "photo.jpg", "photo"])
def test_the_content_says_what_a_file_is(name: str, form: str, content_type: str) -> None:
    data = encoded(1, form)
    name = name.format(form)
    assert item_of(name, data, "cat") == Capture(data, name, content_type, "cat")


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.jpg", b"", "empty"),
        ("a.JPEG", b"hello", "in no known image format"),
        ("a.jpg", encoded(1)[:-2], "the .jpg image is cut short"),
        ("a", encoded(1, ".png")[:-12], "the .png image is cut short"),
    ],
)
def test_what_should_be_an_image_is_named(name: str, data: bytes, reason: str) -> None:
    assert item_of(name, data, None) == Unreadable(name, reason)


@pytest.mark.parametrize("name", ["labels.csv", "README", "photo.jpg.txt", "movie.mp4"])
def test_what_is_no_image_by_name_nor_content_is_left_out(name: str) -> None:
    assert item_of(name, b"hello", None) == LeftOut(name, "not an image")
    assert not named_like_an_image(name)


def test_every_extension_that_opencv_reads_is_an_images() -> None:
    netpbm = ("pam", "pbm", "pfm", "pgm", "pnm", "ppm", "pxm")
    jpeg = ("jpg", "jpeg", "jpe", "jp2", "j2k", "JPG")
    others = ("avif", "bmp", "dib", "gif", "hdr", "pic", "png", "ras", "sr", "tif", "tiff", "webp")
    for extension in (*netpbm, *jpeg, *others):
        assert named_like_an_image(f"a b\n.{extension}")


def test_bytes_that_are_no_utf_8_are_shown_and_stay_distinct() -> None:
    names = [os.fsdecode(b"caf\xe9.jpg"), os.fsdecode(b"caf\xe8.jpg"), "café.jpg"]
    assert [shown(name) for name in names] == ["caf\\xe9.jpg", "caf\\xe8.jpg", "café.jpg"]


@pytest.mark.parametrize(
    ("below", "label"),
    [("x.jpg", None), ("dog/x.jpg", "dog"), ("dog/puppies/x.jpg", "dog"), ("", None)],
)
def test_the_label_is_the_top_most_folder(below: str, label: str | None) -> None:
    assert label_of(PurePosixPath(below)) == label


@pytest.mark.parametrize(
    ("name", "begin", "is_one"),
    [("a.jpg", b"", True), ("a", encoded(1), True), ("a.psd", b"", True), ("a.zip", b"PK", False)],
)
def test_what_is_too_large_is_an_image_by_name_or_by_its_beginning(
    name: str, begin: bytes, is_one: bool
) -> None:
    reason = "its 11 bytes exceed the record limit of 10"
    expected = Unreadable(name, reason) if is_one else LeftOut(name, "not an image")
    assert too_large(name, 11, 10, begin) == expected


@pytest.mark.parametrize(
    ("name", "hidden"), [(".DS_Store", True), ("._a.jpg", True), (".", False), ("..", False)]
)
def test_hidden_files(name: str, hidden: bool) -> None:
    assert is_hidden(name) is hidden
