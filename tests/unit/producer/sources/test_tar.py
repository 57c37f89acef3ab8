import gc
import gzip
import io
import os
import sys
import tarfile
import threading
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest

from tests.rig.pictures import encoded
from tests.rig.waiting import eventually
from velox.producer.sources import tar
from velox.producer.sources.capture import Capture, Item, LeftOut, Unreadable
from velox.producer.sources.tar import MAX_HEADER_BYTES, Tar

GO_ON = threading.Event()
MAX_BYTES = 100_000
LINK = "a link; tar --dereference --hard-dereference packs the file itself"


def archive(
    files: dict[str, bytes | tarfile.TarInfo], mode: str = "w", form: int = tarfile.GNU_FORMAT
) -> bytes:
    """A tar archive of files, or of members that are no files."""
    buffer = io.BytesIO()
    with tarfile.open(  # type: ignore[call-overload]
        fileobj=buffer, mode=mode, format=form, errors="surrogateescape"
    ) as made:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                content.name = name
                made.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                made.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(kind: bytes, *, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname, info.size = kind, target, size
    return info


def read(data: bytes, folder: Path) -> list[Item]:
    path = folder / "photos.tar"
    path.write_bytes(data)
    items = Tar("photos.tar", str(path), max_bytes=MAX_BYTES).items(GO_ON)
    return [each for each in items if not isinstance(each, LeftOut)]


def names(items: list[Item]) -> list[str]:
    return [each.source if isinstance(each, Capture) else each.name for each in items]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_every_image_byte_for_byte(mode: str, form: int, tmp_path: Path) -> None:
    jpeg, png = encoded(1), encoded(2, ".png")
    found = read(
        archive(
            {
                "photos": member(tarfile.DIRTYPE),
                "photos/cat": member(tarfile.DIRTYPE),
                "photos/cat/1.jpg": jpeg,
                "photos/notes.txt": b"text",
                "photos/dog/puppies/2.png": png,
            },
            mode,
            form,
        ),
        tmp_path,
    )
    assert found == [
        Capture(jpeg, "photos/cat/1.jpg", "image/jpeg", "cat"),
        Capture(png, "photos/dog/puppies/2.png", "image/png", "dog"),
    ]


@pytest.mark.parametrize(
    ("name", "source", "label"),
    [
        ("photos/cat/1.jpg", "photos/cat/1.jpg", "cat"),
        ("./cat/1.jpg", "cat/1.jpg", "cat"),
        ("./1.jpg", "1.jpg", None),
        ("photos/1.jpg", "photos/1.jpg", None),
        ("1.jpg", "1.jpg", None),
        ("photos/" + "long" * 60 + "/1.jpg", "photos/" + "long" * 60 + "/1.jpg", "long" * 60),
        (os.fsdecode(b"photos/c\xe2t/1.jpg"), "photos/c\\xe2t/1.jpg", "c\\xe2t"),
    ],
)
def test_labels_are_as_the_folder_itself_would_give_them(
    name: str, source: str, label: str | None, tmp_path: Path
) -> None:
    (item,) = read(archive({name: encoded(1)}), tmp_path)
    assert isinstance(item, Capture)
    assert (item.source, item.label) == (source, label)


def test_links_devices_and_hidden_files(tmp_path: Path) -> None:
    found = read(
        archive(
            {
                "p/1.jpg": encoded(1),
                "p/hard.jpg": member(tarfile.LNKTYPE, target="p/1.jpg"),
                "p/soft.jpg": member(tarfile.SYMTYPE, target="../../etc/passwd"),
                "p/soft.txt": member(tarfile.SYMTYPE, target="x"),
                "p/null.jpg": member(tarfile.CHRTYPE),
                "p/pipe.jpg": member(tarfile.FIFOTYPE),
                "p/.hidden/2.jpg": encoded(2),
                "p/._1.jpg": b"text",
                "p/3.jpg": encoded(3),
            }
        ),
        tmp_path,
    )
    assert names(found) == ["p/1.jpg", "p/hard.jpg", "p/soft.jpg", "p/3.jpg"]
    assert [each for each in found if isinstance(each, Unreadable)] == [
        Unreadable("p/hard.jpg", LINK),
        Unreadable("p/soft.jpg", LINK),
    ]


def test_what_is_left_out_is_named_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    path.write_bytes(
        archive(
            {
                "p/notes.txt": b"text",
                "p/large.bin": bytes(MAX_BYTES + 1),
                "p/large": encoded(1).ljust(MAX_BYTES + 1, b"\0"),
                "p/soft.txt": member(tarfile.SYMTYPE, target="x"),
                "p/pipe.jpg": member(tarfile.FIFOTYPE),
                "p/.hidden/2.jpg": encoded(2),
            }
        )
    )
    assert list(Tar("photos.tar", str(path), max_bytes=MAX_BYTES).items(GO_ON)) == [
        LeftOut("p/notes.txt", "not an image"),
        LeftOut("p/large.bin", "not an image"),
        Unreadable("p/large", "its 100001 bytes exceed the record limit of 100000"),
        LeftOut("p/soft.txt", "a link"),
        LeftOut("p/pipe.jpg", "not a regular file"),
        LeftOut("p/.hidden/2.jpg", "hidden"),
    ]


def test_a_huge_file_is_passed_over_without_being_held(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("p/huge.jpg")
    huge.size = 256 * 2**20
    path = tmp_path / "photos.tar"
    with path.open("wb") as file:
        file.write(huge.tobuf(tarfile.GNU_FORMAT))
        file.seek(huge.size, os.SEEK_CUR)
        file.write(archive({"p/after.jpg": encoded(1)}))
    tracemalloc.start()
    try:
        found = list(Tar("photos.tar", str(path), max_bytes=MAX_BYTES).items(GO_ON))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found[0] == Unreadable(
        "p/huge.jpg", "its 268435456 bytes exceed the record limit of 100000"
    )
    assert names(found[1:]) == ["p/after.jpg"]
    assert peak < 2 * 2**20, peak


def test_members_are_not_remembered(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    texts: dict[str, bytes | tarfile.TarInfo] = {f"p/{n}.txt": b"text" for n in range(500)}
    path.write_bytes(archive({**texts, "p/last.jpg": encoded(1)}))
    items = Tar("photos.tar", str(path), max_bytes=MAX_BYTES).items(GO_ON)
    assert names(list(islice(items, 501)))[-1] == "p/last.jpg"
    gc.collect()
    assert sum(issubclass(type(each), tarfile.TarInfo) for each in gc.get_objects()) < 10
    assert list(items) == []


def test_no_cut_goes_unnoticed_and_what_came_before_it_is_sent(tmp_path: Path) -> None:
    images = [encoded(number) for number in range(3)]
    whole = archive({f"p/{number}.jpg": data for number, data in enumerate(images)})
    end = whole.rindex(images[2]) + len(images[2])
    for cut in [*range(0, end, 97), end]:
        found = read(whole[:cut], tmp_path)
        sent = [each.value for each in found if isinstance(each, Capture)]
        assert sent == images[: len(sent)]
        (broken,) = [each for each in found if isinstance(each, Unreadable)]
        assert broken.name == "photos.tar"
        assert broken.reason.startswith("not a tar archive, or damaged or cut short: ")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_no_cut_in_a_compressed_archive_goes_unnoticed(mode: str, tmp_path: Path) -> None:
    whole = archive({f"p/{number}.jpg": encoded(number) for number in range(3)}, mode)
    for cut in range(0, len(whole) - 400, 501):
        assert any(isinstance(each, Unreadable) for each in read(whole[:cut], tmp_path)), cut


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_archives_in_a_row_are_read_to_the_last(mode: str, tmp_path: Path) -> None:
    parts = [archive({f"p/{number}.jpg": encoded(number)}, mode) for number in range(3)]
    assert names(read(b"".join(parts), tmp_path)) == ["p/0.jpg", "p/1.jpg", "p/2.jpg"]


def test_an_archive_that_was_packed_in_parts(tmp_path: Path) -> None:
    whole = archive({f"p/{number}.jpg": encoded(number) for number in range(3)})
    parts = b"".join(gzip.compress(whole[at : at + 999]) for at in range(0, len(whole), 999))
    assert len(read(parts, tmp_path)) == 3
    *_, cut = read(parts[: len(parts) // 2], tmp_path)
    assert isinstance(cut, Unreadable)


def test_a_header_that_was_wiped_is_not_taken_for_the_end(tmp_path: Path) -> None:
    whole = bytearray(archive({f"p/{number}.jpg": encoded(number) for number in range(3)}))
    second = whole.index(b"p/1.jpg")
    whole[second : second + 512] = bytes(512)
    assert names(read(bytes(whole), tmp_path)) == ["p/0.jpg", "photos.tar"]


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.map": "0,x"},
        {"GNU.sparse.size": "x"},
        {"GNU.sparse.realsize": "x"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
    ],
)
def test_a_sparse_file_whose_numbers_are_none_is_damage(
    headers: dict[str, str], tmp_path: Path
) -> None:
    jpeg = encoded(1)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        for name, more in (("p/1.jpg", {}), ("p/2.jpg", headers)):
            info = tarfile.TarInfo(name)
            info.size, info.pax_headers = len(jpeg), more
            made.addfile(info, io.BytesIO(jpeg))
    first, damage = read(buffer.getvalue(), tmp_path)
    assert first == Capture(jpeg, "p/1.jpg", "image/jpeg")
    assert isinstance(damage, Unreadable)
    assert damage.reason.startswith("not a tar archive, or damaged or cut short: ")


@pytest.mark.parametrize(
    ("begin", "reason"),
    [(b"PK\3\4", "a zip archive, whose file SOURCE must name"), (b"\x28\xb5\x2f\xfd", "zstd -dc")],
)
def test_what_else_it_is_is_said(begin: bytes, reason: str, tmp_path: Path) -> None:
    (broken,) = read(begin + bytes(1000), tmp_path)
    assert isinstance(broken, Unreadable)
    assert reason in broken.reason


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path) -> None:
    whole = bytearray(archive({f"p/{number}.jpg": encoded(number) for number in range(3)}))
    second = whole.index(b"p/1.jpg")
    whole[second + 150] ^= 0xFF
    found = read(bytes(whole), tmp_path)
    assert names(found) == ["p/0.jpg", "photos.tar"]


def test_a_header_that_claims_to_be_huge_is_refused(tmp_path: Path) -> None:
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, MAX_HEADER_BYTES + 1
    (broken,) = read(name.tobuf(tarfile.GNU_FORMAT) + b"x" * 2000, tmp_path)
    assert isinstance(broken, Unreadable)
    assert "a header claims 1048577 bytes" in broken.reason


@pytest.mark.parametrize("data", [b"", b"no archive at all" * 100, encoded(1)])
def test_what_is_no_archive_is_said_to_be_none(data: bytes, tmp_path: Path) -> None:
    (broken,) = read(data, tmp_path)
    assert isinstance(broken, Unreadable)
    assert "not a tar archive" in broken.reason


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    (broken,) = Tar("t", str(tmp_path / "gone.tar"), max_bytes=MAX_BYTES).items(GO_ON)
    assert isinstance(broken, Unreadable)
    assert "No such file" in broken.reason


def test_an_archive_of_nothing_gives_nothing(tmp_path: Path) -> None:
    assert read(archive({}), tmp_path) == []


def test_a_pipe_that_comes_in_drops_is_read_and_a_wait_for_it_ends_when_told() -> None:
    data = archive({"p/1.jpg": encoded(1), "p/2.jpg": encoded(2)})
    out, into = os.pipe()
    stop = threading.Event()
    found: list[Item] = []
    source = Tar("pipe", f"/proc/self/fd/{out}", max_bytes=MAX_BYTES)

    def take() -> None:
        found.extend(source.items(stop))

    thread = threading.Thread(target=take)
    thread.start()
    second = data.index(b"p/2.jpg")
    try:
        for at in range(0, second, 100):
            os.write(into, data[at : min(at + 100, second)])
        eventually(lambda: len(found) == 1 or None, 60, "the first image")
        assert source.done is None
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        assert names(found) == ["p/1.jpg"]
    finally:
        os.close(into)
        os.close(out)


def test_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photos.tar"
    path.write_bytes(archive({f"p/{n}.png": encoded(n, ".png") for n in range(40)}))
    source = Tar("photos.tar", str(path), max_bytes=MAX_BYTES)
    assert source.done is None
    done = [source.done or 0.0 for _ in source.items(GO_ON)]
    assert len(done) == 40
    assert done == sorted(done)
    assert done[0] < 0.5 < done[-1] <= 1.0


def test_an_archive_that_is_not_there_is_forgotten_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with pytest.raises(FileNotFoundError):
        tar._Stream(str(tmp_path / "none.tar"), threading.Event())
    gc.collect()
    assert said == []
