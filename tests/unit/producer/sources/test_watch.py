import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.rig.pictures import encoded
from tests.unit.fakes import Clock
from velox.base.errors import BrokerUnavailable, SettingError
from velox.producer.sources.capture import Capture, Item, LeftOut, Unreadable
from velox.producer.sources.journal import Journal
from velox.producer.sources.watch import PATIENCE_S, SEND_AGAIN_S, Watch


class Topic:
    """Holds what was sent; may be away."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, bytes]] = []
        self.away = False
        self.read_back: list[dict[int, int]] = []

    def ends(self) -> dict[int, int]:
        return {0: len(self.records)}

    def since(
        self, places: Mapping[int, int], stop: threading.Event
    ) -> Iterator[tuple[tuple[int, int], bytes, bytes]]:
        if self.away:
            raise BrokerUnavailable("away")
        self.read_back.append(dict(places))
        for offset in range(places.get(0, 0), len(self.records)):
            yield (0, offset), *self.records[offset]

    def take(self, capture: Capture, *, acknowledged: bool = True) -> None:
        """As the broker does: it has the image, and may not get to say so."""
        self.records.append((capture.source.encode(), capture.value))
        if acknowledged and capture.answered:
            capture.answered((0, len(self.records) - 1))


class Looks(threading.Event):
    """Lets so many looks pass, each some seconds after the one before."""

    def __init__(self, clock: Clock, looks: int, seconds: float) -> None:
        super().__init__()
        self._clock, self._left, self._seconds = clock, looks, seconds

    def wait(self, timeout: float | None = None) -> bool:
        self._left -= 1
        self._clock.advance(self._seconds)
        if self._left <= 0:
            self.set()
        return self.is_set()


class Folder:
    """A watched folder, and processes that watch it one after the other."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.inside = root / "in"
        self.inside.mkdir()
        self.clock = Clock()
        self.topic = Topic()
        self.aside: str | None = None

    def put(self, name: str, data: bytes) -> None:
        path = self.inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def start(self) -> Watch:
        return Watch(
            "in",
            str(self.inside),
            done=self.aside,
            journal=Journal(self.root / "journal"),
            topic=self.topic,
            max_bytes=100_000,
            clock=self.clock,
        )

    def looks(self, watch: Watch, count: int = 4, seconds: float = 1.0) -> Iterator[Item]:
        return watch.items(Looks(self.clock, count, seconds))

    def sent(self, *, killed: bool = False, acknowledged: bool = True) -> list[str]:
        """What one process sends in a few looks."""
        watch, names = self.start(), []
        for item in self.looks(watch):
            assert isinstance(item, Capture)
            self.topic.take(item, acknowledged=acknowledged)
            names.append(item.source)
        watch._journal.close(clean=False) if killed else watch.close()
        return names


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_each_file_is_sent_once_with_its_label(folder: Folder) -> None:
    folder.put("cat/1.jpg", encoded(1))
    folder.put("2.png", encoded(2, ".png"))
    watch = folder.start()
    found = []
    for item in folder.looks(watch):
        assert isinstance(item, Capture)
        folder.topic.take(item)
        found.append((item.source, item.label))
    watch.close()
    assert found == [("in/cat/1.jpg", "cat"), ("in/2.png", None)]
    assert folder.sent() == []
    assert folder.topic.read_back == [], "a clean end leaves no doubt"
    folder.put("3.jpg", encoded(3))
    assert folder.sent() == ["in/3.jpg"]
    folder.put("3.jpg", encoded(4) + b"changed")
    assert folder.sent() == ["in/3.jpg"]


def test_what_arrived_before_a_crash_is_not_sent_again(folder: Folder) -> None:
    for number in range(5):
        folder.put(f"{number}.jpg", encoded(number))
    assert len(folder.sent(killed=True, acknowledged=False)) == 5
    folder.put("5.jpg", encoded(5))
    assert folder.sent(killed=True) == ["in/5.jpg"]
    assert folder.sent() == []
    assert len(folder.topic.records) == 6


def test_what_did_not_arrive_before_a_crash_is_sent(folder: Folder) -> None:
    folder.put("1.jpg", encoded(1))
    watch = folder.start()
    assert len(list(folder.looks(watch, count=2))) == 1
    watch._journal.close(clean=False)
    assert folder.sent() == ["in/1.jpg"]


@pytest.mark.parametrize("arrived", [True, False])
def test_what_was_given_up_is_looked_for_before_it_is_sent_again(
    arrived: bool, folder: Folder
) -> None:
    folder.put("1.jpg", encoded(1))
    watch = folder.start()
    sent = 0
    for item in folder.looks(watch, count=8, seconds=SEND_AGAIN_S):
        assert isinstance(item, Capture)
        assert item.answered is not None
        sent += 1
        if sent > 1:
            folder.topic.take(item)
            continue
        if arrived:
            folder.topic.take(item, acknowledged=False)
        item.answered(None)
    watch.close()
    assert sent == (1 if arrived else 2)
    assert len(folder.topic.records) == 1


def test_a_broker_that_is_away_is_waited_for(folder: Folder) -> None:
    folder.put("1.jpg", encoded(1))
    folder.sent(killed=True, acknowledged=False)
    folder.topic.away = True
    watch = folder.start()
    assert list(folder.looks(watch)) == []
    watch.close()
    folder.topic.away = False
    assert folder.sent() == []


def test_files_are_put_aside_once_they_are_acknowledged(folder: Folder) -> None:
    folder.aside = str(folder.inside / "done")
    for data in (encoded(1), encoded(2)):
        folder.put("cat/1.jpg", data)
        assert folder.sent() == ["in/cat/1.jpg"]
        assert not (folder.inside / "cat/1.jpg").exists()
    kept = {name: (folder.inside / "done/cat" / name).read_bytes() for name in ("1.jpg", "1-1.jpg")}
    assert kept == {"1.jpg": encoded(1), "1-1.jpg": encoded(2)}
    folder.put("2.jpg", encoded(3))
    folder.sent(killed=True, acknowledged=False)
    assert (folder.inside / "2.jpg").exists()
    assert folder.sent() == []
    assert (folder.inside / "done/2.jpg").exists()


def test_what_cannot_be_remembered_is_not_sent(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    folder.put("1.jpg", encoded(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert folder.sent(killed=True) == []
    assert "No space left on device" in caplog.text
    assert folder.sent() == ["in/1.jpg"]


def test_what_is_no_whole_image_is_waited_for_and_then_named_once(folder: Folder) -> None:
    folder.put("cut.jpg", encoded(1)[:-30])
    folder.put("notes.txt", b"text")
    watch = folder.start()
    first = list(folder.looks(watch, count=4))
    assert first == [LeftOut("in/notes.txt", "not an image")]
    watch.close()
    watch = folder.start()
    found = list(folder.looks(watch, count=4, seconds=PATIENCE_S))
    watch.close()
    assert sorted(type(each).__name__ for each in found) == ["LeftOut", "Unreadable"]
    assert Unreadable("in/cut.jpg", "the .jpg image is cut short") in found
    folder.put("cut.jpg", encoded(1))
    assert "in/cut.jpg" in [
        each.source for each in folder.looks(folder.start()) if isinstance(each, Capture)
    ]


def test_a_place_for_what_is_done_that_cannot_be_made(folder: Folder) -> None:
    (folder.root / "file").write_text("")
    folder.aside = str(folder.root / "file" / "done")
    with pytest.raises(SettingError, match=r"WATCH_DONE=.*: Not a directory"):
        list(folder.looks(folder.start()))
