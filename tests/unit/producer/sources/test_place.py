import os
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.rig import video
from tests.rig.pictures import encoded
from velox.base.errors import SettingError
from velox.producer.sources.capture import Capture
from velox.producer.sources.kind import Kind
from velox.producer.sources.place import Place, locate, open_source
from velox.settings.programs import ProducerSettings


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one of each, as the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "2024", "7"):
        (tmp_path / name).mkdir()
    (tmp_path / "a=b").mkdir()
    (tmp_path / "one.jpg").write_bytes(encoded(1))
    (tmp_path / "bad.jpg").write_bytes(b"text")
    (tmp_path / "photo").write_bytes(encoded(1, ".png"))
    for name in ("p.tar", "p.tar.gz", "p.TGZ", "p.txz", "p.tbz2"):
        (tmp_path / name).touch()
    (tmp_path / "photos.zip").write_bytes(b"PK\3\4" + bytes(100))
    (tmp_path / "book").write_bytes(b"PK\3\4" + bytes(100))
    (tmp_path / "p.bin").write_bytes(bytes(257) + b"ustar" + bytes(500))
    (tmp_path / "p.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    (tmp_path / "p.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    video.write(tmp_path / "clip.avi", frames=1)
    (tmp_path / "clip").write_bytes((tmp_path / "clip.avi").read_bytes())
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("synthetic", Place("synthetic", Kind.SYNTHETIC, "")),
        ("line-1=synthetic", Place("line-1", Kind.SYNTHETIC, "")),
        ("photos", Place("photos", Kind.FILES, "photos")),
        ("photos/", Place("photos", Kind.FILES, "photos/")),
        (".", Place(".", Kind.FILES, ".")),
        ("./a=b", Place("a=b", Kind.FILES, "./a=b")),
        ("mine=photos", Place("mine", Kind.FILES, "photos")),
        ("one.jpg", Place("one.jpg", Kind.FILES, "one.jpg")),
        ("bad.jpg", Place("bad.jpg", Kind.FILES, "bad.jpg")),
        ("photo", Place("photo", Kind.FILES, "photo")),
        ("p.tar", Place("p.tar", Kind.TAR, "p.tar")),
        ("p.tar.gz", Place("p.tar.gz", Kind.TAR, "p.tar.gz")),
        ("p.TGZ", Place("p.TGZ", Kind.TAR, "p.TGZ")),
        ("p.txz", Place("p.txz", Kind.TAR, "p.txz")),
        ("p.tbz2", Place("p.tbz2", Kind.TAR, "p.tbz2")),
        ("p.bin", Place("p.bin", Kind.TAR, "p.bin")),
        ("photos.zip", Place("photos.zip", Kind.ZIP, "photos.zip")),
        ("book", Place("book", Kind.ZIP, "book")),
        ("watch:photos/", Place("photos", Kind.WATCH, "photos/")),
        ("in=watch:photos", Place("in", Kind.WATCH, "photos")),
        ("-", Place("-", Kind.TAR, "")),
        ("clip.avi", Place("clip.avi", Kind.VIDEO, "clip.avi")),
        ("clip", Place("clip", Kind.VIDEO, "clip")),
        ("0", Place("camera-0", Kind.DEVICE, "0")),
        ("door=2", Place("door", Kind.DEVICE, "2")),
        ("2024", Place("2024", Kind.FILES, "2024")),
        ("year=2024", Place("year", Kind.FILES, "2024")),
        ("7", Place("7", Kind.FILES, "7")),
        (
            "rtsp://u:p@10.0.0.7:554/live?token=t#x",
            Place(
                "rtsp://10.0.0.7:554/live", Kind.STREAM, "rtsp://u:p@10.0.0.7:554/live?token=t#x"
            ),
        ),
        (
            "door=http://10.0.0.7/?a=b",
            Place("door", Kind.WEB, "http://10.0.0.7/?a=b"),
        ),
    ],
)
def test_an_entry_says_what_it_is(entry: str, place: Place, here: Path) -> None:
    (found,) = locate((entry,), loop=False)
    assert (found.id, found.kind, found.location) == (place.id, place.kind, place.location)


@pytest.mark.parametrize(
    ("entry", "keys"),
    [
        ("all=photos", ["all/1.jpg", "all/cat/2.jpg"]),
        ("photos.tar", ["photos/1.jpg", "photos/cat/2.jpg"]),
        ("all=photos.tar", ["all/photos/1.jpg", "all/photos/cat/2.jpg"]),
        ("all=outside.tar", ["all/photos/1.jpg", "all/photos/cat/2.jpg"]),
        ("packed.zip", ["photos/1.jpg", "photos/cat/2.jpg"]),
        ("all=packed.zip", ["all/photos/1.jpg", "all/photos/cat/2.jpg"]),
    ],
)
def test_a_given_name_begins_the_keys_of_all_files(entry: str, keys: list[str], here: Path) -> None:
    files = {"photos/1.jpg": encoded(1), "photos/cat/2.jpg": encoded(2)}
    with (
        tarfile.open("photos.tar", "w") as plain,
        tarfile.open("outside.tar", "w") as outside,
        zipfile.ZipFile("packed.zip", "w") as packed,
    ):
        for name, data in files.items():
            (here / name).parent.mkdir(exist_ok=True)
            (here / name).write_bytes(data)
            plain.add(name)
            outside.add(name, f"../{name}")
            packed.write(name)
    (place,) = locate((entry,), loop=False)
    nothing: Any = None
    source = open_source(
        place,
        shapes=nothing,
        partitions=1,
        quality=90,
        max_fps=0,
        max_bytes=10**6,
        watching=nothing,
    )
    found = [each for each in source.items(threading.Event()) if isinstance(each, Capture)]
    assert [each.source for each in found] == keys


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (("gone",), r"SOURCE names 'gone': No such file or directory"),
        (("rtsp://u:12", "34@host/live"), r"in '@host/live': .*; a comma .* \\,$"),
        (
            ("u:12@34@host",),
            r"is no path and ends in '@host': an address begins with rtsp:",
        ),
        (("watch:one.jpg",), r"SOURCE names 'watch:one.jpg': no folder 'one.jpg'"),
        (("p.7z",), r"SOURCE names 'p.7z': a 7z archive, which is not read: unpack it, or make it"),
        (("p.tar.zst",), r"SOURCE names 'p.tar.zst': compressed by zstd, which is not read"),
        (("2023",), r"SOURCE names '2023': No such file or directory"),
        (("s3://bucket/photos",), r"SOURCE has an address s3://; these can be read: ftp, "),
        (("pipe",), r"SOURCE names 'pipe': it is not a folder, file or camera"),
        (("/dev/null",), r"SOURCE names '/dev/null': it is not a folder, file or camera"),
        (("photos", "photos/"), r"SOURCE has two entries 'photos': write NAME=LOCATION"),
        (("rtsp://a/x?1", "rtsp://a/x?2"), r"two entries 'rtsp://a/x'"),
        (("rtsp://user:secret@",), r"an address without a host: 'rtsp://'"),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    entries: tuple[str, ...], reason: str, here: Path
) -> None:
    with pytest.raises(SettingError, match=reason):
        locate(entries, loop=False)


def test_standard_input_comes_once() -> None:
    with pytest.raises(SettingError, match="SOURCE_LOOP=1 is not allowed with SOURCE=-"):
        locate(("-",), loop=True)


def test_a_terminal_is_no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    main, terminal = os.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(SettingError, match="standard input is a terminal"):
            locate(("-",), loop=False)
    os.close(main)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("synthetic", ("synthetic",)),
        (" a , b=c ", ("a", "b=c")),
        (r"a\,b,c\,d", ("a,b", "c,d")),
        ("rtsp://u:p@h/x?y=1&z=2#f", ("rtsp://u:p@h/x?y=1&z=2#f",)),
    ],
)
def test_the_setting_is_a_list_of_entries(text: str, entries: tuple[str, ...]) -> None:
    settings = ProducerSettings.load({"SOURCE": text})
    assert settings.source == entries
    assert text not in repr(settings)


@pytest.mark.parametrize("text", ["", ",", "rtsp://u:secret@h,", "a,,b", "a\0b"])
def test_an_empty_entry_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SettingError, match="SOURCE=<hidden> is not allowed") as refused:
        ProducerSettings.load({"SOURCE": text})
    assert "secret" not in str(refused.value)
