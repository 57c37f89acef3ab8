"""What tells the world how the producer is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import cv2

from tests.unit.fakes import Clock
from tests.unit.producer.test_feeds import LIMIT_S, Listed, feeds, images
from velox.producer.feeds import Feeds
from velox.producer.sources.camera import Camera
from velox.producer.sources.capture import Item, LeftOut, Unreadable
from velox.producer.telling import SILENT_BROKER_S, BrokerSilence, figures_of


def test_each_source_has_figures_of_its_own() -> None:
    listed = Listed("a", [*images("a", 3), Unreadable("a3", "torn"), LeftOut("a4", "text")])
    other = Listed("b", images("b", 1))
    made = feeds(listed, other)
    with closing(made):
        for capture in made.captures(threading.Event()):
            if capture is not None:
                message = capture.message(made.answered)
                assert message.answered is not None
                message.answered(None if capture.source == "a1" else (0, 5))
    for feed in made.feeds:
        feed.thread.join(LIMIT_S)
    one, two = figures_of(made.feeds)
    assert (one.source, one.read, one.sent, one.sent_bytes) == ("a", 3, 3, 9)
    assert one.came_to == {
        "acknowledged": 2,
        "failed": 1,
        "dropped": 0,
        "unreadable": 1,
        "left_out": 1,
    }
    assert two.came_to["acknowledged"] == two.read == 1
    assert not one.connected, "it has ended"
    assert None not in (one.last_read, one.last_acknowledged)


def test_a_camera_says_how_its_connection_is() -> None:
    stop = threading.Event()

    class Waiting(Camera):
        def items(self, _: threading.Event) -> Iterator[Item]:
            stop.wait(LIMIT_S)
            yield from ()

    camera = Waiting("door", "rtsp://camera/", api=cv2.CAP_FFMPEG, quality=90, max_fps=0)
    made = Feeds([camera], interval=0, loop=False, max_bytes=9, limit=0)
    (feed,) = made.feeds
    feed.thread.start()
    try:
        camera.unreachable = True
        (away,) = figures_of(made.feeds)
        camera.connected, camera.unreachable, camera.connections = True, False, 3
        (there,) = figures_of(made.feeds)
    finally:
        stop.set()
        feed.thread.join()
    assert (away.connected, away.unreachable) == (False, True)
    assert (there.connected, there.unreachable, there.connections) == (True, False, 3)


def test_who_waits_too_long_for_the_broker_is_not_ready() -> None:
    clock, counts = Clock(), {"acknowledged": 5, "pending": 1}
    silence = BrokerSilence(lambda: counts["acknowledged"], lambda: counts["pending"], clock)
    assert silence.reason() is None
    clock.advance(SILENT_BROKER_S)
    assert silence.reason() == "the broker has acknowledged no image for 30 s"
    counts["acknowledged"] = 6
    assert silence.reason() is None
    counts["pending"] = 0
    clock.advance(SILENT_BROKER_S)
    assert silence.reason() is None, "nothing waits"
