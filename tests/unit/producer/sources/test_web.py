import logging
import threading
from itertools import islice
from pathlib import Path

import pytest

from tests.rig import video
from tests.rig.pictures import encoded
from tests.rig.waiting import eventually
from tests.rig.web import Web as Server
from tests.rig.web import web as serving
from velox.base import waiting
from velox.producer.sources.capture import Capture, Item, Unreadable
from velox.producer.sources.web import Web

GO_ON = threading.Event()
FRAMES = 40


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An MP4 whose index lies at its end."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return video.write_trimmed(path, frames=FRAMES, shown=FRAMES).read_bytes()


def at(server: Server, path: str = "/film.mp4", login: str = "") -> Web:
    return Web("film", f"http://{login}{server.address}{path}", quality=90, max_fps=0)


def frames(items: list[Item]) -> int:
    return sum(isinstance(each, Capture) for each in items)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_film_is_read_once_and_whole(ranges: bool, film: bytes) -> None:
    with serving(files={"/film.mp4": film}, ranges=ranges) as server:
        source = at(server)
        found = list(source.items(GO_ON))
    assert frames(found) == len(found) == FRAMES
    assert not source.live
    assert source.done == 1.0
    assert len({each.value for each in found if isinstance(each, Capture)}) > 1


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_raw_stream_in_a_file_ends_too(codec: str) -> None:
    files = {"/film": video.raw(codec)}
    with serving(files=files, kind="application/octet-stream", ranges=False) as server:
        assert frames(list(at(server, "/film").items(GO_ON))) == 30


def test_a_film_without_a_length_ends_by_its_container(tmp_path: Path) -> None:
    film = video.write(tmp_path / "film.avi", frames=FRAMES).read_bytes()
    with serving(files={"/film.avi": film}, length=False, ranges=False) as server:
        source = at(server, "/film.avi")
        assert frames(list(source.items(GO_ON))) == FRAMES
    assert not source.live


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_drops_costs_no_frame(
    ranges: bool, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "FIRST_DELAY_S", 0.001)
    with serving(files={"/film.mp4": film}, ranges=ranges, most=4000, drops=3) as server:
        found = list(at(server).items(GO_ON))
    assert frames(found) == len(found) == FRAMES


def test_what_does_not_come_to_its_end_is_named(
    film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "FIRST_DELAY_S", 0.001)
    half = len(film) // 2
    with serving(files={"/film.mp4": film}, ranges=False, most=half) as server:
        *_, end = at(server).items(GO_ON)
    assert isinstance(end, Unreadable)
    size = len(film)
    assert f"of {size}: the connection ended, after" in end.reason


def test_what_is_no_film_is_named(film: bytes) -> None:
    with serving(files={"/film.mp4": b"text" * 1000}) as server:
        (end,) = at(server).items(GO_ON)
    assert end == Unreadable("film", "neither an image nor a video that OpenCV can read")


def test_who_asks_for_a_password_is_told_it(film: bytes) -> None:
    with serving(files={"/my film.mp4": film}, login="user:p#ss") as server:
        server.files["/my%20film.mp4"] = film
        found = list(at(server, "/my film.mp4", "user:p%23ss@").items(GO_ON))
    assert frames(found) == FRAMES


def test_a_picture_is_asked_for_again_and_again() -> None:
    with serving(files={"/snap.jpg": encoded(1)}, kind="image/jpeg") as server:
        source = at(server, "/snap.jpg")
        assert frames(list(islice(source.items(threading.Event()), 3))) == 3
        assert source.live


def test_the_reason_is_told_while_it_is_not_there(
    film: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serving() as server:
        source = at(server)
        stop = threading.Event()
        found: list[Item] = []
        thread = threading.Thread(target=lambda: found.extend(source.items(stop)))
        caplog.set_level(logging.INFO)
        thread.start()
        eventually(lambda: "reason='HTTP 404 Not Found'" in caplog.text, 60, "the reason")
        server.files["/film.mp4"] = film
        thread.join(60)
    assert frames(found) == FRAMES
