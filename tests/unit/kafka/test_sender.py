import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.unit.fakes import Clock
from velox.base.errors import SendFailed, SettingError
from velox.kafka import pair
from velox.kafka.errors import LASTS_S, Refusals
from velox.kafka.messages import Outgoing
from velox.kafka.sender import Sender

TIMED_OUT = KafkaError(KafkaError._MSG_TIMED_OUT)
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)


class Sent:
    def __init__(self, record: dict[str, Any]) -> None:
        self.record = record

    def key(self) -> bytes:
        return str(self.record["key"]).encode()

    def value(self) -> bytes:
        return bytes(self.record["value"])

    def partition(self) -> int:
        return int(self.record["partition"])

    def offset(self) -> int:
        return 17


class FakeProducer:
    """Holds records until told what becomes of them."""

    def __init__(self, config: dict[str, Any], logger: Any) -> None:
        self.config = config
        self.records: list[dict[str, Any]] = []
        self.waiting: list[dict[str, Any]] = []
        self.refuse: list[Exception] = []
        self.on_poll: Callable[[], None] = lambda: None
        self.on_flush: Callable[[], None] = lambda: None

    def produce(self, topic: str, **record: Any) -> None:
        if self.refuse:
            raise self.refuse.pop(0)
        self.records.append({"topic": topic, **record})
        self.waiting.append(self.records[-1])

    def answer(self, error: KafkaError | None = None) -> None:
        record = self.waiting.pop(0)
        record["on_delivery"](error, Sent(record))

    def poll(self, timeout: float) -> None:
        self.on_poll()

    def flush(self, timeout: float) -> None:
        self.on_flush()

    def purge(self) -> None:
        while self.waiting:
            self.answer(KafkaError(KafkaError._PURGE_QUEUE))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[Sender, FakeProducer]:
    monkeypatch.setattr(pair, "Producer", FakeProducer)
    sender = Sender(
        topic="image_data", bootstrap="b:1", delivery_timeout=30, compression="none", extra={}
    )
    return sender, sender._producers.of(alone=False)  # type: ignore[return-value]


IMAGE = Outgoing("", b"camera-1", b"jpeg", (("label", b"red"),), 1_700_000_000_123, 2)
GO_ON = threading.Event()


def test_a_message_is_sent_as_it_is(made: tuple[Sender, FakeProducer]) -> None:
    sender, producer = made
    sender.send(IMAGE, GO_ON)
    sender.send(Outgoing("", None, b"png"), GO_ON)
    first, second = producer.records
    assert (first["topic"], first["value"], first["key"]) == ("image_data", b"jpeg", b"camera-1")
    assert (first["partition"], first["timestamp"]) == (2, 1_700_000_000_123)
    assert first["headers"] == [("label", b"red")]
    assert (second["partition"], second["timestamp"]) == (-1, 0), "the client chooses"
    assert producer.config["acks"] == "all"
    assert producer.config["enable.idempotence"] is True


def test_acknowledgements_are_taken_in_while_there_is_nothing_to_send(
    made: tuple[Sender, FakeProducer],
) -> None:
    sender, producer = made
    sender.send(IMAGE, GO_ON)
    producer.on_poll = producer.answer
    sender.tick()
    assert sender.acknowledged == 1


def test_a_password_may_be_put_right_before_anything_is_sent(
    made: tuple[Sender, FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, producer = made
    clock = Clock()
    monkeypatch.setattr(sender, "_refusals", Refusals(clock))
    denied = KafkaError(KafkaError._AUTHENTICATION)
    producer.on_poll = lambda: producer.config["error_cb"](denied)
    for _ in range(10):
        sender.listen()
        clock.advance(LASTS_S)
    producer.on_poll = lambda: None
    sender.send(IMAGE, GO_ON)
    assert sender.sent == 1


def test_a_password_that_stays_refused_ends_it(
    made: tuple[Sender, FakeProducer], monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, producer = made
    clock = Clock()
    monkeypatch.setattr(sender, "_refusals", Refusals(clock))
    denied = KafkaError(KafkaError._AUTHENTICATION)
    producer.on_poll = lambda: producer.config["error_cb"](denied)
    sender.tick()
    clock.advance(LASTS_S)
    with pytest.raises(SendFailed, match=r"sasl\.password in KAFKA_CONFIG"):
        sender.tick()


def test_every_image_is_counted(made: tuple[Sender, FakeProducer]) -> None:
    sender, producer = made
    for _ in range(3):
        sender.send(IMAGE, GO_ON)
    producer.answer()
    producer.answer(TIMED_OUT)
    assert (sender.sent, sender.acknowledged, sender.failed, sender.pending) == (3, 1, 1, 1)


def test_who_asks_is_told_where_an_image_is_or_that_it_was_given_up(
    made: tuple[Sender, FakeProducer],
) -> None:
    sender, producer = made
    told: list[tuple[int, int] | None] = []
    for _ in range(2):
        sender.send(replace(IMAGE, answered=told.append), GO_ON)
    producer.answer()
    producer.answer(TIMED_OUT)
    assert told == [(2, 17), None]


def test_a_full_queue_is_waited_for(made: tuple[Sender, FakeProducer]) -> None:
    sender, producer = made
    producer.refuse = [BufferError(), BufferError()]
    sender.send(IMAGE, GO_ON)
    assert (sender.sent, len(producer.records)) == (1, 1)


def test_told_to_stop_at_a_full_queue_the_image_does_not_count(
    made: tuple[Sender, FakeProducer],
) -> None:
    sender, producer = made
    stop = threading.Event()
    stop.set()
    producer.refuse = [BufferError()]
    sender.send(IMAGE, stop)
    assert (sender.sent, sender.pending) == (0, 0)


def test_an_image_that_the_client_refuses_has_failed(made: tuple[Sender, FakeProducer]) -> None:
    sender, producer = made
    producer.refuse = [KafkaException(TOO_LARGE)]
    sender.send(IMAGE, GO_ON)
    assert (sender.sent, sender.failed, sender.pending) == (1, 1, 0)


def test_a_fatal_error_ends_it(made: tuple[Sender, FakeProducer]) -> None:
    sender, producer = made
    producer.config["error_cb"](KafkaError(KafkaError._FATAL, "out of order", fatal=True))
    with pytest.raises(SendFailed, match="out of order"):
        sender.send(IMAGE, GO_ON)


def test_an_image_that_may_not_be_written_ends_it(made: tuple[Sender, FakeProducer]) -> None:
    sender, producer = made
    sender.send(IMAGE, GO_ON)
    producer.on_flush = lambda: producer.answer(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    with pytest.raises(SendFailed, match="KAFKA_TOPIC"):
        sender.finish(60, GO_ON, 60)
    assert (sender.sent, sender.failed) == (1, 1)


@pytest.mark.parametrize(
    "call",
    [
        lambda sender: [sender.send(IMAGE, GO_ON) for _ in range(2)],
        lambda sender: sender.tick(),
        lambda sender: sender.finish(60, GO_ON, 60),
    ],
    ids=["send", "tick", "finish"],
)
def test_a_fatal_error_that_the_client_raises_ends_it(
    made: tuple[Sender, FakeProducer], call: Callable[[Sender], object]
) -> None:
    """confluent-kafka raises it from `poll` and `flush` (`error_cb` in its confluent_kafka.c)."""
    sender, producer = made
    sender.send(IMAGE, GO_ON)

    def fails() -> None:
        raise KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED, fatal=True))

    producer.on_poll = producer.on_flush = fails
    with pytest.raises(SendFailed, match="IDEMPOTENT_WRITE"):
        call(sender)


def test_the_end_waits_for_every_acknowledgement(made: tuple[Sender, FakeProducer]) -> None:
    sender, producer = made
    for _ in range(3):
        sender.send(IMAGE, GO_ON)
    producer.on_flush = producer.answer
    sender.finish(60, GO_ON, 60)
    assert (sender.acknowledged, sender.failed, producer.waiting) == (3, 0, [])


@pytest.mark.parametrize(("timeout", "stopping"), [(0.0, 60.0), (60.0, 0.0)])
def test_what_is_not_acknowledged_in_time_has_failed(
    made: tuple[Sender, FakeProducer], timeout: float, stopping: float
) -> None:
    sender, producer = made
    sender.send(IMAGE, GO_ON)
    sender.send(IMAGE, GO_ON)
    producer.answer()
    stop = threading.Event()
    stop.set()
    sender.finish(timeout, stop, stopping)
    assert (sender.acknowledged, sender.failed, sender.pending) == (1, 1, 0)


def test_a_property_that_librdkafka_does_not_know_is_named() -> None:
    with pytest.raises(SettingError, match=r"KAFKA_CONFIG.*no\.such\.thing"):
        Sender(
            topic="t",
            bootstrap="b:1",
            delivery_timeout=1,
            compression="none",
            extra={"no.such.thing": "1"},
        )


def single(sender: Sender) -> Any:
    return sender._producers.of(alone=True)


def test_images_refused_for_the_size_of_their_batch_are_sent_singly(
    made: tuple[Sender, FakeProducer],
) -> None:
    sender, producer = made
    images = [replace(IMAGE, value=b"%d" % n, timestamp_ms=n, partition=None) for n in range(3)]
    for each in images:
        sender.send(each, GO_ON)
    for number in range(3):
        producer.waiting[0]["partition"] = number
        producer.answer(TOO_LARGE)
    assert (sender.failed, sender.pending) == (0, 3)
    sender.tick()
    again = single(sender)
    assert again.config["batch.num.messages"] == 1
    told = ("value", "timestamp", "partition", "key")
    assert [[each[name] for name in told] for each in again.records] == [
        [b"%d" % n, n, n, b"camera-1"] for n in range(3)
    ]
    assert again.records[0]["headers"] == producer.records[0]["headers"]
    again.on_flush = again.answer
    sender.finish(60, GO_ON, 60)
    assert (sender.acknowledged, sender.failed) == (3, 0)
    sender.send(IMAGE, GO_ON)
    assert (len(producer.records), len(again.records)) == (3, 4), "from now on all are"


@pytest.mark.parametrize(
    "code", [KafkaError._INVALID_DIFFERENT_RECORD, KafkaError.INVALID_RECORD, 2]
)
def test_an_image_refused_with_another_is_sent_singly_and_the_next_are_not(
    made: tuple[Sender, FakeProducer], code: int
) -> None:
    sender, producer = made
    sender.send(IMAGE, GO_ON)
    producer.answer(KafkaError(code))
    sender.tick()
    single(sender).answer()
    sender.send(IMAGE, GO_ON)
    assert (sender.acknowledged, len(producer.records)) == (1, 2)


def test_an_image_too_large_by_itself_is_named_with_the_limit_and_batches_go_on(
    made: tuple[Sender, FakeProducer], caplog: pytest.LogCaptureFixture
) -> None:
    sender, producer = made
    sender._largest_batch = lambda topic: "1048588"
    sender.send(IMAGE, GO_ON)
    producer.answer(TOO_LARGE)
    sender.tick()
    single(sender).answer(TOO_LARGE)
    assert (sender.failed, sender.pending) == (1, 0)
    assert "not acknowledged source=camera-1 bytes=4 partition=2" in caplog.text
    assert "max.message.bytes of topic image_data is 1048588: raise it there" in caplog.text
    sender.send(IMAGE, GO_ON)
    assert len(producer.records) == 2


def test_an_image_too_large_for_the_client_names_its_limit(
    made: tuple[Sender, FakeProducer], caplog: pytest.LogCaptureFixture
) -> None:
    sender, producer = made
    producer.refuse = [KafkaException(TOO_LARGE)]
    sender.send(IMAGE, GO_ON)
    assert "not sent source=camera-1 bytes=4" in caplog.text
    assert "message.max.bytes of this client is 10551296" in caplog.text


def test_where_there_is_no_room_it_is_sent_again_later(
    made: tuple[Sender, FakeProducer],
) -> None:
    sender, producer = made
    sender.send(IMAGE, GO_ON)
    single(sender).refuse = [BufferError(), BufferError()]
    producer.answer(TOO_LARGE)
    sender.tick()
    assert (sender.pending, single(sender).records) == (1, [])
    single(sender).on_flush = lambda: single(sender).waiting and single(sender).answer()
    sender.finish(60, GO_ON, 60)
    assert sender.acknowledged == 1


def test_what_waits_to_be_sent_again_at_the_end_has_failed(
    made: tuple[Sender, FakeProducer],
) -> None:
    sender, producer = made
    sender.send(IMAGE, GO_ON)
    producer.answer(TOO_LARGE)
    sender.finish(0, GO_ON, 0)
    assert (sender.failed, sender.pending) == (1, 0)


@pytest.mark.parametrize(
    ("extra", "seconds"),
    [
        ({}, 30.0),
        ({"delivery.timeout.ms": "120000"}, 120.0),
        ({"message.timeout.ms": "1500"}, 1.5),
        ({"message.timeout.ms": "0"}, float("inf")),
    ],
)
def test_kafka_config_wins_over_the_time_an_image_has(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, str], seconds: float
) -> None:
    monkeypatch.setattr(pair, "Producer", FakeProducer)
    sender = Sender(
        topic="t", bootstrap="b:1", delivery_timeout=30, compression="none", extra=extra
    )
    assert sender.delivery_timeout == seconds
