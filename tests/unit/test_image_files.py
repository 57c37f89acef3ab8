import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.rig import pictures
from tests.unit.fakes import CAPTURED_MS, Clock, record
from velox import image_files
from velox.image_files import LIST_EVERY_S, ImageFiles, file_name, is_ours

JPEG = pictures.encoded(0)


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def written(files: ImageFiles, offsets: Sequence[int]) -> list[str]:
    """The names of images written, each a second older than the next."""
    paths = []
    for offset in offsets:
        path = files.write(record(offset, value=JPEG))
        assert path is not None
        moment = time.time() - 1000 + offset
        os.utime(path, (moment, moment))
        paths.append(Path(path).name)
    return paths


@pytest.mark.parametrize("form", [".jpg", ".png", ".webp", ".bmp"])
def test_a_file_holds_the_bytes_that_came_in_under_a_name_of_the_id(
    form: str, tmp_path: Path
) -> None:
    value = pictures.encoded(1, form)
    path = ImageFiles(tmp_path, keep=5).write(record(7, partition=3, value=value))
    assert path == f"{tmp_path}/image_data-3-7-{CAPTURED_MS}{form}"
    assert Path(path).read_bytes() == value


def test_no_file_is_ever_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It appears by its name once it is whole."""
    seen = []
    rename = os.rename

    def look(source: str, target: str) -> None:
        seen.append((Path(source).read_bytes(), Path(target).exists()))
        rename(source, target)

    monkeypatch.setattr(os, "rename", look)
    ImageFiles(tmp_path, keep=5).write(record(1, value=JPEG))
    assert seen == [(JPEG, False)]
    assert len(names(tmp_path)) == 1


def test_a_file_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ImageFiles(tmp_path, keep=5)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(record(1, value=JPEG))
    assert names(tmp_path) == set()
    monkeypatch.undo()
    assert files.write(record(1, value=JPEG)) is not None


def test_two_writers_of_one_record_do_not_take_each_others_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = ImageFiles(tmp_path, keep=5), ImageFiles(tmp_path, keep=5)
    rename = os.rename

    def write_meanwhile(source: str, target: str) -> None:
        monkeypatch.setattr(os, "rename", rename)
        other.write(record(1))
        rename(source, target)

    monkeypatch.setattr(os, "rename", write_meanwhile)
    assert one.write(record(1)) is not None
    assert len(names(tmp_path)) == 1


def test_the_newest_stay(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path, keep=3)
    all_names = written(files, range(8))
    assert names(tmp_path) == set(all_names[-3:])


def test_none_are_kept_if_so_asked(tmp_path: Path) -> None:
    assert ImageFiles(tmp_path, keep=0).write(record(1, value=JPEG)) is None
    assert names(tmp_path) == set()


def test_a_record_written_again_replaces_its_file(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path, keep=3)
    for _ in range(2):
        files.write(record(1, value=JPEG))
    assert len(names(tmp_path)) == 1


def test_a_record_written_again_does_not_cost_the_newest(tmp_path: Path) -> None:
    """After a rebalance records come again: each counts once, as what was written last."""
    files = ImageFiles(tmp_path, keep=2, clock=Clock())
    written(files, [1, 3, 1, 1, 2])
    assert names(tmp_path) == {file_name(record(each, value=JPEG)) for each in (1, 2)}


def test_files_of_an_earlier_run_count(tmp_path: Path) -> None:
    written(ImageFiles(tmp_path, keep=10), range(5))
    ImageFiles(tmp_path, keep=2)
    assert {name.split("-")[2] for name in names(tmp_path)} == {"3", "4"}


def test_several_processes_share_the_bound_after_a_listing(tmp_path: Path) -> None:
    clock = Clock()
    one, other = (ImageFiles(tmp_path, keep=3, clock=clock) for _ in range(2))
    written(one, range(3))
    written(other, range(10, 13))
    assert len(names(tmp_path)) == 6
    clock.advance(LIST_EVERY_S)
    written(one, [20])
    assert {name.split("-")[2] for name in names(tmp_path)} == {"11", "12", "20"}


def test_the_bound_is_exact_at_the_end(tmp_path: Path) -> None:
    one, other = ImageFiles(tmp_path, keep=3), ImageFiles(tmp_path, keep=3)
    written(one, range(3))
    written(other, range(10, 13))
    one.close()
    assert {name.split("-")[2] for name in names(tmp_path)} == {"10", "11", "12"}


def test_a_file_that_another_has_removed_is_no_error(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path, keep=1)
    (name,) = written(files, [1])
    (tmp_path / name).unlink()
    written(files, [2])
    assert len(names(tmp_path)) == 1


def test_other_files_are_never_touched(tmp_path: Path) -> None:
    others = {"detections.db", "notes-1-2.jpg", "photo.jpg", "image_data-a-1-2.jpg"}
    for name in others:
        (tmp_path / name).write_text("mine")
    (tmp_path / "folder-1-2-3.jpg").mkdir()
    written(ImageFiles(tmp_path, keep=1), range(3))
    assert others | {"folder-1-2-3.jpg"} < names(tmp_path)
    assert len(names(tmp_path)) == len(others) + 2


def test_parts_of_a_process_that_died_are_removed_and_those_of_a_living_one_not(
    tmp_path: Path,
) -> None:
    old, new = tmp_path / ".a-1-2-3.jpg.99.part", tmp_path / ".a-1-2-4.jpg.98.part"
    for each in (old, new):
        each.write_bytes(b"half")
    long_ago = time.time() - 2 * image_files.STALE_TEMPORARY_S
    os.utime(old, (long_ago, long_ago))
    ImageFiles(tmp_path, keep=5)
    assert names(tmp_path) == {new.name}


def test_a_file_that_cannot_be_removed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = ImageFiles(tmp_path, keep=1)

    def refuse(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    written(files, range(2))
    assert "image not removed" in caplog.text
    assert "Permission denied" in caplog.text


def test_the_folder_is_not_listed_for_each_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ImageFiles(tmp_path, keep=1, clock=Clock())
    monkeypatch.setattr(os, "scandir", None)
    written(files, range(10))
    assert len(names(tmp_path)) == 1


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("image_data-0-1-1700000000123.jpg", True),
        ("my-topic.v1-12-345-0.bin", True),
        ("detections.db", False),
        ("image_data-0-1.jpg", False),
        ("image_data-0-x-1.jpg", False),
        (".image_data-0-1-2.jpg.77.part", False),
        ("", False),
    ],
)
def test_a_name_is_ours_if_it_has_the_form(name: str, ours: bool) -> None:
    assert is_ours(name) is ours


def test_bytes_of_no_known_form_still_have_a_name() -> None:
    assert file_name(record(1, value=None)) == f"image_data-0-1-{CAPTURED_MS}.bin"
    assert is_ours(file_name(record(1, value=b"?", topic="a-b.c_d")))
