import re
import threading
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.rig import video
from tests.rig.pictures import COLOURS, colour
from velox.producer.sources.capture import Capture, Item, Unreadable
from velox.producer.sources.container import why_not_whole
from velox.producer.sources.video import NO_FRAMES, FrameTime, Thinning, VideoFile

GO_ON = threading.Event()


def opening(path: Path, *, max_fps: float = 0, quality: int = 95) -> VideoFile:
    where = str(path)
    return VideoFile(
        "clip",
        where,
        quality=quality,
        max_fps=max_fps,
        trouble=lambda: why_not_whole(where),
    )


def read(path: Path, *, max_fps: float = 0, quality: int = 95) -> list[Item]:
    return list(opening(path, max_fps=max_fps, quality=quality).items(GO_ON))


def seen(item: Item) -> str:
    """The colour of a frame."""
    assert isinstance(item, Capture)
    image = cv2.imdecode(np.frombuffer(item.value, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    means: list[float] = image.mean(axis=(0, 1)).tolist()
    return COLOURS[2 - means.index(max(means))]


@pytest.mark.parametrize(
    ("max_fps", "numbers"),
    [
        (0, range(20)),
        (10, range(20)),
        (60, range(20)),
        (5, range(0, 20, 2)),
        (2.5, range(0, 20, 4)),
    ],
)
def test_its_own_time_decides_which_frames_go(
    max_fps: float, numbers: range, tmp_path: Path
) -> None:
    found = read(video.write(tmp_path / "clip.avi", frames=20, fps=10), max_fps=max_fps)
    assert [seen(each) for each in found] == [colour(number) for number in numbers]
    for each in found:
        assert isinstance(each, Capture)
        assert (each.source, each.content_type, each.label) == ("clip", "image/jpeg", None)


def test_frames_are_encoded_at_the_quality(tmp_path: Path) -> None:
    path = video.write(tmp_path / "clip.avi", frames=1)
    sizes = [len(read(path, quality=quality)[0].value) for quality in (20, 95)]  # type: ignore[union-attr]
    assert 2 * sizes[0] < sizes[1]


def test_a_stream_without_a_frame_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.h264"
    path.touch()
    assert read(path) == [Unreadable("clip", NO_FRAMES)]


def test_a_stream_whose_first_frame_is_missing_is_named(tmp_path: Path) -> None:
    """All others go on from it."""
    whole = video.raw("h264")
    starts = [place.start() for place in re.finditer(b"\0\0\1", whole)]
    path = tmp_path / "clip.h264"
    path.write_bytes(whole[: starts[2]] + whole[starts[3] :])
    assert read(path) == [Unreadable("clip", NO_FRAMES)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(("max_fps", "frames"), [(0, 30), (12.5, 15), (5, 6)])
def test_a_stream_without_times_goes_at_its_frame_rate(
    codec: str, max_fps: float, frames: int, tmp_path: Path
) -> None:
    path = tmp_path / f"clip.{codec}"
    path.write_bytes(video.raw(codec))
    found = read(path, max_fps=max_fps)
    assert len(found) == frames
    assert all(isinstance(each, Capture) for each in found)


def test_times_that_go_back_cost_no_frame(tmp_path: Path) -> None:
    code = cv2.VideoWriter.fourcc(*"mp4v")
    written = cv2.VideoWriter(str(tmp_path / "part.ts"), code, 10, (64, 64))
    for number in range(20):
        written.write(np.full((64, 64, 3), 10 * number, np.uint8))
    written.release()
    part = (tmp_path / "part.ts").read_bytes()
    (tmp_path / "clip.ts").write_bytes(part + part)
    assert len(read(tmp_path / "clip.ts")) == 40
    assert len(read(tmp_path / "clip.ts", max_fps=5)) == 20


def test_an_edit_list_is_not_a_cut(tmp_path: Path) -> None:
    found = read(video.write_trimmed(tmp_path / "clip.mp4", frames=40, shown=15))
    assert 15 <= len(found) < 20
    assert all(isinstance(each, Capture) for each in found)


def test_frames_that_are_missing_in_between_are_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a disk gave wrong bytes: decoders go on at the next frame that is whole."""
    path = video.write_trimmed(tmp_path / "clip.mp4", frames=40, shown=40)
    assert len(read(path)) == 40
    assert caplog.text == ""
    data = path.read_bytes()
    media = data.index(b"mdat") + 4
    damaged = media + (data.index(b"moov") - media) // 3
    path.write_bytes(data[:damaged] + bytes(1500) + data[damaged + 1500 :])
    found = read(path)
    assert len(found) < 36
    assert all(isinstance(each, Capture) for each in found)
    said = f"fewer frames than its container names source=clip frames={len(found)} named=40: "
    assert said in caplog.text


def test_a_video_that_is_cut_short_is_named(tmp_path: Path) -> None:
    path = video.write(tmp_path / "clip.avi", frames=40)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    *frames, end = read(path)
    assert 10 < len(frames) < 30
    missing = len(data) - len(data) // 2
    assert end == Unreadable(
        "clip", f"the video is cut short by at least {missing} bytes, after {len(frames)} frames"
    )


@pytest.mark.parametrize(
    ("name", "code"), [("clip.flv", "FLV1"), ("clip.wmv", "WMV2"), ("clip.ts", "mp4v")]
)
def test_other_containers_are_whole_or_cut_too(name: str, code: str, tmp_path: Path) -> None:
    path = tmp_path / name
    written = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 10, (64, 64))
    for number in range(40):
        written.write(np.full((64, 64, 3), 6 * number, np.uint8))
    written.release()
    assert len(read(path)) == 40
    path.write_bytes(path.read_bytes()[:-50])
    *frames, end = read(path)
    assert len(frames) >= 38
    assert isinstance(end, Unreadable)
    assert end.reason.startswith("the video is cut short by at least ")


def test_a_cut_video_that_does_not_even_open_is_named_so(tmp_path: Path) -> None:
    path = video.write_trimmed(tmp_path / "clip.mp4", frames=40, shown=40)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 100])
    (end,) = read(path)
    assert isinstance(end, Unreadable)
    assert end.reason.startswith("the video is cut short by at least ")


@pytest.mark.parametrize("data", [b"", b"no video" * 1000])
def test_what_is_no_video_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    path.write_bytes(data)
    assert read(path) == [Unreadable("clip", "neither an image nor a video that OpenCV can read")]


def test_a_frame_that_cannot_be_decoded_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = video.write(tmp_path / "clip.avi", frames=5)
    real = cv2.VideoCapture

    class Failing:
        def __init__(self, *arguments: Any) -> None:
            self._video = real(*arguments)
            self._frame = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(self._video, name)

        def retrieve(self) -> Any:
            self._frame += 1
            return (False, None) if self._frame == 3 else self._video.retrieve()

    monkeypatch.setattr(cv2, "VideoCapture", Failing)
    found = read(path)
    assert found[2] == Unreadable("clip frame 3", "cannot be decoded")
    assert [isinstance(each, Capture) for each in found] == [True, True, False, True, True]


def test_how_far_it_is_and_that_it_can_be_read_again(tmp_path: Path) -> None:
    path = video.write(tmp_path / "clip.avi", frames=4)
    source = opening(path)
    assert source.done is None
    for _ in range(2):
        assert [source.done for _ in source.items(GO_ON)] == [0.25, 0.5, 0.75, 1.0]


def test_it_ends_when_told_and_that_is_not_cut_short(tmp_path: Path) -> None:
    path = video.write(tmp_path / "clip.avi", frames=40)
    stop = threading.Event()
    items = opening(path).items(stop)
    list(islice(items, 3))
    stop.set()
    assert list(items) == []


def test_thinning_is_even_and_catches_up_on_nothing() -> None:
    thinning = Thinning(10)
    at_30_fps = [number / 30 for number in range(300)]
    through = [seconds for seconds in at_30_fps if thinning.due(seconds)]
    assert len(through) == 100
    assert thinning.due(60.0), "after a standstill"
    assert not thinning.due(60.03)
    assert not thinning.due(60.06)
    assert thinning.due(60.1)


def test_thinning_lets_all_through() -> None:
    thinning = Thinning(0)
    assert all(thinning.due(0.0) for _ in range(10))


@pytest.mark.parametrize(
    ("fps", "said", "times"),
    [
        (10, [0, 0.1, 0.2, 0.3], [0, 0.1, 0.2, 0.3]),
        (10, [0, 0, 0, 0], [0, 0.1, 0.2, 0.3]),
        (10, [0, 5, 5.1, 0.3, 0.4], [0, 5, 5.1, 5.2, 5.3]),
        (10, [7, 7.1, float("nan"), 9], [0, 0.1, 0.2, 0.3]),
        (0, [0, 0, 0], [0, 0.04, 0.08]),
        (float("nan"), [0, 0], [0, 0.04]),
        (90_000, [0, 0], [0, 0.04]),
    ],
)
def test_the_time_of_frames_always_goes_on(
    fps: float, said: list[float], times: list[float]
) -> None:
    time = FrameTime(fps)
    assert [time.of(seconds) for seconds in said] == pytest.approx(times)
