"""With SYNC_FILES=1 no document names an image that a power cut could take.

What is on disk at a moment follows from the calls that were made until then, as fsync(2) says: the
data of a file since the file was synced, the names in a folder since that was. A stand-in keeps
books of that by the real files, and looks into them when the store is about to write documents.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.consumer.stages.test_recorder import FakeTopic, Journal
from tests.unit.fakes import FakeEngine, record
from velox.base.records import Detection, Outcome, Prediction
from velox.consumer.stages.batch import Batch
from velox.consumer.stages.predictor import BisectingPredictor
from velox.consumer.stages.recorder import Recorder
from velox.monitoring.metrics import Metrics
from velox.stores.image_files import ImageFiles
from velox.stores.interface import Rejected


class Disk:
    """What a power cut would leave.

    Attributes:
        data: the content of each file by its inode, as it was when it was last synced.
        names: of each folder by its inode, the inode of each name, as they were then.
        syncs: the paths that were synced, in order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data: dict[int, bytes] = {}
        self.names: dict[int, dict[str, int]] = {}
        self.syncs: list[Path] = []
        self.skips: Callable[[Path], bool] = lambda _: False
        self._turn = threading.Lock()
        monkeypatch.setattr(os, "fsync", self.sync)

    def sync(self, descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        if self.skips(path):
            return
        found = os.fstat(descriptor)
        with self._turn:
            self.syncs.append(path)
            if stat.S_ISDIR(found.st_mode):
                self.names[found.st_ino] = {
                    each.name: each.inode() for each in os.scandir(descriptor)
                }
            else:
                self.data[found.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def content(self, path: Path) -> bytes | None:
        """What the file would hold; None if it would not be there under that name."""
        names = self.names.get(path.parent.stat().st_ino, {})
        return self.data.get(names.get(path.name, 0))

    def has(self, folder: Path) -> bool:
        """Whether a folder would be there."""
        return folder.name in self.names.get(folder.parent.stat().st_ino, {})


class LookingStore:
    """When documents come, looks what of their images is on disk."""

    name = "looking"

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self.on_disk: dict[str, bytes | None] = {}

    def open(self) -> None:
        """Nothing to do."""

    def write(self, detections: Sequence[Detection]) -> Rejected:
        for each in detections:
            assert each.file_path is not None
            self.on_disk[each.id] = self._disk.content(Path(each.file_path))
        return []

    def probe(self, detection: Detection) -> None:
        """Nothing is refused."""

    def close(self) -> None:
        """Nothing to do."""


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def image(offset: int) -> bytes:
    return b"\xff\xd8\xff image %d" % offset


def store_some(disk: Disk, folder: Path, *, sync: bool, batches: int = 2) -> LookingStore:
    """Batches of five matches each, written by the last two stages of the consumer."""
    store, journal = LookingStore(disk), Journal()
    files = ImageFiles(folder, keep=100, sync=sync)
    recorder = Recorder(
        store=store,
        files=files,
        dead_letters=FakeTopic("image_data-dlt", journal),
        metrics=Metrics(),
        abort=threading.Event(),
    )
    for number in range(batches):
        records = [record(10 * number + each, value=image(10 * number + each)) for each in range(5)]
        batch = Batch(records, BisectingPredictor(FakeEngine()))
        matched = Prediction("red_circle", 0.9, Outcome.MATCH)
        batch.predictions = [(each, matched) for each in records]
        recorder.write_files(batch)
        recorder.record([batch])
    files.close()
    return store


def wanted(batches: int = 2) -> dict[str, bytes]:
    offsets = [10 * number + each for number in range(batches) for each in range(5)]
    return {record(offset).id: image(offset) for offset in offsets}


def test_an_image_is_on_disk_before_its_document_names_it(disk: Disk, tmp_path: Path) -> None:
    store = store_some(disk, tmp_path, sync=True)
    assert store.on_disk == wanted()


def test_a_batch_costs_one_sync_of_its_folder(disk: Disk, tmp_path: Path) -> None:
    store_some(disk, tmp_path, sync=True)
    assert disk.syncs.count(tmp_path) == 2
    assert len(disk.syncs) == 2 + len(wanted())


def test_a_folder_that_was_made_is_on_disk_too(disk: Disk, tmp_path: Path) -> None:
    folder = tmp_path / "one" / "two"
    store = store_some(disk, folder, sync=True)
    assert store.on_disk == wanted()
    assert disk.has(folder)
    assert disk.has(folder.parent)


def test_without_the_setting_nothing_waits_for_the_disk(disk: Disk, tmp_path: Path) -> None:
    """And the books are good for something: what was not synced they do not find."""
    store = store_some(disk, tmp_path, sync=False)
    assert set(store.on_disk.values()) == {None}
    assert disk.syncs == []


@pytest.mark.parametrize("skips", [Path.is_dir, Path.is_file], ids=["folder", "files"])
def test_the_books_notice_each_sync_that_is_missing(
    disk: Disk, tmp_path: Path, skips: Callable[[Path], bool]
) -> None:
    disk.skips = skips
    store = store_some(disk, tmp_path, sync=True)
    assert set(store.on_disk.values()) == {None}


def test_an_image_that_does_not_reach_the_disk_is_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the disk comes out at the sync."""

    def broken(descriptor: int) -> None:
        if ".part" in os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    files = ImageFiles(tmp_path, keep=100, sync=True)
    (written,) = files.write_all([record(1, value=image(1))])
    assert isinstance(written, OSError)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_does_not_reach_the_disk_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ImageFiles(tmp_path, keep=100, sync=True)

    def broken(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}") == str(tmp_path):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    written: list[Any] = files.write_all([record(each, value=image(each)) for each in range(3)])
    assert [each.errno for each in written] == [5, 5, 5]
