"""Results for other systems: every prediction on a topic of its own, before it is committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Message

from tests.faults.oracle import document_id, expected, headers
from tests.faults.scenario import Scenario
from tests.faults.sent import DOCUMENT, Load, mixture
from tests.faults.tail import Tail, place
from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod
from tests.rig.processes import Child
from tests.rig.waiting import eventually

PARTITIONS = 3
RECORDS = 300
LOOKS = 10
LIMIT_S = 60.0
TARGETS = {"red", "green"}


@pytest.fixture
def scenario(kafka: Kafka, mongod: Mongod, tmp_path: Path) -> Iterator[Scenario]:
    made = Scenario(kafka, mongod, tmp_path)
    yield made
    made.close()


def topic_of(scenario: Scenario) -> str:
    return f"{scenario.topic}-results"


def start(scenario: Scenario, hooks: dict[str, Any] | None = None) -> Child:
    return scenario.joined_consumer(
        hooks,
        KAFKA_RESULTS_TOPIC=topic_of(scenario),
        KAFKA_PARTITIONS=PARTITIONS,
        TARGET_LABELS=",".join(sorted(TARGETS)),
    )


def results(scenario: Scenario) -> list[Message]:
    tail = Tail(scenario.kafka.bootstrap, topic_of(scenario), PARTITIONS)
    try:
        tail.read_to_end(LIMIT_S)
        return tail.messages
    finally:
        tail.close()


def said(message: Message) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(cast(bytes, message.value())))


def utc(record: Message) -> str:
    """The record's time as the schema writes it."""
    moment = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def images(scenario: Scenario) -> dict[str, Message]:
    """The records that have a prediction, by id."""
    records = scenario.oracle.records()
    return {document_id(each): each for each in records if expected(each) == DOCUMENT}


def test_every_prediction_is_there_once_with_the_fields_of_the_schema(scenario: Scenario) -> None:
    scenario.send(mixture(range(RECORDS)))
    consumer = start(scenario)
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(consumer)

    found = {said(each)["id"]: each for each in results(scenario)}
    wanted = images(scenario)
    assert found.keys() == wanted.keys()
    assert len(results(scenario)) == len(wanted) == RECORDS - RECORDS // 10
    for identity, message in found.items():
        record = wanted[identity]
        partition, offset = place(record)
        label = headers(record)["label"].decode()
        assert said(message) == {
            "schema": 1,
            "id": identity,
            "topic": scenario.topic,
            "partition": partition,
            "offset": offset,
            "timestamp": utc(record),
            "source": cast(bytes, record.key()).decode(),
            "predicted_label": label,
            "confidence": pytest.approx(0.99),
            "match": label in TARGETS,
            "outcome": "match" if label in TARGETS else "no_match",
            "ground_truth": label,
            "model": "0123456789ab",
        }
        assert message.key() == record.key()
        assert headers(message) == {"content-type": b"application/json"}

    documents = {each["_id"]: each for each in scenario.stored.documents()}
    assert documents.keys() == {each for each in found if said(found[each])["match"]}
    for identity, document in documents.items():
        assert said(found[identity])["timestamp"] == document["timestamp"]


def test_no_commit_passes_a_prediction_that_is_not_there(scenario: Scenario) -> None:
    scenario.create_topic(topic_of(scenario), PARTITIONS)
    consumer = start(scenario)
    tail = Tail(scenario.kafka.bootstrap, topic_of(scenario), PARTITIONS)
    load = Load(scenario.sender, rate=100)
    verified = 0
    try:
        for _ in range(LOOKS):
            committed = eventually(
                partial(more_than, scenario, verified), LIMIT_S, f"more commits: {consumer}"
            )
            tail.read_to_end(LIMIT_S)
            there = {(said(each)["partition"], said(each)["offset"]) for each in tail.messages}
            records = {place(each): each for each in scenario.oracle.records()}
            for number, end in committed.items():
                for offset in range(end):
                    if expected(records[number, offset]) == DOCUMENT:
                        assert (number, offset) in there
            verified = sum(committed.values())
    finally:
        load.stop()
        tail.close()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(consumer)
    assert {said(each)["id"] for each in results(scenario)} == images(scenario).keys()


def more_than(scenario: Scenario, count: int) -> dict[int, int] | None:
    """The committed offsets, once their sum is above a count."""
    committed = scenario.oracle.committed()
    return committed if sum(committed.values()) > count else None


def test_after_a_crash_before_the_commit_none_is_missing(scenario: Scenario) -> None:
    scenario.send(mixture(range(RECORDS)))
    first = start(scenario, {"kill_after": ["commit", 1]})
    assert first.wait(LIMIT_S) == -9, str(first)
    assert sum(scenario.oracle.committed().values()) == 0
    before = results(scenario)
    assert before, "what was about to be committed is there"
    second = start(scenario)
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(second)
    after = results(scenario)
    assert {said(each)["id"] for each in after} == images(scenario).keys()
    assert len(after) == len(images(scenario)) + len(before), "the same once more, nothing else"
    first_said = {said(each)["id"]: said(each) for each in after}
    assert all(said(each) == first_said[said(each)["id"]] for each in after)
