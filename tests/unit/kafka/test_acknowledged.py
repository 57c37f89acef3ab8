import itertools
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.unit.fakes import Clock
from velox.base.errors import SendFailed
from velox.kafka import acknowledged, pair
from velox.kafka.acknowledged import AcknowledgedProducer
from velox.kafka.errors import LASTS_S, Refusals
from velox.kafka.messages import Outgoing

FAILED = KafkaError(KafkaError._TRANSPORT)
FATAL = KafkaError(KafkaError._FENCED, "fenced", fatal=True)
GIVEN_BACK = {b"failed": FAILED, b"fatal": FATAL}


class FakeProducer:
    """Answers each message at the flush, by its value."""

    def __init__(self, config: dict[str, Any], logger: Any) -> None:
        self.config = config
        self.produced: list[bytes] = []
        self.waiting: list[dict[str, Any]] = []
        self.away = False
        self.full = 0
        self.purged = False

    def produce(self, topic: str, **message: Any) -> None:
        if self.full:
            self.full -= 1
            raise BufferError
        if message["value"] == b"refused":
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        self.produced.append(message["value"])
        self.waiting.append(message)

    def poll(self, timeout: float) -> None:
        assert timeout >= 0

    def flush(self, timeout: float) -> None:
        assert timeout >= 0
        if self.away:
            return
        for message in self.waiting:
            message["on_delivery"](GIVEN_BACK.get(message["value"]), None)
        self.waiting.clear()

    def purge(self) -> None:
        self.purged = True


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> AcknowledgedProducer:
    monkeypatch.setattr(pair, "Producer", FakeProducer)
    return AcknowledgedProducer(topic="t", bootstrap="b:1", extra={"client.id": "me"})


def client(producer: AcknowledgedProducer) -> FakeProducer:
    made: Any = producer._producers.of(alone=False)
    assert isinstance(made, FakeProducer)
    return made


def messages(*values: bytes) -> list[Outgoing]:
    return [Outgoing(value.decode(), b"k", value) for value in values]


def codes(answers: list[KafkaError | None]) -> list[int | None]:
    return [None if each is None else each.code() for each in answers]


def test_each_answer_stands_at_its_message(producer: AcknowledgedProducer) -> None:
    answers = producer.send(messages(b"one", b"failed", b"refused", b"two"))
    assert codes(answers) == [None, KafkaError._TRANSPORT, KafkaError.MSG_SIZE_TOO_LARGE, None]


def test_what_waits_in_the_client_is_not_sent_again(producer: AcknowledgedProducer) -> None:
    client(producer).away = True
    assert codes(producer.send(messages(b"one", b"two"))) == [KafkaError._MSG_TIMED_OUT] * 2
    assert codes(producer.send(messages(b"one", b"two"))) == [KafkaError._MSG_TIMED_OUT] * 2
    client(producer).away = False
    assert producer.send(messages(b"two", b"one", b"three")) == [None] * 3
    assert client(producer).produced == [b"one", b"two", b"three"]


def test_what_was_answered_meanwhile_is_not_sent_again_either(
    producer: AcknowledgedProducer,
) -> None:
    client(producer).away = True
    producer.send(messages(b"one", b"failed"))
    client(producer).away = False
    client(producer).flush(1)
    assert codes(producer.send(messages(b"one", b"failed"))) == [None, KafkaError._TRANSPORT]
    assert client(producer).produced == [b"one", b"failed"]
    producer.send(messages(b"failed"))
    assert client(producer).produced == [b"one", b"failed", b"failed"]


def test_a_full_client_is_waited_for(producer: AcknowledgedProducer) -> None:
    client(producer).full = 3
    assert producer.send(messages(b"one", b"two")) == [None, None]


def test_a_client_that_stays_full_means_not_sent(
    producer: AcknowledgedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = itertools.count(0.0, 4.0)
    # The time of this module alone: other threads of the process look at theirs.
    monkeypatch.setattr(acknowledged, "time", SimpleNamespace(monotonic=lambda: next(now)))
    client(producer).full = 1000
    assert codes(producer.send(messages(b"one"))) == [KafkaError._MSG_TIMED_OUT]
    client(producer).full = 0
    assert producer.send(messages(b"one")) == [None]


def test_alone_means_one_in_a_request(producer: AcknowledgedProducer) -> None:
    producer.send(messages(b"one"), alone=True)
    assert client(producer).produced == [b"one"], "one is alone anyway"
    assert codes(producer.send(messages(b"two", b"failed"), alone=True)) == [
        None,
        KafkaError._TRANSPORT,
    ]
    alone: Any = producer._producers.of(alone=True)
    assert alone.produced == [b"two", b"failed"]
    assert alone.config == {**client(producer).config, "batch.num.messages": 1}


def test_a_fatal_error_ends_it(producer: AcknowledgedProducer) -> None:
    with pytest.raises(SendFailed, match="topic t failed: fenced"):
        producer.send(messages(b"one", b"fatal"))


def test_a_broker_that_did_not_answer_is_named(producer: AcknowledgedProducer) -> None:
    client(producer).away = True
    (answer,) = producer.send(messages(b"one"))
    assert answer is not None
    assert answer.str().endswith("timed out: KAFKA_BOOTSTRAP_SERVER=b:1")


def test_a_fatal_error_that_the_client_raises_ends_it(
    producer: AcknowledgedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_timeout: float) -> None:
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, fatal=True))

    monkeypatch.setattr(client(producer), "flush", fails)
    with pytest.raises(SendFailed, match=r"of topic t failed: .*IDEMPOTENT_WRITE"):
        producer.send(messages(b"one"))


def test_a_topic_that_may_not_be_written_for_long_ends_it(
    producer: AcknowledgedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(producer, "_refusals", Refusals(clock))
    denied = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    monkeypatch.setattr(client(producer), "produce", raises(denied))
    assert codes(producer.send(messages(b"one"))) == [KafkaError.TOPIC_AUTHORIZATION_FAILED]
    clock.advance(LASTS_S)
    with pytest.raises(SendFailed, match=r"of topic t failed: .*KAFKA_RESULTS_TOPIC"):
        producer.send(messages(b"one"))


def test_what_the_client_says_is_taken_in_while_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served = threading.Event()
    monkeypatch.setattr(acknowledged, "SERVE_EVERY_S", 0.001)
    monkeypatch.setattr(FakeProducer, "poll", lambda _self, _timeout: served.set())
    monkeypatch.setattr(pair, "Producer", FakeProducer)
    made = AcknowledgedProducer(topic="t", bootstrap="b:1", extra={})
    assert served.wait(10)
    made.close()


def raises(error: Exception) -> Callable[..., None]:
    def fails(*_args: object, **_more: object) -> None:
        raise error

    return fails


def test_it_is_idempotent_and_kafka_config_reaches_it(producer: AcknowledgedProducer) -> None:
    config = client(producer).config
    assert config["enable.idempotence"] is True
    assert config["acks"] == "all"
    assert config["client.id"] == "me"


@pytest.mark.parametrize("name", ["delivery.timeout.ms", "message.timeout.ms"])
def test_it_never_gives_up_whatever_kafka_config_says(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """0 is for ever, see CONFIGURATION.md of librdkafka."""
    monkeypatch.setattr(pair, "Producer", FakeProducer)
    extra = {name: "1000", "retries": "1", "message.send.max.retries": "2"}
    config = client(AcknowledgedProducer(topic="t", bootstrap="b:1", extra=extra)).config
    assert config["delivery.timeout.ms"] == 0
    assert config["retries"] == 20
    assert not {"message.timeout.ms", "message.send.max.retries"} & config.keys()


def test_a_real_client_takes_the_configuration() -> None:
    AcknowledgedProducer(topic="t", bootstrap="127.0.0.1:1", extra={"log_level": "0"}).close()


def test_closing_drops_what_is_left(producer: AcknowledgedProducer) -> None:
    producer.send(messages(b"one", b"two"), alone=True)
    producer.close()
    alone: Any = producer._producers.of(alone=True)
    assert client(producer).purged
    assert alone.purged


def test_the_size_of_a_message_is_that_of_all_its_parts() -> None:
    headers = (("ab", b"cde"), ("n", None))
    assert Outgoing("1", b"key", b"value", headers).size == 3 + 5 + 2 + 3 + 1
    assert Outgoing("1", None, None).size == 0
