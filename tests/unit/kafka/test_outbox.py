from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from velox.base.errors import BrokerUnavailable, SendFailed
from velox.kafka.acknowledged import AcknowledgedProducer
from velox.kafka.messages import Outgoing
from velox.kafka.outbox import UNKNOWN_TRIES, Outbox

AWAY = KafkaError._MSG_TIMED_OUT
LARGE = KafkaError.MSG_SIZE_TOO_LARGE
INVALID = KafkaError.INVALID_RECORD
NOBODY_KNOWS = -1

Broker = Callable[[Outgoing, bool], int | None]


class FakeProducer:
    """Asks a function what becomes of each message; told whether it is alone."""

    def __init__(self, broker: Broker) -> None:
        self.topic = "t"
        self.broker = broker
        self.calls: list[tuple[list[str], bool]] = []
        self.closed = False

    def send(self, messages: Sequence[Outgoing], *, alone: bool = False) -> list[KafkaError | None]:
        self.calls.append(([each.id for each in messages], alone))
        codes = [self.broker(each, alone) for each in messages]
        return [None if code is None else KafkaError(code) for code in codes]

    def close(self) -> None:
        self.closed = True


def outbox(broker: Broker) -> tuple[Outbox[str], list[tuple[list[str], bool]]]:
    """Items are their names; each has the forms `name` and `name-`."""
    producer = FakeProducer(broker)
    forms = [lambda item, end=end: Outgoing(item + end, b"k", b"12", ()) for end in ("", "-")]
    made: Outbox[str] = Outbox(
        cast(AcknowledgedProducer, producer),
        name="topic t (T)",
        identity=lambda item: item,
        forms=cast(Any, forms),
    )
    return made, producer.calls


def test_what_is_acknowledged_is_done() -> None:
    box, calls = outbox(lambda _message, _alone: None)
    assert box.send(["a", "b"]) == []
    assert box.refused() == []
    assert calls == [(["a", "b"], False)]


def test_what_cannot_be_sent_now_comes_back() -> None:
    box, _ = outbox(lambda message, _: AWAY if message.id == "b" else None)
    assert box.send(["a", "b"]) == ["b"]


def test_where_that_is_all_the_reason_is_said() -> None:
    box, _ = outbox(lambda *_: AWAY)
    with pytest.raises(BrokerUnavailable, match=r"^topic t \(T\): .*timed out"):
        box.send(["a", "b"])
    assert box.refused() == []


@pytest.mark.parametrize("code", [LARGE, INVALID, NOBODY_KNOWS])
def test_of_a_batch_that_is_refused_only_the_guilty_is_blamed(code: int) -> None:
    box, _ = outbox(lambda message, alone: code if not alone or "b" in message.id else None)
    left = box.send(["a", "b", "c"])
    while left:
        left = retried(box, left)
    ((item, reason),) = box.refused()
    assert item == "b"
    assert str(reason).startswith("topic t (T) refuses a message of 3 bytes: ")
    assert KafkaError(code).name() in str(reason)
    assert box.refused() == [], "said once"


def retried(box: Outbox[str], left: list[str]) -> list[str]:
    try:
        return box.send(left)
    except BrokerUnavailable:
        return left


def test_a_smaller_form_is_sent_before_an_item_is_given_up() -> None:
    box, calls = outbox(lambda message, _: None if message.id.endswith("-") else INVALID)
    assert box.send(["a"]) == []
    assert box.refused() == []
    assert [names for names, _ in calls] == [["a"], ["a-"]]


def test_an_item_goes_on_at_the_form_it_has_come_to() -> None:
    answers = {"a": iter([LARGE]), "a-": iter([AWAY, None])}
    box, calls = outbox(lambda message, _: next(answers[message.id]))
    assert retried(box, ["a"]) == ["a"]
    assert box.send(["a"]) == []
    assert [names for names, _ in calls] == [["a"], ["a-"], ["a-"]]


def test_the_next_item_begins_with_the_whole_again() -> None:
    answers = iter([LARGE, None, None])
    box, calls = outbox(lambda *_: next(answers))
    box.send(["a"])
    box.send(["a"])
    assert [names for names, _ in calls] == [["a"], ["a-"], ["a"]]


def test_an_error_of_no_known_kind_is_tried_alone_so_often_and_no_more() -> None:
    box, calls = outbox(lambda *_: NOBODY_KNOWS)
    left = ["a"]
    for _ in range(100):
        if not left:
            break
        left = retried(box, left)
    assert len(calls) == 2 * UNKNOWN_TRIES, "of two forms"
    assert [item for item, _ in box.refused()] == ["a"]


def test_it_is_forgotten_once_it_goes_through() -> None:
    answers = iter([NOBODY_KNOWS] * (UNKNOWN_TRIES - 1) + [None, NOBODY_KNOWS, None])
    box, _ = outbox(lambda *_: next(answers))
    left = ["a"]
    while left:
        left = retried(box, left)
    assert retried(box, ["a"]) == ["a"], "it has all its tries again"
    assert box.send(["a"]) == []


def test_after_a_batch_too_large_none_is_made() -> None:
    box, calls = outbox(lambda _, alone: None if alone else LARGE)
    box.send(["a", "b"])
    box.send(["c", "d"])
    assert calls == [(["a", "b"], False), (["a", "b"], True), (["c", "d"], True)]


def test_one_that_is_too_large_by_itself_says_nothing_of_batches() -> None:
    box, calls = outbox(lambda message, _: LARGE if message.id == "b" else None)
    box.send(["a", "b"])
    box.send(["c", "d"])
    assert calls == [(["a", "b"], False), (["b"], True), (["b-"], True), (["c", "d"], False)]


def test_after_a_batch_with_a_guilty_one_there_are_more() -> None:
    box, calls = outbox(lambda message, alone: None if alone or message.id > "b" else INVALID)
    box.send(["a", "b"])
    box.send(["c", "d"])
    assert calls[-1] == (["c", "d"], False)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (KafkaError.UNSUPPORTED_COMPRESSION_TYPE, "; remove compression.type from KAFKA_CONFIG"),
        (
            KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT,
            "; raise the topic's message.format.version to 0.11",
        ),
        (KafkaError.INVALID_REQUIRED_ACKS, "required acks value$"),
    ],
)
def test_where_nothing_can_be_sent_it_says_what_to_do(code: int, said: str) -> None:
    box, _ = outbox(lambda *_: code)
    with pytest.raises(SendFailed, match=rf"^cannot send to topic t \(T\): .*{said}"):
        box.send(["a", "b"])


@pytest.mark.parametrize(
    "code", [KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.TOPIC_EXCEPTION]
)
def test_a_right_may_yet_be_given_and_the_producer_says_when_not(code: int) -> None:
    box, _ = outbox(lambda *_: code)
    with pytest.raises(BrokerUnavailable):
        box.send(["a", "b"])
    assert box.refused() == []


def test_closing_closes_the_client() -> None:
    box, _ = outbox(lambda *_: None)
    box.close()
    assert cast(Any, box._producer).closed
