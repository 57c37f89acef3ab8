from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from velox import acknowledged
from velox.acknowledged import AcknowledgedProducer, Outgoing

FAILED = KafkaError(KafkaError._TRANSPORT)


class FakeProducer:
    """Answers each message at the flush, by its value."""

    def __init__(self, config: dict[str, Any], logger: Any) -> None:
        self.config = config
        self.waiting: list[dict[str, Any]] = []
        self.full = False
        self.purged = False

    def produce(self, topic: str, **message: Any) -> None:
        if self.full:
            self.full = False
            raise BufferError
        if message["value"] == b"refused":
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        self.waiting.append(message)

    def flush(self, timeout: float) -> None:
        assert timeout > 0
        for message in self.waiting:
            if message["value"] != b"unanswered":
                message["on_delivery"](FAILED if message["value"] == b"failed" else None, None)
        self.waiting.clear()

    def purge(self) -> None:
        self.purged = True


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> AcknowledgedProducer:
    monkeypatch.setattr(acknowledged, "Producer", FakeProducer)
    return AcknowledgedProducer(topic="t", bootstrap="b:1", extra={"client.id": "me"})


def codes(answers: list[KafkaError | None]) -> list[int | None]:
    return [None if each is None else each.code() for each in answers]


def test_each_answer_stands_at_its_message(producer: AcknowledgedProducer) -> None:
    values = [b"one", b"failed", b"refused", b"unanswered", b"two"]
    answers = producer.send([Outgoing(b"k", value) for value in values])
    assert codes(answers) == [
        None,
        KafkaError._TRANSPORT,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError._MSG_TIMED_OUT,
        None,
    ]


def test_a_full_client_means_not_sent(producer: AcknowledgedProducer) -> None:
    producer._producer.full = True  # type: ignore[attr-defined]
    answers = producer.send([Outgoing(b"k", b"one"), Outgoing(b"k", b"two")])
    assert codes(answers) == [KafkaError._MSG_TIMED_OUT, None]


def test_it_is_idempotent_and_kafka_config_reaches_it(producer: AcknowledgedProducer) -> None:
    config = producer._producer.config  # type: ignore[attr-defined]
    assert config["enable.idempotence"] is True
    assert config["acks"] == "all"
    assert config["client.id"] == "me"


def test_closing_drops_what_is_left(producer: AcknowledgedProducer) -> None:
    producer.close()
    assert producer._producer.purged  # type: ignore[attr-defined]
