from typing import Any

import pytest
from confluent_kafka import KafkaError

from tests.unit.fakes import record
from velox.base.errors import BrokerUnavailable, UndecodableImage
from velox.base.records import DeadLetter, Redriven
from velox.consumer.stages import dead_letters
from velox.consumer.stages.dead_letters import LONGEST_MESSAGE, DeadLetters
from velox.kafka.messages import Outgoing

AWAY = KafkaError(KafkaError._MSG_TIMED_OUT)
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)


class FakeProducer:
    """Answers by the message's value: away, too large, or acknowledged."""

    def __init__(self, **settings: Any) -> None:
        self.topic = settings["topic"]
        self.settings = settings
        self.sent: list[Outgoing] = []
        self.closed = False

        self.limit = 10**9

    def send(self, messages: list[Outgoing], *, alone: bool) -> list[KafkaError | None]:
        self.sent += messages
        return [self._answer(each) for each in messages]

    def _answer(self, message: Outgoing) -> KafkaError | None:
        if message.size > self.limit:
            return TOO_LARGE
        return {b"away": AWAY, b"large": TOO_LARGE}.get(message.value or b"")

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    monkeypatch.setattr(dead_letters, "AcknowledgedProducer", FakeProducer)
    return DeadLetters(topic="image_data", bootstrap="b:1", extra={"client.id": "me"})


def letter(offset: int, value: bytes | None = b"bytes", *, text: str = "cut short") -> DeadLetter:
    one = record(
        offset, partition=3, value=value, key=b"camera-1", headers=(("label", b"x"), ("none", None))
    )
    return DeadLetter(one, "decode", UndecodableImage(text))


def client(topic: DeadLetters) -> Any:
    return topic._producer


def sent(topic: DeadLetters) -> list[Outgoing]:
    found: list[Outgoing] = client(topic).sent
    return found


def test_it_goes_to_the_topic_beside_with_the_settings_of_kafka(topic: DeadLetters) -> None:
    assert topic.topic == "image_data-dlt"
    assert client(topic).settings == {
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
        ("velox.record.timestamp.ms", str(letter(7).record.timestamp_ms).encode()),
    )


def test_it_says_how_often_it_was_redriven(topic: DeadLetters) -> None:
    one = letter(7).record
    places = {name: getattr(one, name) for name in one.__dataclass_fields__}
    topic.send([DeadLetter(Redriven(**places, redrives=2), "decode", UndecodableImage("short"))])
    assert sent(topic)[0].headers[-1] == ("velox.redrives", b"2")


def test_parked_letters_have_a_topic_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "AcknowledgedProducer", FakeProducer)
    parked = DeadLetters(topic="image_data", bootstrap="b:1", extra={}, suffix="-dlt-parked")
    assert parked.topic == "image_data-dlt-parked"


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
    with pytest.raises(
        BrokerUnavailable, match=r"dead-letter topic image_data-dlt \(of KAFKA_TOPIC\): "
    ):
        topic.send([letter(1, b"away"), letter(2, b"away")])


def test_a_value_too_large_is_left_out_and_said(topic: DeadLetters) -> None:
    assert topic.send([letter(1), letter(2, b"large")]) == []
    again = sent(topic)[-1]
    assert (again.key, again.value) == (b"camera-1", None)
    assert dict(again.headers)["velox.value.omitted.bytes"] == b"5"
    assert dict(again.headers)["__connect.errors.offset"] == b"2"


def with_much(*, key: bytes = b"camera-1") -> DeadLetter:
    """A record of 5 MB of headers."""
    headers = (
        ("exif", b"x" * 4_000_000),
        ("n" * 5000, None),
        *((f"h{n}", b"y" * 5000) for n in range(200)),
    )
    return DeadLetter(
        record(7, value=b"bytes", key=key, headers=headers), "decode", ValueError("é" * 5000)
    )


def test_headers_too_large_are_clipped_and_said(topic: DeadLetters) -> None:
    client(topic).limit = 200_000
    letter = with_much()
    assert topic.send([letter]) == []
    whole, clipped = sent(topic)
    assert whole.headers[:202] == letter.record.headers
    assert (clipped.key, clipped.value) == (b"camera-1", None)
    kept = dict(clipped.headers)
    assert kept["exif"] == b"x" * 1000
    assert kept["n" * 1000] is None
    assert "h97" in kept
    assert "h98" not in kept, "a hundred headers at most"
    assert kept["__connect.errors.offset"] == b"7"
    cut = 3_999_000 + 4000 + 98 * 4000 + sum(len(f"h{n}") + 5000 for n in range(98, 200))
    assert kept["velox.headers.clipped.bytes"] == str(cut).encode()


def test_the_last_resort_is_place_and_reason_alone(topic: DeadLetters) -> None:
    client(topic).limit = 2000
    assert topic.send([with_much(key=b"k" * 3_000_000)]) == []
    assert topic.refused() == []
    last = sent(topic)[-1]
    assert (last.key, last.value) == (record(7).id.encode(), b"")
    assert last.headers == (
        ("__connect.errors.topic", b"image_data"),
        ("__connect.errors.partition", b"0"),
        ("__connect.errors.offset", b"7"),
        ("__connect.errors.stage", b"decode"),
        ("__connect.errors.exception.class.name", b"ValueError"),
        ("__connect.errors.exception.message", ("é" * 200).encode()),
        ("velox.record.timestamp.ms", str(record(7).timestamp_ms).encode()),
        ("velox.value.omitted.bytes", b"5"),
        ("velox.headers.clipped.bytes", str(size_of_headers(with_much())).encode()),
        ("velox.key.omitted.bytes", b"3000000"),
    )


def size_of_headers(letter: DeadLetter) -> int:
    return sum(len(name) + len(text or b"") for name, text in letter.record.headers)


def test_one_that_is_refused_even_so_is_told_of(topic: DeadLetters) -> None:
    client(topic).limit = 1
    bad = letter(1)
    assert topic.send([bad]) == []
    ((refused, reason),) = topic.refused()
    assert refused is bad
    assert "dead-letter topic image_data-dlt (of KAFKA_TOPIC) refuses a message of" in str(reason)


def test_a_reason_that_is_no_text_is_written_all_the_same(topic: DeadLetters) -> None:
    topic.send([letter(7, text="a\udcffb")])
    assert dict(sent(topic)[0].headers)["__connect.errors.exception.message"] == b"a?b"


def test_closing_closes_the_client(topic: DeadLetters) -> None:
    topic.close()
    assert client(topic).closed
