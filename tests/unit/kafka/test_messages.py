from typing import Any, cast

import pytest
from confluent_kafka import Message

from tests.unit.fakes import CAPTURED_MS, FakeMessage
from velox.base.logs import ThinnedLog
from velox.base.records import Record
from velox.kafka import messages
from velox.kafka.messages import record_of


def made(**parts: Any) -> Record:
    message = cast(Message, FakeMessage(7, partition=3, **parts))
    return record_of(message, topic="image_data", epoch=5, received=1.5)


def test_a_record_is_all_that_the_message_holds() -> None:
    headers: list[tuple[str, bytes | None]] = [("label", b"red"), ("label", b"x"), ("none", None)]
    assert made(key=b"k", value=b"v", headers=headers) == Record(
        topic="image_data",
        partition=3,
        offset=7,
        timestamp_ms=CAPTURED_MS,
        key=b"k",
        value=b"v",
        headers=(("label", b"red"), ("label", b"x"), ("none", None)),
        epoch=5,
        received=1.5,
    )


def test_what_is_missing_stays_missing() -> None:
    record = made(value=None, timestamp_ms=None)
    assert (record.key, record.value, record.headers) == (None, None, ())
    assert record.timestamp_ms == 0


def test_a_timestamp_before_1970_counts_as_none() -> None:
    assert made(timestamp_ms=-5).timestamp_ms == 0


@pytest.mark.parametrize(
    "error", [SystemError("with an exception set"), UnicodeDecodeError("utf-8", b"", 0, 1, "no")]
)
def test_headers_that_the_client_cannot_read_cost_no_record(
    error: Exception, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "trouble", ThinnedLog(messages.log, per_second=1))
    record = made(headers=error)
    made(headers=error)
    assert (record.offset, record.value, record.headers) == (7, b"image", ())
    assert caplog.text.count("headers dropped topic=image_data partition=3 offset=7") == 1
