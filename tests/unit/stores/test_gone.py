import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fakes import CAPTURED_MS
from velox.base.errors import StoreUnavailable
from velox.stores import gone
from velox.stores.gone import PAGE, Gone
from velox.stores.image_names import LONGEST_TOPIC, _clipped


def name(offset: int) -> str:
    return f"image_data-0-{offset}-{CAPTURED_MS}.jpg"


def identity(offset: int) -> str:
    return f"image_data:0:{offset}:{CAPTURED_MS}"


@pytest.fixture
def one(tmp_path: Path) -> Gone:
    for offset in range(5):
        (tmp_path / name(offset)).write_bytes(b"image")
    return Gone(tmp_path, writer="one", topic="image_data")


class Store:
    """Told of ids; away while it is said to be."""

    def __init__(self) -> None:
        self.told: list[list[str]] = []
        self.away = False

    def clear(self, ids: Sequence[str]) -> None:
        if self.away:
            raise StoreUnavailable("away")
        self.told.append(list(ids))


def there(folder: Path) -> set[str]:
    return set(os.listdir(folder))


def pages(folder: Path) -> set[str]:
    return {each for each in there(folder) if each.endswith(PAGE)}


def seen_by(other: Gone, folder: Path) -> None:
    """As a listing does."""
    for each in sorted(there(folder)):
        assert other.see(str(folder / each)) is each.endswith(PAGE)


def test_the_store_is_told_once_and_then_nothing_is_left(one: Gone, tmp_path: Path) -> None:
    store = Store()
    one.remove([name(1)])
    one.remove([name(3)])
    assert there(tmp_path) - pages(tmp_path) == {name(0), name(2), name(4)}
    one.settle(store.clear)
    one.settle(store.clear)
    assert store.told == [[identity(1), identity(3)]]
    assert pages(tmp_path) == set()


def test_a_store_that_is_away_is_told_later(one: Gone, tmp_path: Path) -> None:
    store = Store()
    store.away = True
    one.remove([name(1)])
    with pytest.raises(StoreUnavailable):
        one.settle(store.clear)
    assert len(pages(tmp_path)) == 1
    store.away = False
    one.settle(store.clear)
    assert store.told == [[identity(1)]]
    assert pages(tmp_path) == set()


def test_many_are_told_in_parts(one: Gone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gone, "AT_ONCE", 2)
    store = Store()
    for offset in range(5):
        one.remove([name(offset)])
    one.settle(store.clear)
    assert [len(part) for part in store.told] == [2, 2, 1]
    assert there(tmp_path) == set()


# Removes an image and settles that, and is killed after so many steps of it.
DYING = """
import os, signal, sys
from pathlib import Path
from velox.stores.gone import Gone

folder, name, left = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

def dying(original):
    def step(*arguments):
        global left
        result = original(*arguments)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return result
    return step

def clear(ids):
    (folder / "document").write_text("names none")

one = Gone(folder, writer="one", topic="image_data")
for call in ("open", "rename", "write", "unlink"):
    setattr(os, call, dying(getattr(os, call)))
one.remove([name])
one.settle(dying(clear))
sys.exit(left)
"""
STEPS = ["page made", "page named", "noted", "removed", "told", "page removed", "alive"]


@pytest.mark.parametrize("point", range(len(STEPS)), ids=STEPS)
def test_a_death_at_any_point_leaves_no_document_that_names_what_is_gone(
    tmp_path: Path, point: int
) -> None:
    """After so many of its steps a process is killed; another lists the folder."""
    (tmp_path / name(1)).write_bytes(b"image")
    document = tmp_path / "document"
    document.write_text("names its file")

    def clear(ids: Sequence[str]) -> None:
        assert list(ids) == [identity(1)]
        document.write_text("names none")

    child = subprocess.run([sys.executable, "-c", DYING, tmp_path, name(1), str(point)], timeout=60)
    assert child.returncode == (0 if STEPS[point] == "alive" else -signal.SIGKILL)

    other = Gone(tmp_path, writer="other", topic="image_data")
    seen_by(other, tmp_path)
    other.settle(clear)
    assert (document.read_text() == "names its file") is (tmp_path / name(1)).exists()
    assert (tmp_path / name(1)).exists() is (point < STEPS.index("removed"))
    assert pages(tmp_path) == set()


def test_a_page_that_is_written_is_left_to_its_own_process(one: Gone, tmp_path: Path) -> None:
    one.remove([name(1)])
    store, other = Store(), Gone(tmp_path, writer="other", topic="image_data")
    seen_by(other, tmp_path)
    other.settle(store.clear)
    assert store.told == []
    one.remove([name(2)])
    one.settle(store.clear)
    assert store.told == [[identity(1), identity(2)]]
    assert pages(tmp_path) == set()


def test_a_store_that_is_away_for_long_does_not_fill_the_folder(one: Gone, tmp_path: Path) -> None:
    store = Store()
    store.away = True
    for offset in range(5):
        one.remove([name(offset)])
        with pytest.raises(StoreUnavailable):
            one.settle(store.clear)
    assert len(pages(tmp_path)) == 2
    store.away = False
    one.settle(store.clear)
    assert store.told == [[identity(0)], [identity(offset) for offset in range(1, 5)]]
    assert pages(tmp_path) == set()


def test_notes_that_a_full_disk_cut_off_are_told_and_spoil_no_other(
    one: Gone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:-6]))
    one.remove([name(0), name(1)])
    monkeypatch.undo()
    one.remove([name(2)])
    store = Store()
    one.settle(store.clear)
    assert store.told == [[identity(1)], [identity(0), identity(2)]]


def test_of_several_each_is_removed_and_told_whatever_becomes_of_the_others(
    one: Gone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refuse_one(path: str) -> None:
        if path.endswith(name(1)):
            raise PermissionError(13, "Permission denied")
        unlink(path)

    (tmp_path / name(2)).unlink()
    monkeypatch.setattr(os, "unlink", refuse_one)
    failed = one.remove([name(0), name(1), name(2), name(3)])
    assert {each: error.errno for each, error in failed.items()} == {name(1): 13}
    assert there(tmp_path) - pages(tmp_path) == {name(1), name(4)}
    store = Store()
    one.settle(store.clear)
    assert store.told == [[identity(0), identity(2), identity(3)]]


def test_an_image_that_came_again_is_named_by_its_document(one: Gone, tmp_path: Path) -> None:
    store = Store()
    one.remove([name(1)])
    (tmp_path / name(1)).write_bytes(b"again")
    one.settle(store.clear)
    assert store.told == []
    assert pages(tmp_path) == set()


def test_an_image_that_comes_and_goes_again_meanwhile_is_told_again(
    one: Gone, tmp_path: Path
) -> None:
    told: list[Sequence[str]] = []

    def clear(ids: Sequence[str]) -> None:
        told.append(ids)
        if len(told) == 1:
            (tmp_path / name(1)).write_bytes(b"again")
            one.remove([name(1)])

    one.remove([name(1)])
    one.settle(clear)
    assert len(pages(tmp_path)) == 1
    one.settle(clear)
    assert told == [[identity(1)], [identity(1)]]
    assert pages(tmp_path) == set()


def test_what_another_has_removed_is_told_all_the_same(one: Gone, tmp_path: Path) -> None:
    store = Store()
    (tmp_path / name(1)).unlink()
    one.remove([name(1)])
    one.settle(store.clear)
    assert store.told == [[identity(1)]]


def test_what_cannot_be_removed_is_not_told(
    one: Gone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def refuse(path: str) -> None:
        if not path.endswith(PAGE):
            raise PermissionError(13, "Permission denied")
        unlink(path)

    monkeypatch.setattr(os, "unlink", refuse)
    assert list(one.remove([name(1)])) == [name(1)]
    store = Store()
    one.settle(store.clear)
    assert store.told == []
    assert pages(tmp_path) == set()


def test_on_a_full_disk_an_image_is_removed_without_a_marker(
    one: Gone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    one.remove([name(1)])
    monkeypatch.undo()
    assert there(tmp_path) == {name(0), name(2), name(3), name(4)}
    store = Store()
    one.settle(store.clear)
    assert store.told == [[identity(1)]]


def test_names_that_were_clipped_belong_to_the_consumers_topic(tmp_path: Path) -> None:
    topic = "t" * (LONGEST_TOPIC + 50)
    store, long = Store(), Gone(tmp_path, writer="one", topic=topic)
    long.remove([f"{_clipped(topic)}-0-1-2.jpg"])
    long.remove([f"{'o' * LONGEST_TOPIC}-0-1-2.jpg"])
    long.settle(store.clear)
    assert store.told == [sorted([f"{topic}:0:1:2", f"{'o' * LONGEST_TOPIC}:0:1:2"])]


def test_other_files_are_no_pages(one: Gone) -> None:
    assert not one.see("/x/photo.jpg")
    assert not one.see("/x/.image_data-0-1-2.jpg.one.part")
    assert one.see("/x/.notes.one.gone")
    store = Store()
    one.settle(store.clear)
    assert store.told == []


def test_a_page_that_cannot_be_read_holds_up_no_other(one: Gone, tmp_path: Path) -> None:
    unreadable = tmp_path / f".two.0{PAGE}"
    unreadable.mkdir()
    assert one.see(str(unreadable))
    one.remove([name(1)])
    store = Store()
    one.settle(store.clear)
    assert store.told == [[identity(1)]]
    assert pages(tmp_path) == {unreadable.name}
