"""On the embedded store, which needs no server; on MongoDB in tests/integration."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import CAPTURED_MS, record
from velox.base.records import LONGEST_TEXT, Detection, utc_text
from velox.stores import forgetting
from velox.stores.forgetting import Forgetting, Forgotten
from velox.stores.image_names import file_name
from velox.stores.sqlite import SQLITE_FILE, SQLiteStore
from velox.stores.sqlite_removal import SQLiteRemoval

MINE, OTHER = "line-1", "line-2"


class Place:
    """A folder with detections, their images, and what was kept for review."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.removal = SQLiteRemoval(folder)
        self.store = SQLiteStore(folder / SQLITE_FILE)
        self.store.open()
        self.review = sqlite3.connect(folder / "review.db")
        with self.review:
            self.review.execute(
                "CREATE TABLE review (_id TEXT PRIMARY KEY, timestamp TEXT, source TEXT)"
            )
            self.review.execute("CREATE TABLE review_images (_id TEXT PRIMARY KEY, image BLOB)")

    def put(self, number: int, source: str, *, age_ms: int = 0, suffix: bytes = b"") -> Detection:
        """A detection with its image, kept for review too."""
        one = record(number, timestamp_ms=CAPTURED_MS - age_ms, value=b"\xff\xd8\xff" + suffix)
        path = self.folder / file_name(one)
        path.write_bytes(one.value or b"")
        found = Detection(
            id=one.id,
            timestamp=utc_text(one.timestamp_ms),
            predicted_label="red_circle",
            confidence=0.9,
            ground_truth=None,
            file_path=f"/elsewhere/{path.name}",
            source=source,
            latency_ms=1.0,
            model="0123456789ab",
        )
        self.store.write([found])
        with self.review:
            row = (found.id, found.timestamp, source[:LONGEST_TEXT])
            self.review.execute("INSERT INTO review VALUES (?, ?, ?)", row)
            self.review.execute("INSERT INTO review_images VALUES (?, x'FF')", (found.id,))
        return found

    def forget(self, source: str = MINE, before_ms: int | None = None, **more: bool) -> Forgotten:
        return Forgetting(self.removal, self.folder, source, before_ms, **more).run()

    @property
    def files(self) -> set[str]:
        return {name for name in os.listdir(self.folder) if ".db" not in name}

    def ids(self, table: str) -> set[str]:
        file = SQLITE_FILE if table == "shapes_found" else "review.db"
        with closing(sqlite3.connect(self.folder / file)) as connection:
            return {each for (each,) in connection.execute(f"SELECT _id FROM {table}")}  # noqa: S608

    def holds(self, *detections: Detection) -> bool:
        """Whether these are left, everywhere, and nothing else."""
        ids = {each.id for each in detections}
        assert self.files == {Path(str(each.file_path)).name for each in detections}
        assert self.ids("shapes_found") == ids
        assert self.ids("review") == self.ids("review_images") == ids
        return True


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    with closing(made.store), closing(made.removal), closing(made.review):
        yield made


def test_everything_of_a_source_goes_and_nothing_of_others(place: Place) -> None:
    for number in range(5):
        place.put(number, MINE)
    others = [place.put(10, OTHER), place.put(11, f"{MINE}1"), place.put(12, MINE.upper())]
    done = place.forget()
    assert done == Forgotten({"shapes_found": 5, "review": 5, "withdrawn": 0}, files=5)
    assert place.holds(*others)


def test_what_was_captured_later_stays(place: Place) -> None:
    place.put(1, MINE, age_ms=1)
    same, new = place.put(2, MINE), place.put(3, MINE, age_ms=-1)
    assert place.forget(before_ms=CAPTURED_MS).files == 1
    assert place.holds(same, new)


def test_a_dry_run_says_what_would_go(place: Place) -> None:
    detections = [place.put(number, MINE) for number in range(3)]
    counts = {"shapes_found": 3, "review": 3, "withdrawn": 0}
    assert place.forget(dry=True) == Forgotten(counts, files=3)
    assert place.holds(*detections)


def test_a_source_with_a_long_name_is_that_of_its_documents(place: Place) -> None:
    name = "s" * (LONGEST_TEXT + 7)
    place.store.write([replace(place.put(1, name), source=name[:LONGEST_TEXT])])
    place.forget(name)
    assert place.holds()


def test_a_file_that_its_document_does_not_name_goes_too(place: Place) -> None:
    """It was removed and came again: the document may say that there is none."""
    found = place.put(1, MINE, suffix=b"\xff\xd9")
    place.removal.clear_files([found.id])
    assert place.forget().files == 1
    assert place.holds()


def test_what_a_process_began_to_write_goes_too(place: Place) -> None:
    mine, other = place.put(1, MINE), place.put(2, OTHER)
    for each in (mine, other):
        name = Path(str(each.file_path)).name
        (place.folder / f".{name}.writer.part").write_bytes(b"half")
    place.forget()
    assert place.files == {
        Path(str(other.file_path)).name,
        f".{Path(str(other.file_path)).name}.writer.part",
    }


def test_a_document_that_names_what_is_not_there_is_counted(place: Place) -> None:
    found = place.put(1, MINE)
    (place.folder / Path(str(found.file_path)).name).unlink()
    assert place.forget().elsewhere == 1
    assert place.holds()


def test_no_file_but_ours_is_touched_whatever_a_document_says(place: Place) -> None:
    beyond = place.folder.parent / "image_data-0-1-2.jpg"
    beyond.write_bytes(b"not yours")
    (place.folder / "notes.txt").write_bytes(b"not yours")
    bad = ["../image_data-0-1-2.jpg", "notes.txt", SQLITE_FILE, "", "..", "a\0b-0-1-2.jpg"]
    for number, path in enumerate(bad):
        place.store.write([replace(place.put(number, MINE), file_path=path)])
    place.store.write([replace(place.put(99, MINE), id="../image_data:0:1:2")])
    place.forget()
    assert beyond.read_bytes() == b"not yours"
    assert place.files == {"notes.txt"}
    assert place.ids("shapes_found") == set()


def test_a_file_that_cannot_be_removed_keeps_its_document(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nothing would lead to it any more."""
    kept, gone = place.put(1, MINE), place.put(2, MINE)
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == Path(str(kept.file_path)).name:
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    done = place.forget()
    assert (done.left, done.files) == (1, 1)
    assert "Permission denied" in done.reason
    assert place.ids("shapes_found") == {kept.id}
    assert place.files.isdisjoint({Path(str(gone.file_path)).name})
    monkeypatch.undo()
    place.forget()
    assert place.ids("shapes_found") == set()
    assert place.files == set()


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("step", range(8))
def test_interrupted_anywhere_it_can_be_begun_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """After so many files, syncs and removals of documents; no file is ever without a document."""
    monkeypatch.setattr(forgetting, "AT_ONCE", 2)
    for number in range(4):
        place.put(number, MINE)
    other = place.put(10, OTHER)
    steps = 0

    def dying(owner: object, call: str) -> None:
        original = getattr(owner, call)

        def done(*arguments: object) -> object:
            nonlocal steps
            result = original(*arguments)
            steps += 1
            if steps == step + 1:
                raise Killed
            return result

        monkeypatch.setattr(owner, call, done)

    dying(forgetting, "_sync")
    dying(place.removal, "remove")
    dying(Path, "unlink")
    with pytest.raises(Killed):
        place.forget()
    monkeypatch.undo()
    named = {each.rpartition(":")[0].replace(":", "-") for each in place.ids("shapes_found")}
    assert {name.rpartition("-")[0] for name in place.files} <= named
    place.forget()
    assert place.holds(other)


def test_files_are_off_the_disk_before_their_documents_go(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fsync(2): a change of a folder is on disk once the folder itself was synced."""
    calls: list[str] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        assert os.path.samestat(os.fstat(descriptor), os.stat(place.folder))
        calls.append(f"sync with {len(place.files)} files, {len(place.ids('shapes_found'))} found")
        sync(descriptor)

    place.put(1, MINE)
    place.put(2, MINE)
    monkeypatch.setattr(os, "fsync", noted)
    place.forget()
    assert calls == ["sync with 0 files, 2 found"]


def test_it_ends_when_told_to(place: Place) -> None:
    found = place.put(1, MINE)
    Forgetting(place.removal, place.folder, MINE).run(until=lambda: True)
    assert place.holds(found)
