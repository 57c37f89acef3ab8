import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest

from velox.producer.sources import camera as camera_source
from velox.producer.sources.camera import Camera
from velox.producer.sources.capture import Capture

FRAME = np.zeros((8, 8, 3), np.uint8)
ADDRESS = "rtsp://user:secret@camera/live"


class Connection:
    """Gives so many frames, each a step of the clock apart."""

    def __init__(self, clock: "Clock", frames: int) -> None:
        self._clock = clock
        self._left = frames
        self.grabbed = 0

    def grab(self) -> bool:
        self._left -= 1
        self._clock.now += 1 / 30
        self.grabbed += self._left >= 0
        return self._left >= 0

    def retrieve(self) -> tuple[bool, Any]:
        return True, FRAME


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Stop(threading.Event):
    """Remembers the waits and waits for none."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self.waits: list[float] = []
        self._most = waits

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        if len(self.waits) >= self._most:
            self.set()
        return self.is_set()


def camera(
    monkeypatch: pytest.MonkeyPatch, connections: list[int | None], max_fps: float = 0
) -> tuple[Camera, list[Connection]]:
    """A camera with so many frames in each connection; None for one that is refused."""
    clock, made = Clock(), list[Connection]()
    plan = iter(connections)

    @contextmanager
    def opened(location: object, api: int) -> Iterator[Connection | None]:
        assert (location, api) == (ADDRESS, cv2.CAP_FFMPEG)
        frames = next(plan, None)
        if frames is None:
            yield None
        else:
            made.append(Connection(clock, frames))
            yield made[-1]

    monkeypatch.setattr(camera_source, "opened", opened)
    source = Camera(
        "door",
        ADDRESS,
        api=cv2.CAP_FFMPEG,
        quality=90,
        max_fps=max_fps,
        clock=clock,
        wall_clock=lambda: clock.now,
    )
    return source, made


def test_it_says_whether_frames_come_and_whether_anything_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, _ = camera(monkeypatch, [2, None, 1])
    answers = iter([False, False, True])
    monkeypatch.setattr(source, "_is_reachable", lambda: next(answers))
    seen: list[tuple[bool, bool, int]] = []

    class Looking(Stop):
        def wait(self, timeout: float | None = None) -> bool:
            seen.append((source.connected, source.unreachable, source.connections))
            return super().wait(timeout)

    for frame in source.items(Looking(waits=3)):
        assert isinstance(frame, Capture)
        seen.append((source.connected, source.unreachable, source.connections))
    assert seen == [
        (True, False, 1),
        (True, False, 1),
        (False, True, 1),
        (False, True, 1),
        (True, False, 2),
        (False, False, 2),
    ]


def read(source: Camera, stop: Stop) -> list[Capture]:
    return [each for each in source.items(stop) if isinstance(each, Capture)]


def test_it_connects_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    source, made = camera(monkeypatch, [3, None, 2, None, None, 4])
    frames = read(source, Stop(waits=7))
    assert len(frames) == 3 + 2 + 4
    assert len(made) == 3
    assert {(each.source, each.content_type, each.label) for each in frames} == {
        ("door", "image/jpeg", None)
    }


def test_waits_grow_while_it_is_away_and_begin_anew_with_a_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, _ = camera(monkeypatch, [*[None] * 12, 1])
    stop = Stop(waits=14)
    assert len(list(source.items(stop))) == 1
    assert stop.waits[0] <= 0.1
    assert 2.5 <= stop.waits[11] <= 5.0
    assert stop.waits[12] <= 0.1, "after the frame"
    assert stop.waits[13] <= 0.2


def test_a_connection_without_a_frame_does_not_shorten_the_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, _ = camera(monkeypatch, [0] * 12)
    stop = Stop(waits=12)
    assert list(source.items(stop)) == []
    assert stop.waits[11] >= 2.5


def test_at_most_so_many_frames_a_second_and_none_grows_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, made = camera(monkeypatch, [300], max_fps=10)
    frames = read(source, Stop(waits=1))
    assert len(frames) == 100
    assert made[0].grabbed == 300
    times = [each.captured_ms or 0 for each in frames]
    assert times == sorted(times)
    assert times[0] == int((100 + 1 / 30) * 1000)


def test_it_ends_when_told_in_the_middle_of_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    source, _ = camera(monkeypatch, [1000])
    stop = Stop(waits=1)
    items = source.items(stop)
    list(islice(items, 5))
    stop.set()
    assert list(items) == []
    assert stop.waits == []


def test_credentials_reach_neither_the_log_nor_the_record(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source, _ = camera(monkeypatch, [2, None, 2])
    frames = list(source.items(Stop(waits=4)))
    assert frames
    assert "camera lost source=door" in caplog.text
    assert "camera connected source=door" in caplog.text
    for each in (caplog.text, repr(frames)):
        assert "secret" not in each


# In a process of its own: OpenCV asks once, for all that comes after, how much FFmpeg may print.
UNREACHABLE = """
import cv2
from tests.unit.producer.sources.test_camera import Stop
from velox.producer.sources.camera import Camera
where = "http://user:secret@127.0.0.1:1/live"
source = Camera("door", where, api=cv2.CAP_FFMPEG, quality=90, max_fps=0)
assert list(source.items(Stop(waits=2))) == []
"""


def test_opencv_names_no_address_either() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNREACHABLE], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "secret" not in done.stdout + done.stderr
    assert "127.0.0.1" not in done.stdout + done.stderr
