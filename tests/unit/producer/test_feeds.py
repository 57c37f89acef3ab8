import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

import pytest

from tests.rig.pictures import encoded
from tests.rig.waiting import eventually
from velox.producer import groups
from velox.producer.feed import SLOTS
from velox.producer.feeds import Feeds
from velox.producer.groups import TOGETHER
from velox.producer.sources.capture import Capture, Item, LeftOut, Unreadable
from velox.producer.sources.folder import Folder

LIMIT_S = 30
MAX_BYTES = 100


class Listed:
    """Gives what it was given, again at each call."""

    done: float | None = None

    def __init__(self, source_id: str, items: Sequence[Item], *, live: bool = False) -> None:
        self.id = source_id
        self.live = live
        self._items = items
        self.passes = 0

    def items(self, stop: threading.Event) -> Iterator[Item]:
        self.passes += 1
        yield from self._items


class Blocked(Listed):
    """Gives one image and then nothing more, deaf to `stop`."""

    def __init__(self, source_id: str, *, live: bool = False) -> None:
        super().__init__(source_id, [image(source_id)], live=live)
        self.forever = threading.Event()

    def items(self, stop: threading.Event) -> Iterator[Item]:
        yield from self._items
        self.forever.wait(60)


class Flood(Listed):
    """A live source that counts and never waits, until it is told to stop."""

    given = 0

    def items(self, stop: threading.Event) -> Iterator[Item]:
        while not stop.is_set():
            self.given += 1
            yield image(f"{self.id}-{self.given}")


def image(name: str, size: int = 3) -> Capture:
    return Capture(b"x" * size, name, "image/jpeg")


def images(prefix: str, count: int) -> list[Item]:
    return [image(f"{prefix}{number}") for number in range(count)]


def feeds(*sources: Listed, interval: float = 0, loop: bool = False, limit: int = 0) -> Feeds:
    return Feeds(sources, interval=interval, loop=loop, max_bytes=MAX_BYTES, limit=limit)


def taken(made: Feeds) -> list[str]:
    """The names of all images, in the order they came."""
    with closing(made):
        return [each.source for each in made.captures(threading.Event()) if each is not None]


def first_of(captures: Iterator[Capture | None]) -> str:
    """The name of the first image, however long it takes to come."""
    return next(each.source for each in captures if each is not None)


def test_every_image_of_every_source_each_in_its_order() -> None:
    names = taken(feeds(Listed("a", images("a", 50)), Listed("b", images("b", 50))))
    assert [name for name in names if name.startswith("a")] == [f"a{n}" for n in range(50)]
    assert [name for name in names if name.startswith("b")] == [f"b{n}" for n in range(50)]


def test_what_is_unreadable_is_named_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    made = feeds(
        Listed("a", [image("a0"), Unreadable("a1", "torn"), image("a2", MAX_BYTES + 1)]),
        Listed("b", [Unreadable("b0", "empty")]),
    )
    assert taken(made) == ["a0"]
    assert made.unreadable == 3
    assert "unreadable source=a name='a1' reason='torn'" in caplog.text
    assert "name='a2' reason='its 101 bytes exceed the record limit of 100'" in caplog.text
    assert [(each.images, each.unreadable) for each in made.feeds] == [(1, 2), (0, 1)]


def test_every_image_that_is_not_sent_is_named_however_many_they_are(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = feeds(Listed("a", [Unreadable(f"a{number}", "torn") for number in range(500)]))
    assert taken(made) == []
    assert {f"name='a{number}'" for number in range(500)} <= set(caplog.text.split())


def test_what_is_no_image_is_counted_and_the_first_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    made = feeds(Listed("a", [image("a"), *(LeftOut(f"a{n}", "not an image") for n in range(500))]))
    assert taken(made) == ["a"]
    assert (made.left_out, made.unreadable) == (500, 0)
    assert "left out source=a name='a0' reason='not an image'" in caplog.text
    assert caplog.text.count("left out") < 100


def test_two_bad_files_of_one_name_are_two() -> None:
    made = feeds(Listed("a", [Unreadable("a", "torn"), image("a0"), Unreadable("a", "torn")]))
    assert taken(made) == ["a0"]
    assert made.unreadable == 2


@pytest.mark.parametrize("items", [[], [LeftOut("a0", "not an image")]])
def test_a_source_without_an_image_is_named(items: list[Item]) -> None:
    made = feeds(Listed("a", items))
    assert taken(made) == []
    assert made.unreadable == 1


def test_a_loop_begins_again_and_names_each_bad_file_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Listed("a", [image("a0"), Unreadable("a1", "torn"), image("a2")])
    made = feeds(source, loop=True, limit=7)
    assert taken(made) == ["a0", "a2", "a0", "a2", "a0", "a2", "a0"]
    assert caplog.text.count("torn") == 1


@pytest.mark.parametrize("items", [[], [Unreadable("a0", "torn")], [LeftOut("a0", "not an image")]])
def test_a_loop_over_no_image_ends(items: list[Item]) -> None:
    source = Listed("a", items)
    assert taken(feeds(source, loop=True)) == []
    assert source.passes == 1


def test_the_limit_counts_images_of_all_sources() -> None:
    made = feeds(
        Listed("a", [Unreadable("a", "torn"), *images("a", 50)]),
        Listed("b", images("b", 50)),
        limit=30,
    )
    assert len(taken(made)) == 30


def test_images_come_at_the_interval_except_live_ones() -> None:
    started = time.monotonic()
    taken(feeds(Listed("a", images("a", 5)), Listed("b", images("b", 5)), interval=0.05))
    assert 0.2 <= time.monotonic() - started < LIMIT_S, "each source keeps its own pace"
    started = time.monotonic()
    taken(feeds(Listed("a", images("a", 4), live=True), interval=600))
    assert time.monotonic() - started < LIMIT_S


def test_a_source_that_blocks_holds_up_neither_the_others_nor_the_end() -> None:
    stuck = Blocked("stuck")
    made = feeds(stuck, Listed("a", images("a", 50)))
    stop = threading.Event()
    found = []
    started = time.monotonic()
    with closing(made):
        for each in made.captures(stop):
            if each is not None:
                found.append(each.source)
            elif len(found) == 51:
                stop.set()
            assert time.monotonic() - started < LIMIT_S
    assert time.monotonic() - started < LIMIT_S
    assert "stuck" in found
    stuck.forever.set()


def test_a_tick_comes_while_nothing_else_does() -> None:
    stuck = Blocked("stuck")
    made = feeds(stuck)
    with closing(made):
        captures = made.captures(threading.Event())
        assert first_of(captures) == "stuck"
        assert list(islice(captures, 2)) == [None, None]
    stuck.forever.set()


def test_what_nobody_takes_is_dropped_if_it_is_live_and_waited_for_if_not() -> None:
    live, patient = Flood("live", [], live=True), Flood("patient", [])
    made = feeds(live, patient)
    with closing(made):
        captures = made.captures(threading.Event())
        next(captures)
        deadline = time.monotonic() + LIMIT_S
        while live.given < 1000:
            assert time.monotonic() < deadline
        assert patient.given <= SLOTS + 3
    of_live, of_patient = made.feeds
    assert of_live.dropped > 900
    assert of_patient.dropped == 0


def test_memory_is_bounded_by_the_slots_of_each_source() -> None:
    made = feeds(Flood("a", []), Flood("b", [], live=True))
    with closing(made):
        next(made.captures(threading.Event()))
        assert made._queue.qsize() <= 2 * SLOTS


def folder_of(path: Path, count: int) -> Folder:
    for number in range(count):
        (path / f"{number:03}.jpg").write_bytes(encoded(number))
    return Folder("photos", str(path), max_bytes=10**6)


@pytest.mark.parametrize(("interval", "together"), [(0, TOGETHER), (0.001, 1)])
def test_files_are_handed_over_together_unless_they_are_paced(
    tmp_path: Path, interval: float, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "LONGEST_S", 3600.0)
    files = folder_of(tmp_path, (SLOTS + 2) * TOGETHER)
    made = Feeds([files], interval=interval, loop=False, max_bytes=10**6, limit=0)
    with closing(made):
        first = first_of(made.captures(threading.Event()))
        eventually(lambda: made._queue.qsize() == SLOTS, LIMIT_S, "all slots are full")
        _, items = made._queue.get()
        assert isinstance(items, list)
        assert len(items) == together
        assert first == "photos/000.jpg"


def test_files_keep_their_order_and_the_limit_holds_within_a_group(tmp_path: Path) -> None:
    made = Feeds([folder_of(tmp_path, 50)], interval=0, loop=True, max_bytes=10**6, limit=70)
    assert taken(made) == [f"photos/{number % 50:03}.jpg" for number in range(70)]


def test_an_error_of_a_source_is_not_passed_over() -> None:
    class Broken(Listed):
        def items(self, stop: threading.Event) -> Iterator[Item]:
            yield image("a")
            raise ZeroDivisionError("a bug")

    made = feeds(Broken("a", []))
    with closing(made), pytest.raises(ZeroDivisionError, match="a bug"):
        list(made.captures(threading.Event()))


def test_how_far_each_is_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = Listed("a", images("a", 3))
    source.done = 0.42
    made = feeds(source, Listed("b", images("b", 1)))
    with closing(made):
        captures = made.captures(threading.Event())
        next(captures)
        made.report()
        list(captures)
    assert "reading source=a\n" in caplog.text
    assert "reading source=a images=" in caplog.text
    assert "done=42%" in caplog.text
    assert "ended source=a images=3 unreadable=0 dropped=0 left_out=0" in caplog.text
    assert "ended source=b images=1 unreadable=0 dropped=0 left_out=0\n" in caplog.text
