import io
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.rig import pictures
from tests.unit.fakes import CAPTURED_MS, Clock, record
from velox.stores import image_files
from velox.stores.gone import PAGE
from velox.stores.image_files import LIST_EVERY_S, ImageFiles
from velox.stores.image_names import file_name, is_ours
from velox.stores.unfinished import STALE_TEMPORARY_S

JPEG = pictures.encoded(0)


def names(folder: Path) -> set[str]:
    # Not by pathlib, which lists with os.scandir too: tests replace that one.
    return {name for name in os.listdir(folder) if not name.endswith(PAGE)}


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


def offsets(folder: Path) -> set[int]:
    return {int(name.split("-")[2]) for name in names(folder)}


def listed(files: ImageFiles) -> None:
    """Wait until the running listing has ended."""
    assert files._listing is not None
    assert files._listing.wait(20)


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for a while costs no listing."""
    monkeypatch.setattr(image_files, "FIRST_LISTING_LIMIT_S", 60.0)
    monkeypatch.setattr(image_files, "LAST_LISTING_LIMIT_S", 60.0)


@pytest.mark.parametrize("form", [".jpg", ".png", ".webp", ".bmp"])
def test_a_file_holds_the_bytes_that_came_in_under_a_name_of_the_id(
    form: str, tmp_path: Path
) -> None:
    value = pictures.encoded(1, form)
    path = ImageFiles(tmp_path, keep=5).write(record(7, partition=3, value=value))
    assert path == f"{tmp_path}/image_data-3-7-{CAPTURED_MS}{form}"
    assert Path(path).read_bytes() == value


def test_a_topic_with_the_longest_name_has_files_too(tmp_path: Path) -> None:
    """Kafka takes 249 characters; Velox's dead letters leave 245 of them."""
    files = ImageFiles(tmp_path, keep=2)
    for last in "ab":
        topic = "t" * 248 + last
        one = record(2**63 - 1, partition=2**31 - 1, timestamp_ms=2**63 - 1, topic=topic)
        assert one.id.startswith(topic)
        path = files.write(replace(one, value=pictures.encoded(1, ".webp")))
        assert path is not None
        assert is_ours(Path(path).name)
    assert len(names(tmp_path)) == 2
    files.write(record(1, value=JPEG))
    assert len(names(tmp_path)) == 2


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


def test_what_the_kernel_takes_in_parts_is_whole_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Little(io.FileIO):
        def write(self, data: Any) -> int:
            return super().write(data[:7]) or 0

    monkeypatch.setattr("builtins.open", lambda path, *_, **__: Little(path, "wb"))
    path = ImageFiles(tmp_path, keep=5).write(record(1, value=JPEG))
    monkeypatch.undo()
    assert Path(str(path)).read_bytes() == JPEG


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
    listed(one)
    written(one, [21])
    assert offsets(tmp_path) == {12, 20, 21}


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
    old.write_bytes(b"half")
    clock = Clock()
    files = ImageFiles(tmp_path, keep=5, clock=clock)
    assert names(tmp_path) == {old.name}
    clock.advance(2 * STALE_TEMPORARY_S)
    new.write_bytes(b"half")
    written(files, [1])
    listed(files)
    assert names(tmp_path) == {new.name, file_name(record(1, value=JPEG))}


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_part_of_a_process_whose_clock_differs_stays(tmp_path: Path, hours: int) -> None:
    part = tmp_path / ".a-1-2-3.jpg.99.part"
    part.write_bytes(b"half")
    moment = time.time() + hours * 3600
    os.utime(part, (moment, moment))
    ImageFiles(tmp_path, keep=5)
    assert names(tmp_path) == {part.name}


def test_an_image_is_written_though_its_folder_or_its_part_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    files = ImageFiles(folder, keep=5)
    folder.rmdir()
    written(files, [1])
    rename = os.rename
    taken: list[str] = []

    def rename_once_gone(temporary: str, path: str) -> None:
        if not taken:
            taken.append(temporary)
            os.unlink(temporary)
        rename(temporary, path)

    monkeypatch.setattr(os, "rename", rename_once_gone)
    written(files, [2])
    assert taken
    assert offsets(folder) == {1, 2}


def test_a_file_that_cannot_be_removed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = ImageFiles(tmp_path, keep=1)

    def refuse(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    written(files, range(2))
    assert "could not remove a stored image" in caplog.text
    assert "Permission denied" in caplog.text


def test_the_folder_is_not_listed_for_each_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ImageFiles(tmp_path, keep=1, clock=Clock())
    monkeypatch.setattr(os, "scandir", None)
    written(files, range(10))
    assert len(names(tmp_path)) == 1


@pytest.fixture
def slow_listing(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Listings end once the event is set."""
    go_on, scandir = threading.Event(), os.scandir

    def wait(folder: Path) -> Any:
        assert go_on.wait(20)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", wait)
    yield go_on
    go_on.set()


def test_no_image_waits_for_a_listing(tmp_path: Path, slow_listing: threading.Event) -> None:
    """Files are removed meanwhile as well, and what happened meanwhile is known afterwards."""
    slow_listing.set()
    clock = Clock()
    files = ImageFiles(tmp_path, keep=4, clock=clock)
    slow_listing.clear()
    written(files, range(4))
    clock.advance(LIST_EVERY_S)
    written(files, range(4, 9))
    assert files._listing is not None
    assert offsets(tmp_path) == {5, 6, 7, 8}
    slow_listing.set()
    listed(files)
    written(files, [9])
    assert offsets(tmp_path) == {6, 7, 8, 9}


def test_nothing_is_removed_before_it_is_known_what_is_there(
    tmp_path: Path, slow_listing: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_files, "FIRST_LISTING_LIMIT_S", 0.01)
    for offset in range(3):
        (tmp_path / file_name(record(offset, value=JPEG))).write_bytes(b"old")
    files = ImageFiles(tmp_path, keep=2, clock=Clock())
    written(files, range(10, 13))
    assert len(names(tmp_path)) == 6
    slow_listing.set()
    listed(files)
    written(files, [13])
    assert offsets(tmp_path) == {12, 13}


def test_a_listing_takes_a_twentieth_of_the_time(tmp_path: Path) -> None:
    clock = Clock()
    files = ImageFiles(tmp_path, keep=4, clock=clock)
    clock.advance(LIST_EVERY_S)
    written(files, [1])
    listed(files)
    assert files._listing is not None
    files._listing.seconds = 3.0
    written(files, [2])
    due = files._next_listing
    assert due == clock() + 60
    clock.advance(59)
    written(files, [3])
    assert files._next_listing == due
    clock.advance(1)
    written(files, [4])
    listed(files)


def test_many_files_are_a_number_and_the_oldest_of_them_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_files, "MOST_NAMES", 3)
    clock = Clock()
    first = ImageFiles(tmp_path, keep=20, clock=clock)
    written(first, range(20))
    first.close()
    files = ImageFiles(tmp_path, keep=20, clock=clock)
    written(files, [10, 10, 11])  # known only by their number
    assert len(names(tmp_path)) == 20
    written(files, range(20, 30))
    assert len(files._oldest) + len(files._newest) <= 6
    assert offsets(tmp_path) == {*range(3, 30)}, "no more is removed than is known to be oldest"
    clock.advance(LIST_EVERY_S)
    for offset in range(30, 40):
        written(files, [offset])
        if files._listing is not None:
            listed(files)
        clock.advance(LIST_EVERY_S)
    files.close()
    assert offsets(tmp_path) == {*range(20, 40)}


def test_far_too_many_are_removed_little_by_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (ImageFiles(tmp_path, keep=2, clock=Clock()) for _ in range(2))
    other._keep = 100
    written(other, range(40))
    one._next_listing = 0
    written(one, [50])
    listed(one)
    before = len(names(tmp_path))
    written(one, [51])
    assert len(names(tmp_path)) == before + 1 - image_files.MOST_REMOVED
    one.close()
    assert offsets(tmp_path) == {50, 51}


def test_the_end_does_not_wait_for_a_long_listing(
    tmp_path: Path,
    slow_listing: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow_listing.set()
    files = ImageFiles(tmp_path, keep=5)
    slow_listing.clear()
    monkeypatch.setattr(image_files, "LAST_LISTING_LIMIT_S", 0.01)
    with caplog.at_level("INFO"):
        files.close()
    assert "could not count the stored images in time" in caplog.text


def test_a_folder_that_cannot_be_listed_any_more_stops_no_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = ImageFiles(tmp_path, keep=5)

    def refuse(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    files._next_listing = 0
    written(files, [1])
    listed(files)
    written(files, [2])
    assert offsets(tmp_path) == {1, 2}
    said = f"could not list the stored images folder={tmp_path} reason=Permission denied"
    assert said in caplog.text


def test_a_folder_that_is_gone_at_the_end_fails_no_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "images"
    files = ImageFiles(folder, keep=1)
    written(files, [1, 2])
    shutil.rmtree(folder)
    files.close()
    assert files.gone._page is None, "whoever comes next may settle it"
    said = f"could not list the stored images folder={folder} reason=No such file or directory"
    assert said in caplog.text


def test_what_is_removed_the_store_can_be_told(tmp_path: Path) -> None:
    """By the process itself, and by one that lists the folder after it was killed."""
    told: list[str] = []
    files = ImageFiles(tmp_path, keep=2)
    written(files, range(5))
    files.gone.settle(told.extend)
    assert told == [record(offset).id for offset in range(3)]
    written(files, range(5, 7))
    files.gone.close()
    again = ImageFiles(tmp_path, keep=1)
    again.gone.settle(told.extend)
    assert told[3:] == [record(offset).id for offset in (3, 4, 5)]
    assert os.listdir(tmp_path) == [file_name(record(6, value=JPEG))]
