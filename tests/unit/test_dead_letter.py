from typing import Any

import pytest
from confluent_kafka import KafkaError

from tests.unit.fakes import record
from velox import dead_letter
from velox.acknowledged import Outgoing
from velox.dead_letter import LONGEST_MESSAGE, DeadLetters
from velox.errors import BrokerUnavailable, UndecodableImage
from velox.records import DeadLetter

AWAY = KafkaError(KafkaError._MSG_TIMED_OUT)
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)


class FakeProducer:
    """Answers by the message's value: away, too large, or acknowledged."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.sent: list[Outgoing] = []
        self.closed = False

    def send(self, messages: list[Outgoing]) -> list[KafkaError | None]:
        self.sent += messages
        return [{b"away": AWAY, b"large": TOO_LARGE}.get(each.value or b"") for each in messages]

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    monkeypatch.setattr(dead_letter, "AcknowledgedProducer", FakeProducer)
    return DeadLetters(topic="image_data", bootstrap="b:1", extra={"client.id": "me"})


def letter(offset: int, value: bytes | None = b"bytes", *, text: str = "cut short") -> DeadLetter:
    one = record(
        offset, partition=3, value=value, key=b"camera-1", headers=(("label", b"x"), ("none", None))
    )
    return DeadLetter(one, "decode", UndecodableImage(text))


def sent(topic: DeadLetters) -> list[Outgoing]:
    found: list[Outgoing] = topic._producer.sent  # type: ignore[attr-defined]
    return found


def test_it_goes_to_the_topic_beside_with_the_settings_of_kafka(topic: DeadLetters) -> None:
    assert topic.topic == "image_data-dlt"
    assert topic._producer.settings == {  # type: ignore[attr-defined]
        "topic": "image_data-dlt",
        "bootstrap": "b:1",
        "extra": {"client.id": "me"},
        "role": "dead-letters",
    }


def test_it_has_the_records_key_value_and_headers_and_those_of_kafka_connect(
    topic: DeadLetters,
) -> None:
    assert topic.send([letter(7)]) == []
    (message,) = sent(topic)
    assert (message.key, message.value) == (b"camera-1", b"bytes")
    assert message.headers == (
        ("label", b"x"),
        ("none", None),
        ("__connect.errors.topic", b"image_data"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"7"),
        ("__connect.errors.stage", b"decode"),
        ("__connect.errors.exception.class.name", b"UndecodableImage"),
        ("__connect.errors.exception.message", b"cut short"),
    )


def test_a_null_value_stays_null(topic: DeadLetters) -> None:
    topic.send([letter(7, None)])
    assert sent(topic)[0].value is None


def test_a_long_reason_is_shortened(topic: DeadLetters) -> None:
    topic.send([letter(7, text="é" * 5000)])
    reason = dict(sent(topic)[0].headers)["__connect.errors.exception.message"]
    assert reason == ("é" * LONGEST_MESSAGE).encode()


def test_those_not_acknowledged_come_back(topic: DeadLetters) -> None:
    letters = [letter(1), letter(2, b"away"), letter(3), letter(4, b"away")]
    assert topic.send(letters) == [letters[1], letters[3]]


def test_none_acknowledged_is_a_broker_that_is_away(topic: DeadLetters) -> None:
    with pytest.raises(BrokerUnavailable, match="image_data-dlt: "):
        topic.send([letter(1, b"away"), letter(2, b"away")])


def test_a_value_too_large_is_left_out_and_said(topic: DeadLetters) -> None:
    assert topic.send([letter(1), letter(2, b"large")]) == []
    again = sent(topic)[2]
    assert (again.key, again.value) == (b"camera-1", None)
    assert dict(again.headers)["velox.value.omitted.bytes"] == b"5"
    assert dict(again.headers)["__connect.errors.offset"] == b"2"


def test_closing_closes_the_client(topic: DeadLetters) -> None:
    topic.close()
    assert topic._producer.closed  # type: ignore[attr-defined]
