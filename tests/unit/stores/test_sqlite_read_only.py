"""A report of what may only be read: the folder, the file, and what a crash left beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.unit.fakes import detection
from velox.base.errors import StoreRefuses, StoreUnavailable
from velox.stores.sqlite import SQLiteStore
from velox.stores.sqlite_reader import SQLiteReader

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that everybody can get to, which pytest's own are not."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing in the folder can be written."""
    for each in folder.iterdir():
        each.chmod(0o444)
    folder.chmod(0o555)
    with nobody():
        yield


@contextmanager
def nobody() -> Iterator[None]:
    """Root may do everything, so it is somebody else meanwhile."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def written(folder: Path, *left: str) -> Path:
    """A file with five detections, and what a consumer that was killed would leave beside it."""
    path, aside = folder / "detections.db", Path(tempfile.mkdtemp(dir=folder))
    with closing(SQLiteStore(path)) as store:
        store.open()
        store.write([detection(number) for number in range(5)])
        for ending in ("", *left):
            shutil.copy(f"{path}{ending}", aside)
    if left:
        for each in aside.iterdir():
            shutil.move(each, folder / each.name)
    shutil.rmtree(aside)
    return path


@pytest.mark.parametrize("left", [(), ("-wal",), ("-wal", "-shm")])
def test_what_may_only_be_read_is_read_whole(folder: Path, left: tuple[str, ...]) -> None:
    path = written(folder, *left)
    before = sorted(each.name for each in folder.iterdir())
    assert before == sorted(path.name + ending for ending in ("", *left))
    with read_only(folder), closing(SQLiteReader(path)) as reader:
        assert reader.totals().detections == 5
        assert len(reader.latest(10)) == 5
    assert sorted(each.name for each in folder.iterdir()) == before


def test_what_was_copied_is_removed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o777)
        monkeypatch.setattr(tempfile, "tempdir", scratch)
        path = written(folder, "-wal")
        with read_only(folder):
            with closing(SQLiteReader(path)):
                assert len(list(Path(scratch).iterdir())) == 1
            assert not list(Path(scratch).iterdir())


def test_a_folder_that_nobody_may_look_into_is_named(folder: Path) -> None:
    path = written(folder)
    folder.chmod(0o000)
    with nobody(), pytest.raises(StoreUnavailable, match=r"detections\.db: .*Permission denied"):
        SQLiteReader(path)


@pytest.mark.parametrize("denied", ["the folder", "the file"])
def test_who_may_not_write_is_told_who_he_is_and_where(folder: Path, denied: str) -> None:
    path = folder / "detections.db"
    if denied == "the file":
        path = written(folder)
        path.chmod(0o444)
        folder.chmod(0o777)
    place = path if denied == "the file" else folder
    reason = rf"detections\.db: .* \(user {NOBODY} may not write to {place}\)"

    def open_and_write() -> None:
        store = SQLiteStore(path)
        with closing(store):
            store.open()
            store.write([detection(9)])

    with nobody(), pytest.raises((StoreUnavailable, StoreRefuses), match=reason):
        open_and_write()
