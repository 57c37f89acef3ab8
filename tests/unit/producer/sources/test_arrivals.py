import os
import threading
from pathlib import Path

import pytest

from tests.unit.fakes import Clock
from velox.producer.sources.arrivals import Arrivals
from velox.producer.sources.capture import Unreadable

GO_ON = threading.Event()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def arrivals(tmp_path: Path, clock: Clock) -> Arrivals:
    return Arrivals(str(tmp_path), lambda path: os.path.relpath(path, tmp_path), clock)


def look(arrivals: Arrivals, known: tuple[str, ...] = ()) -> list[str]:
    assert list(arrivals.look(lambda name, _path, _version: name not in known, GO_ON)) == []
    return [each.name for each in arrivals.complete()]


def test_a_file_is_complete_when_it_has_stayed_the_same_for_a_second(
    arrivals: Arrivals, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"half")
    assert look(arrivals) == []
    clock.advance(0.9)
    assert look(arrivals) == []
    path.write_bytes(b"half and half")
    clock.advance(0.9)
    assert look(arrivals) == [], "it has grown"
    clock.advance(1)
    assert look(arrivals) == ["a.jpg"]
    assert look(arrivals) == ["a.jpg"], "until somebody knows it"
    assert look(arrivals, known=("a.jpg",)) == []


def test_a_file_of_the_same_size_is_another_by_its_time(
    arrivals: Arrivals, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"one")
    look(arrivals)
    clock.advance(1)
    look(arrivals)
    (found,) = arrivals.complete()
    arrivals.give_up(found)
    clock.advance(9)
    assert look(arrivals) == [], "given up"
    os.utime(path, ns=(1, 1))
    assert look(arrivals) == []
    clock.advance(1)
    assert look(arrivals) == ["a.jpg"]


def test_what_is_not_finished_by_its_name_or_is_no_file_is_passed_over(
    arrivals: Arrivals, clock: Clock, tmp_path: Path
) -> None:
    for name in (".a.jpg.x7", "a.jpg.part", "b.tmp", "c.crdownload", "d.jpg~", "good.jpg"):
        (tmp_path / name).write_bytes(b"x")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    look(arrivals)
    clock.advance(1)
    assert look(arrivals) == ["good.jpg"]
    (tmp_path / "a.jpg.part").rename(tmp_path / "a.jpg")
    look(arrivals)
    clock.advance(1)
    assert set(look(arrivals)) == {"a.jpg", "good.jpg"}


def test_the_oldest_come_first_and_a_folder_may_be_left_out(
    arrivals: Arrivals, clock: Clock, tmp_path: Path
) -> None:
    for number, name in enumerate(("c.jpg", "a.jpg", "b/b.jpg", "done/d.jpg")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, ns=(number, number))
    arrivals.leave_out(str(tmp_path / "done"))
    look(arrivals)
    clock.advance(1)
    assert look(arrivals) == ["c.jpg", "a.jpg", "b/b.jpg"]


def test_a_folder_that_cannot_be_listed_is_named_once(
    arrivals: Arrivals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refused)
    first, second = (list(arrivals.look(lambda *_: True, GO_ON)) for _ in range(2))
    assert first == [Unreadable(".", "Permission denied")]
    assert second == []
