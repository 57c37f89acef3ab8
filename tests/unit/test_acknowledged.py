import threading
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.unit.fakes import Clock
from velox import acknowledged
from velox.acknowledged import AcknowledgedProducer, Outgoing
from velox.errors import SendFailed
from velox.kafka_errors import LASTS_S, Refusals

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

    def poll(self, timeout: float) -> int:
        return 0

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


def test_a_broker_that_did_not_answer_is_named(producer: AcknowledgedProducer) -> None:
    (answer,) = producer.send([Outgoing(b"k", b"unanswered")])
    assert answer is not None
    assert answer.str().endswith("timed out: KAFKA_BOOTSTRAP_SERVER=b:1")


def test_a_fatal_error_that_the_client_raises_ends_it(
    producer: AcknowledgedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, fatal=True))

    monkeypatch.setattr(producer._producer, "flush", fails)
    with pytest.raises(SendFailed, match=r"of topic t failed: .*IDEMPOTENT_WRITE"):
        producer.send([Outgoing(b"k", b"one")])


def test_a_topic_that_may_not_be_written_for_long_ends_it(
    producer: AcknowledgedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(producer, "_refusals", Refusals(clock))
    denied = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    monkeypatch.setattr(producer._producer, "produce", raises(denied))
    assert codes(producer.send([Outgoing(b"k", b"one")])) == [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    clock.advance(LASTS_S)
    with pytest.raises(SendFailed, match=r"of topic t failed: .*KAFKA_RESULTS_TOPIC"):
        producer.send([Outgoing(b"k", b"one")])


def test_what_the_client_says_is_taken_in_while_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = threading.Event()
    monkeypatch.setattr(acknowledged, "SERVE_EVERY_S", 0.001)
    monkeypatch.setattr(FakeProducer, "poll", lambda _self, _timeout: served.set())
    monkeypatch.setattr(acknowledged, "Producer", FakeProducer)
    made = AcknowledgedProducer(topic="t", bootstrap="b:1", extra={})
    assert served.wait(10)
    made.close()


def raises(error: Exception) -> Callable[..., None]:
    def fails(*_args: object, **_more: object) -> None:
        raise error

    return fails


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
