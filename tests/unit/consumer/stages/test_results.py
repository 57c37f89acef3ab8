import json
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from velox.base.errors import BrokerUnavailable
from velox.base.records import Outcome, Prediction, Record
from velox.consumer.stages import results
from velox.consumer.stages.results import Result, Results
from velox.kafka.messages import Outgoing

FAILED = KafkaError(KafkaError._TRANSPORT)


def result(offset: int, *, timestamp_ms: int = 1_700_000_000_123, match: bool = True) -> Result:
    outcome = Outcome.MATCH if match else Outcome.NO_MATCH
    headers = (("source", b"camera-1"), ("label", b"red_square"))
    record = Record("image_data", 3, offset, timestamp_ms, b"camera-1", b"jpeg", headers, 1)
    return Result(record, Prediction("red_circle", 0.75, outcome), "0123456789ab")


class FakeProducer:
    def __init__(self, **settings: Any) -> None:
        self.topic = settings["topic"]
        self.settings = settings
        self.sent: list[Outgoing] = []
        self.answers: list[KafkaError | None] = []

    def send(self, messages: list[Outgoing], *, alone: bool) -> list[KafkaError | None]:
        self.sent += messages
        return self.answers or [None] * len(messages)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setattr(results, "AcknowledgedProducer", FakeProducer)
    return Results(topic="results", bootstrap="b:1", extra={})


def client(topic: Results) -> Any:
    return topic._producer


def test_a_result_is_json_of_schema_1_keyed_like_its_image(topic: Results) -> None:
    assert topic.send([result(7)]) == []
    (message,) = client(topic).sent
    assert message.key == b"camera-1"
    assert message.headers == (("content-type", b"application/json"),)
    assert json.loads(message.value) == {
        "schema": 1,
        "id": "image_data:3:7:1700000000123",
        "topic": "image_data",
        "partition": 3,
        "offset": 7,
        "timestamp": "2023-11-14T22:13:20.123Z",
        "source": "camera-1",
        "predicted_label": "red_circle",
        "confidence": 0.75,
        "match": True,
        "outcome": "match",
        "ground_truth": "red_square",
        "model": "0123456789ab",
    }


def test_the_likeliest_labels_are_added_where_they_are_asked_for() -> None:
    top = (("red_circle", 0.75), ("red_square", 0.2))
    asked = Prediction("red_circle", 0.75, Outcome.MATCH, top)
    document = replace(result(7), prediction=asked).document()
    assert document.pop("top") == [
        {"label": "red_circle", "confidence": 0.75},
        {"label": "red_square", "confidence": 0.2},
    ]
    assert document == result(7).document(), "all else stays as it is"


def test_a_record_without_a_time_has_no_timestamp() -> None:
    assert result(1, timestamp_ms=0).document()["timestamp"] is None
    assert result(1, match=False).document()["match"] is False


@pytest.mark.parametrize("outcome", Outcome)
def test_the_outcome_is_told_and_only_a_match_is_one(outcome: Outcome) -> None:
    document = replace(result(1), prediction=Prediction("red", 0.75, outcome)).document()
    assert json.loads(json.dumps(document))["outcome"] == outcome.value
    assert document["match"] is (outcome is Outcome.MATCH)


def test_a_stale_image_has_no_prediction_and_no_model(topic: Results) -> None:
    stale = replace(result(7), prediction=None)
    assert topic.send([stale]) == []
    told = json.loads(client(topic).sent[0].value)
    answer = ("predicted_label", "confidence", "match", "outcome", "model")
    assert [told.pop(each) for each in answer] == [None, None, False, "stale", None]
    classified = result(7).document()
    assert told == {name: classified[name] for name in classified if name not in answer}


def test_what_was_not_acknowledged_is_given_back(topic: Results) -> None:
    client(topic).answers = [None, FAILED, None]
    assert topic.send([result(1), result(2), result(3)]) == [result(2)]


def test_nothing_acknowledged_is_an_error_with_its_reason(topic: Results) -> None:
    client(topic).answers = [FAILED, FAILED]
    with pytest.raises(BrokerUnavailable, match=r"results topic results \(KAFKA_RESULTS_TOPIC\): "):
        topic.send([result(1), result(2)])


def test_one_that_is_refused_for_good_is_told_of(topic: Results) -> None:
    client(topic).answers = [KafkaError(KafkaError.INVALID_RECORD)]
    assert topic.send([result(1)]) == []
    ((refused, reason),) = topic.refused()
    assert refused == result(1)
    assert "results topic results (KAFKA_RESULTS_TOPIC) refuses a message of" in str(reason)


def test_text_of_headers_is_clipped() -> None:
    headers = (("source", b"\x01" * 200_000), ("label", b"x" * 200_000))
    record = Record("image_data", 3, 1, 1, b"camera-1", b"jpeg", headers, 1)
    document = Result(
        record, Prediction("red_circle", 0.75, Outcome.MATCH), "0123456789ab"
    ).document()
    assert document["source"] == "\x01" * 1000
    assert document["ground_truth"] == "x" * 1000
    assert len(json.dumps(document)) < 10_000
