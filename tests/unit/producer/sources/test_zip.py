import io
import os
import struct
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from tests.rig.pictures import encoded
from velox.producer.sources.capture import Capture, Item, LeftOut, Unreadable
from velox.producer.sources.zip import Zip

GO_ON = threading.Event()
MAX_BYTES = 100_000


def archive(
    files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b""
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
        made.comment = comment
    return buffer.getvalue()


def read(data: bytes, folder: Path) -> list[Item]:
    path = folder / "photos.zip"
    path.write_bytes(data)
    return list(Zip("photos.zip", str(path), max_bytes=MAX_BYTES).items(GO_ON))


def names(items: list[Item]) -> list[str]:
    return [each.source if isinstance(each, Capture) else each.name for each in items]


def labels(items: list[Item]) -> list[str | None]:
    return [each.label for each in items if isinstance(each, Capture)]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_image_byte_for_byte(method: int, tmp_path: Path) -> None:
    jpeg, png = encoded(1), encoded(2, ".png")
    files = {"photos/cat/1.jpg": jpeg, "photos/notes.txt": b"text", "photos/dog/a/2.png": png}
    assert read(archive({"photos/": b"", **files}, method, b"a comment"), tmp_path) == [
        Capture(jpeg, "photos/cat/1.jpg", "image/jpeg", "cat"),
        LeftOut("photos/notes.txt", "not an image"),
        Capture(png, "photos/dog/a/2.png", "image/png", "dog"),
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["p/cat/1.jpg", "p/2.jpg"], ["cat", None]),
        (["cat/1.jpg", "dog/a/2.jpg"], ["cat", "dog"]),
        (["cat/1.jpg", "2.jpg"], ["cat", None]),
        (["./p/cat/1.jpg", "./p/dog/2.jpg"], ["cat", "dog"]),
        (["p/cat/1.jpg", "__MACOSX/p/cat/._1.jpg", ".DS_Store"], ["cat"]),
        (["1.jpg"], [None]),
    ],
)
def test_labels_are_as_the_unpacked_folder_would_give_them(
    files: list[str], expected: list[str | None], tmp_path: Path
) -> None:
    assert labels(read(archive({name: encoded(1) for name in files}), tmp_path)) == expected


def test_names_are_keys_and_lead_nowhere(tmp_path: Path) -> None:
    hostile = ["/etc/a/1.jpg", "../../b/2.jpg", "c/../../3.jpg", "d\\e\\4.jpg", "\u4e2d/5.jpg"]
    found = read(archive({name: encoded(1) for name in hostile}), tmp_path)
    assert names(found) == ["etc/a/1.jpg", "b/2.jpg", "c/3.jpg", "d\\e\\4.jpg", "\u4e2d/5.jpg"]
    assert all(isinstance(each, Capture) for each in found)


def test_names_of_dos_and_of_no_encoding(tmp_path: Path) -> None:
    data = archive({"cat-1.jpg": encoded(1), "cat-2.jpg": encoded(2)})
    data = data.replace(b"cat-1.jpg", b"cat\\1.jpg").replace(b"cat-2.jpg", b"c\x84t-2.jpg")
    directory = bytearray(data)
    for at in (data.index(b"PK\1\2"), data.rindex(b"PK\1\2")):
        directory[at + 5] = 0
    assert names(read(bytes(directory), tmp_path)) == ["cat/1.jpg", "c\xe4t-2.jpg"]


def flagged(data: bytes, flag: int = 0, method: int | None = None) -> bytes:
    """An archive whose files carry a flag, or claim to be packed otherwise."""
    changed = bytearray(data)
    for signature, flags_at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            changed[at + flags_at] |= flag
            if method is not None:
                changed[at + flags_at + 2] = method
            at = data.find(signature, at + 1)
    return bytes(changed)


def test_what_is_encrypted_or_packed_otherwise_is_named(tmp_path: Path) -> None:
    data = archive({"1.jpg": encoded(1)}, zipfile.ZIP_STORED)
    encrypted = "encrypted: unpack the archive with its password"
    assert read(flagged(data, flag=1), tmp_path) == [Unreadable("1.jpg", encrypted)]
    packed = "compressed by method 9, which is not read: unpack the archive"
    assert read(flagged(data, method=9), tmp_path) == [Unreadable("1.jpg", packed)]


def test_a_link_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        link = zipfile.ZipInfo("link.jpg")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        made.writestr(link, "/etc/passwd")
    assert read(buffer.getvalue(), tmp_path) == [Unreadable("link.jpg", "a link")]


def test_a_bomb_costs_no_more_than_a_record(tmp_path: Path) -> None:
    bomb = archive({"bomb.jpg": encoded(1) + bytes(50_000_000), "1.jpg": encoded(1)})
    lying = bytearray(bomb)
    size_at = bomb.index(b"PK\1\2") + 24
    lying[size_at : size_at + 4] = struct.pack("<L", 5000)
    path = tmp_path / "photos.zip"
    for data, reason in (
        (bomb, "exceed the record limit of 100000"),
        (bytes(lying), "damaged: "),
    ):
        path.write_bytes(data)
        tracemalloc.start()
        try:
            found = list(Zip("photos.zip", str(path), max_bytes=MAX_BYTES).items(GO_ON))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert isinstance(found[0], Unreadable)
        assert reason in found[0].reason
        assert names(found[1:]) == ["1.jpg"]
        assert peak < 2 * 2**20, peak


# In a process of its own: other threads of this one allocate as well.
COUNT_AND_PEAK = """
import sys, threading, tracemalloc
from velox.producer.sources.zip import Zip

found = Zip("photos.zip", sys.argv[1], max_bytes=10**6)
tracemalloc.start()
print(sum(1 for _ in found.items(threading.Event())), tracemalloc.get_traced_memory()[1])
"""


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(archive({f"{number}.txt": b"" for number in range(2000)}))
    child = [sys.executable, "-c", COUNT_AND_PEAK, str(path)]
    # What coverage keeps would count as well.
    alone = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    count, peak = map(int, subprocess.check_output(child, text=True, env=alone).split())
    assert count == 2000
    assert peak < 500_000


def test_an_archive_with_wide_numbers_and_something_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made, made.open("p/1.jpg", "w", force_zip64=True) as file:
        file.write(encoded(1))
    assert names(read(b"#!/bin/sh\n" + buffer.getvalue(), tmp_path)) == ["p/1.jpg"]
    # As beyond 65,535 files.
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    many = archive({f"{number}.jpg": encoded(number) for number in range(3)})
    assert b"PK\6\7" in many
    assert names(read(b"stub" + many, tmp_path)) == ["0.jpg", "1.jpg", "2.jpg"]


def cut(data: bytes) -> bytes:
    return data[:-40]


def broken_content(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[200] ^= 0xFF
    return bytes(changed)


def broken_directory(data: bytes) -> bytes:
    return data.replace(b"PK\1\2", b"PK\0\0")


@pytest.mark.parametrize("damage", [cut, broken_content, broken_directory, lambda _: b"PK\3\4"])
def test_damage_is_named_and_never_an_error(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    found = read(damage(archive({"1.jpg": encoded(1)}, zipfile.ZIP_STORED)), tmp_path)
    assert [type(each) for each in found] == [Unreadable]
    assert "damaged" in found[0].reason  # type: ignore[union-attr]


def test_any_cut_or_flipped_byte_ends_in_words(tmp_path: Path) -> None:
    whole = archive({"p/1.jpg": encoded(1), "p/2.jpg": encoded(2)})
    for at in range(0, len(whole), 53):
        changed = bytearray(whole)
        changed[at] ^= 0x55
        for data in (whole[:at], bytes(changed)):
            for each in read(data, tmp_path):
                assert not isinstance(each, Capture) or each.value in (encoded(1), encoded(2))


@pytest.mark.parametrize("place", [2**63 - 1, 2**63, 2**64 - 1])
def test_a_file_at_a_place_that_no_file_has_costs_no_other(place: int, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for number in range(3):
            made.writestr(f"{number}.jpg", encoded(number))
        made.infolist()[1].header_offset = place
    found = read(buffer.getvalue(), tmp_path)
    assert names(found) == ["0.jpg", "1.jpg", "2.jpg"]
    assert found[1] == Unreadable("1.jpg", "damaged: not where the directory says")


@pytest.mark.parametrize("field", [40, 48])
def test_a_directory_at_a_place_that_no_file_has_is_damage(
    field: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    changed = bytearray(archive({f"{number}.jpg": encoded(number) for number in range(3)}))
    at = changed.index(b"PK\6\6") + field
    changed[at : at + 8] = b"\xff" * 8
    found = read(bytes(changed), tmp_path)
    assert found
    assert all(isinstance(each, Unreadable) and "damaged" in each.reason for each in found)


def test_how_far_it_is_and_that_it_ends_when_told(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    path.write_bytes(archive({f"{number}.jpg": encoded(number) for number in range(4)}))
    source = Zip("photos.zip", str(path), max_bytes=MAX_BYTES)
    assert source.done is None
    assert [source.done for _ in source.items(GO_ON)] == [0.25, 0.5, 0.75, 1.0]
    stop = threading.Event()
    items = source.items(stop)
    list(islice(items, 2))
    stop.set()
    assert list(items) == []
