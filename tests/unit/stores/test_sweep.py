import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.fakes import CAPTURED_MS, Removals
from velox.base.errors import StoreUnavailable
from velox.stores import sweep as sweeping
from velox.stores.sweep import STEP, sweep


def name(number: int, age_ms: int) -> str:
    """Of an image that is so much older than `CAPTURED_MS`."""
    return f"image_data-0-{number}-{CAPTURED_MS - age_ms}.jpg"


@pytest.fixture
def removals() -> Removals:
    return Removals()


def swept(removals: Removals, folder: Path, pause: Callable[[float], bool] = bool) -> bool:
    return sweep(removals, folder, CAPTURED_MS, pause=lambda _: not pause(0), tell=removals.tell)


def test_files_go_by_the_time_in_their_name(removals: Removals, tmp_path: Path) -> None:
    old, same, new = name(1, 1), name(2, 0), name(3, -1)
    others = {"detections.db", "photo.jpg", f".{new}.one.part", ".notes.part"}
    for each in (old, same, new, f".{old}.one.part", *others):
        (tmp_path / each).write_bytes(b"")
    (tmp_path / name(4, 1)).mkdir()
    assert swept(removals, tmp_path)
    assert set(os.listdir(tmp_path)) == {same, new, name(4, 1)} | others
    assert removals.told == {"files": 2}, "the image, and the half of one that somebody left"


@pytest.mark.parametrize("timestamp", [0, 10**17])
def test_a_file_without_a_usable_time_goes_by_when_it_was_written(
    removals: Removals, tmp_path: Path, timestamp: int
) -> None:
    """Its document has the time of storing."""
    for number, age_s in ((1, 1), (2, -1)):
        path = tmp_path / f"image_data-0-{number}-{timestamp}.jpg"
        path.write_bytes(b"")
        moment = CAPTURED_MS / 1000 - age_s
        os.utime(path, (moment, moment))
    assert swept(removals, tmp_path)
    assert os.listdir(tmp_path) == [f"image_data-0-2-{timestamp}.jpg"]


def test_documents_go_in_steps_until_none_is_left(removals: Removals, tmp_path: Path) -> None:
    removals.overdue = {"shapes_found": 2 * STEP + 1, "review": 3}
    assert swept(removals, tmp_path)
    assert removals.overdue == {"shapes_found": 0, "review": 0}
    assert removals.told == {"shapes_found": 2 * STEP + 1, "review": 3}
    assert max(removals.steps) == STEP


def test_what_another_process_removed_first_does_not_end_the_sweep(
    removals: Removals, tmp_path: Path
) -> None:
    removals.overdue = {"shapes_found": 3 * STEP, "review": 0}
    removals.taken_by_others = STEP
    assert swept(removals, tmp_path)
    assert removals.overdue["shapes_found"] == 0
    assert removals.told == {"shapes_found": 2 * STEP}


def test_files_go_before_their_documents(removals: Removals, tmp_path: Path) -> None:
    (tmp_path / name(1, 1)).write_bytes(b"")
    removals.overdue = {"shapes_found": 1, "review": 0}
    removals.look = lambda: os.listdir(tmp_path)
    swept(removals, tmp_path)
    assert removals.seen[0] == []


def test_it_ends_between_two_steps_when_told_to(removals: Removals, tmp_path: Path) -> None:
    removals.overdue = {"shapes_found": 5 * STEP, "review": 0}
    pauses = iter([False, True])
    assert not swept(removals, tmp_path, pause=lambda _: next(pauses))
    assert removals.overdue["shapes_found"] == 3 * STEP


def test_a_large_folder_is_swept_with_pauses(
    removals: Removals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "_ENTRIES_IN_A_STEP", 10)
    for number in range(35):
        (tmp_path / name(number, 1)).write_bytes(b"")
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return True

    assert sweep(removals, tmp_path, CAPTURED_MS, pause=pause, tell=removals.tell)
    assert len(pauses) == 3
    assert all(seconds > 0 for seconds in pauses)
    assert removals.told == {"files": 35}
    assert os.listdir(tmp_path) == []


def test_a_file_that_another_removes_at_the_same_moment_is_no_error(
    removals: Removals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / name(1, 1)).write_bytes(b"")
    unlink = os.unlink

    def late(path: str) -> None:
        unlink(path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", late)
    assert swept(removals, tmp_path)
    assert removals.told == {}


def test_a_file_that_cannot_be_removed_is_said_and_keeps_nothing_else(
    removals: Removals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / name(number, 1)).write_bytes(b"")
    removals.overdue = {"shapes_found": 5, "review": 0}
    unlink = os.unlink

    def refuse(path: str) -> None:
        if path.endswith(name(1, 1)):
            raise PermissionError(13, "Permission denied")
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(PermissionError):
        swept(removals, tmp_path)
    assert os.listdir(tmp_path) == [name(1, 1)]
    assert removals.told == {"files": 2, "shapes_found": 5}


def test_a_folder_that_cannot_be_read_is_said_and_keeps_no_document(
    removals: Removals, tmp_path: Path
) -> None:
    removals.overdue = {"shapes_found": 5, "review": 0}
    with pytest.raises(FileNotFoundError):
        swept(removals, tmp_path / "gone")
    assert removals.told == {"shapes_found": 5}


def test_a_store_that_is_away_is_said(removals: Removals, tmp_path: Path) -> None:
    removals.away = True
    with pytest.raises(StoreUnavailable):
        swept(removals, tmp_path)
