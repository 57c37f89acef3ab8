import time
from dataclasses import replace

from velox.kafka.messages import Outgoing
from velox.producer.sources.capture import Capture

CAPTURE = Capture(b"jpeg", "camera-1", "image/jpeg", "red_circle", 2, 1_700_000_000_123)


def test_a_message_carries_what_the_contract_says() -> None:
    assert CAPTURE.message() == Outgoing(
        id="",
        key=b"camera-1",
        value=b"jpeg",
        headers=(
            ("content-type", b"image/jpeg"),
            ("source", b"camera-1"),
            ("label", b"red_circle"),
        ),
        timestamp_ms=1_700_000_000_123,
        partition=2,
    )


def test_what_is_not_known_is_left_out() -> None:
    message = Capture(b"png", "file-1", "image/png").message()
    assert message.partition is None
    assert [name for name, _ in message.headers] == ["content-type", "source"]


def test_the_time_is_now_where_that_of_the_capture_is_not_known() -> None:
    before = int(time.time() * 1000)
    now = replace(CAPTURE, captured_ms=None).message().timestamp_ms
    assert now is not None
    assert before <= now <= time.time() * 1000
