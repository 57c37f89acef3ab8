import threading

import cv2
import numpy as np
import pytest

from tests.rig import pictures
from tests.unit.fakes import Clock, detection, record
from velox.base.records import Detection, Record
from velox.monitoring.live import matches
from velox.monitoring.live.matches import (
    BYTES,
    KEPT,
    PER_SECOND,
    SHOWN,
    THUMBNAIL_PIXELS,
    LatestMatches,
)

PICTURE = pictures.encoded(1, size=64)


def batch(count: int, value: bytes | None = PICTURE) -> list[tuple[Detection, Record]]:
    return [(detection(number), record(number, value=value)) for number in range(count)]


def ring(clock: Clock | None = None) -> LatestMatches:
    return LatestMatches(max_pixels=1_000_000, clock=clock or Clock())


def test_the_newest_are_shown_first() -> None:
    latest = ring()
    latest.add(batch(3))
    assert [each.detection.id for each in latest.newest_first()] == [
        detection(number).id for number in (2, 1, 0)
    ]


def test_a_fast_stream_is_thinned_to_the_last_few_of_a_second() -> None:
    clock = Clock()
    latest = ring(clock)
    latest.add(batch(1000))
    assert len(latest.newest_first()) == SHOWN
    before = {each.key for each in latest.newest_first()}
    latest.add(batch(1000))
    assert {each.key for each in latest.newest_first()} == before
    clock.advance(1)
    latest.add(batch(1000))
    new = [each for each in latest.newest_first() if each.key not in before]
    assert len(new) == PER_SECOND
    assert new[0].detection.id == detection(999).id


def test_it_holds_a_bounded_number_of_matches_and_bytes() -> None:
    clock = Clock()
    latest = ring(clock)
    large = bytes(BYTES // 4 + 1)
    for _ in range(3 * KEPT):
        clock.advance(10)
        latest.add(batch(1))
    assert len(latest._matches) == KEPT
    for _ in range(10):
        clock.advance(10)
        latest.add(batch(1, large))
    assert [each.image for each in latest.newest_first()] == [large] * 3
    assert latest._bytes == sum(each.size for each in latest._matches) <= BYTES


def test_a_picture_is_made_once_and_takes_the_image_s_place() -> None:
    latest = ring()
    latest.add(batch(1, pictures.encoded(1, size=800)))
    (match,) = latest.newest_first()
    made = latest.thumbnail(match.key)
    assert made is not None
    image = cv2.imdecode(np.frombuffer(made, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS, 3)
    assert latest.thumbnail(match.key) is made
    assert match.image is None
    assert latest._bytes == len(made)


@pytest.mark.parametrize("value", [None, b"", b"no image", PICTURE[:-40]])
def test_what_is_no_image_has_no_picture(value: bytes | None) -> None:
    latest = ring()
    latest.add(batch(1, value))
    (match,) = latest.newest_first()
    assert latest.thumbnail(match.key) is None


def test_an_unknown_name_has_no_picture() -> None:
    assert ring().thumbnail("../../etc/passwd") is None


def test_who_waits_too_long_for_a_picture_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matches, "TURN_TIMEOUT_S", 0.01)
    working, go_on = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> bytes:
        working.set()
        assert go_on.wait(20)
        return b"picture"

    monkeypatch.setattr(matches, "thumbnail", slow)
    latest = ring()
    latest.add(batch(1))
    (match,) = latest.newest_first()
    first = threading.Thread(target=latest.thumbnail, args=(match.key,))
    first.start()
    assert working.wait(20)
    with pytest.raises(TimeoutError):
        latest.thumbnail(match.key)
    latest.add(batch(1))
    go_on.set()
    first.join(20)
    assert match.thumbnail == b"picture"
