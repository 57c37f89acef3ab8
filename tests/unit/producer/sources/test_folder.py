import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rig.pictures import encoded
from velox.producer.sources import folder as source_folder
from velox.producer.sources.capture import Capture, Item, LeftOut, Unreadable
from velox.producer.sources.folder import Folder

GO_ON = threading.Event()
MAX_BYTES = 100_000
# How a photo of an iPhone begins.
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(2000)


def put(path: Path, data: bytes) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def read(root: Path, name: str = "photos") -> list[Item]:
    """All that should be images; see `left_out` for the others."""
    return [each for each in everything(root, name) if not isinstance(each, LeftOut)]


def left_out(root: Path) -> dict[str, str]:
    return {each.name: each.reason for each in everything(root) if isinstance(each, LeftOut)}


def everything(root: Path, name: str = "photos") -> list[Item]:
    return list(Folder(name, str(root), max_bytes=MAX_BYTES).items(GO_ON))


def names(items: list[Item]) -> list[str]:
    return [each.source if isinstance(each, Capture) else each.name for each in items]


def test_every_image_below_the_folder_byte_for_byte_and_in_order(tmp_path: Path) -> None:
    top = put(tmp_path / "z.png", encoded(0, ".png"))
    cats = [put(tmp_path / "cat" / f"{n}.jpg", encoded(n)) for n in range(3)]
    puppy = put(tmp_path / "dog" / "puppies" / "a.webp", encoded(5, ".webp"))
    assert read(tmp_path) == [
        Capture(top, "photos/z.png", "image/png"),
        *(Capture(cats[n], f"photos/cat/{n}.jpg", "image/jpeg", "cat") for n in range(3)),
        Capture(puppy, "photos/dog/puppies/a.webp", "image/webp", "dog"),
    ]


def test_one_file_is_a_source_too(tmp_path: Path) -> None:
    data = put(tmp_path / "one.jpg", encoded(1))
    assert read(tmp_path / "one.jpg", "one.jpg") == [Capture(data, "one.jpg", "image/jpeg")]


@pytest.mark.parametrize("name", [".", "..", "/data/photos", "a b"])
def test_names_begin_as_the_folder_is_called(name: str, tmp_path: Path) -> None:
    put(tmp_path / "cat" / "1.jpg", encoded(1))
    (item,) = read(tmp_path, name)
    assert isinstance(item, Capture)
    assert (item.source, item.label) == (os.path.normpath(f"{name}/cat/1.jpg"), "cat")


def test_hidden_files_and_what_is_no_image_are_left_out_and_named(tmp_path: Path) -> None:
    for name in (".DS_Store", "._a.jpg", ".thumbnails/a.jpg", "cat/.a.jpg"):
        put(tmp_path / name, encoded(1))
    for name in ("labels.csv", "cat/notes.txt"):
        put(tmp_path / name, b"text")
    put(tmp_path / "a.jpg", encoded(1))
    os.mkfifo(tmp_path / "pipe.jpg")
    assert names(read(tmp_path)) == ["photos/a.jpg"]
    assert left_out(tmp_path) == {
        "photos/.DS_Store": "hidden",
        "photos/._a.jpg": "hidden",
        "photos/.thumbnails": "hidden",
        "photos/cat/.a.jpg": "hidden",
        "photos/cat/notes.txt": "not an image",
        "photos/labels.csv": "not an image",
        "photos/pipe.jpg": "not a regular file",
    }


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    put(tmp_path / "photos" / "cat" / "1.jpg", encoded(1))
    put(tmp_path / "elsewhere" / "2.jpg", encoded(2))
    for link, target in {
        "photos/dog": tmp_path / "elsewhere",
        "photos/cat/up": tmp_path / "photos",
        "photos/self": tmp_path / "photos",
        "elsewhere/3.jpg": tmp_path / "elsewhere" / "2.jpg",
    }.items():
        (tmp_path / link).symlink_to(target)
    (tmp_path / "photos" / "knot").symlink_to("knot")
    assert names(read(tmp_path / "photos")) == [
        "photos/knot",
        "photos/cat/1.jpg",
        "photos/dog/2.jpg",
        "photos/dog/3.jpg",
    ]


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path / "bad.jpg", b"text")
    put(tmp_path / "empty.png", b"")
    put(tmp_path / "good.jpg", encoded(1))
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(5 * 2**30)
    (tmp_path / "nowhere.jpg").symlink_to("gone")
    os.mkfifo(tmp_path / "pipe.jpg")
    items = read(tmp_path)
    assert [each for each in items if isinstance(each, Unreadable)] == [
        Unreadable("photos/bad.jpg", "in no known image format"),
        Unreadable("photos/empty.png", "empty"),
        Unreadable("photos/huge.jpg", "its 5368709120 bytes exceed the record limit of 100000"),
        Unreadable("photos/nowhere.jpg", "No such file or directory"),
    ]
    assert "photos/good.jpg" in names(items)


def test_a_large_file_that_is_no_image_is_left_out_unread(tmp_path: Path) -> None:
    with (tmp_path / "backup.zip").open("wb") as file:
        file.truncate(5 * 2**30)
    assert read(tmp_path) == []
    assert left_out(tmp_path) == {"photos/backup.zip": "not an image"}


def test_a_large_image_is_named_whatever_it_is_called(tmp_path: Path) -> None:
    for name, data in {"a.jfif": encoded(1), "b.dat": encoded(1, ".png"), "c": HEIC}.items():
        put(tmp_path / name, data.ljust(MAX_BYTES + 1, b"\0"))
    reason = "its 100001 bytes exceed the record limit of 100000"
    assert read(tmp_path) == [
        Unreadable(f"photos/{each}", reason) for each in ("a.jfif", "b.dat", "c")
    ]


def test_photos_in_formats_that_are_not_read_are_named(tmp_path: Path) -> None:
    put(tmp_path / "IMG_0001.HEIC", HEIC)
    put(tmp_path / "new.jxl", b"\xff\x0a" + bytes(500))
    assert read(tmp_path) == [
        Unreadable(
            "photos/IMG_0001.HEIC", "a HEIC photo, which is not read: convert it to JPEG or PNG"
        ),
        Unreadable(
            "photos/new.jxl", "a JPEG XL image, which is not read: convert it to JPEG or PNG"
        ),
    ]


def failing_on(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def failing(path: str, *arguments: Any) -> Any:
        if str(path).endswith(name):
            raise PermissionError(13, "Permission denied", path)
        return call(path, *arguments)

    return failing


def test_a_folder_that_cannot_be_listed_does_not_cost_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b", "c"):
        put(tmp_path / folder / "1.jpg", encoded(1))
    monkeypatch.setattr(os, "scandir", failing_on("/b", os.scandir))
    items = read(tmp_path)
    assert Unreadable("photos/b", "Permission denied") in items
    assert names(items) == ["photos/a/1.jpg", "photos/b", "photos/c/1.jpg"]


def test_a_file_that_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "1.jpg", encoded(1))
    put(tmp_path / "2.jpg", encoded(2))
    monkeypatch.setattr(source_folder, "open", failing_on("1.jpg", open), raising=False)
    items = read(tmp_path)
    assert items[0] == Unreadable("photos/1.jpg", "Permission denied")
    assert names(items[1:]) == ["photos/2.jpg"]


def test_a_file_that_goes_between_listing_and_reading_is_named(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        put(tmp_path / name, encoded(1))
    items = Folder("photos", str(tmp_path), max_bytes=MAX_BYTES).items(GO_ON)
    assert names([next(items)]) == ["photos/1.jpg"]
    (tmp_path / "2.jpg").unlink()
    rest = list(items)
    assert rest[0] == Unreadable("photos/2.jpg", "No such file or directory")
    assert names(rest[1:]) == ["photos/3.jpg"]


def test_a_file_that_grows_while_it_is_read_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "1.jpg"
    put(path, encoded(1))

    def grown(name: str, mode: str) -> Any:
        with path.open("ab") as file:
            file.truncate(2 * MAX_BYTES)
        return open(name, mode)

    monkeypatch.setattr(source_folder, "open", grown, raising=False)
    assert read(tmp_path) == [
        Unreadable("photos/1.jpg", "its 100001 bytes exceed the record limit of 100000")
    ]


def test_a_file_that_grew_before_it_was_read_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, image = tmp_path / "1.jpg", encoded(1)
    put(path, image[:10])

    def grown(name: str, mode: str) -> Any:
        path.write_bytes(image)
        return open(name, mode)

    monkeypatch.setattr(source_folder, "open", grown, raising=False)
    assert read(tmp_path) == [Capture(image, "photos/1.jpg", "image/jpeg")]


def test_names_with_odd_bytes_can_be_sent_and_stay_distinct(tmp_path: Path) -> None:
    for name in (b"\xe9.jpg", b"\xe8.jpg"):
        folder = os.fsencode(tmp_path) + b"/c\xe2t"
        os.makedirs(folder, exist_ok=True)
        with open(folder + b"/" + name, "wb") as file:
            file.write(encoded(1))
    found = read(tmp_path)
    assert names(found) == ["photos/c\\xe2t/\\xe8.jpg", "photos/c\\xe2t/\\xe9.jpg"]
    for each in found:
        assert isinstance(each, Capture)
        assert each.label == "c\\xe2t"
        each.source.encode()


def test_how_far_it_is(tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg", "a.txt", "b/3.jpg"):
        put(tmp_path / name, encoded(1) if name.endswith("jpg") else b"text")
    folder = Folder("photos", str(tmp_path), max_bytes=MAX_BYTES)
    assert folder.done is None
    done = [folder.done for _ in folder.items(GO_ON)]
    assert done == [0.25, 0.5, 0.75, 1.0]
    assert len(list(folder.items(GO_ON))) == 4, "it can be read again"


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert read(tmp_path / "gone") == [Unreadable("photos", "No such file or directory")]


def test_it_ends_when_told(tmp_path: Path) -> None:
    for number in range(5):
        put(tmp_path / f"{number}.jpg", encoded(number))
    stop = threading.Event()
    items = Folder("photos", str(tmp_path), max_bytes=MAX_BYTES).items(stop)
    next(items)
    stop.set()
    assert list(items) == []
