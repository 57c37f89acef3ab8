"""Topics of ours that refuse what they are given: none costs more than the message itself."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import Message, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.faults.conftest import MakeScenario
from tests.faults.oracle import headers, origin
from tests.faults.scenario import ADMIN_LIMIT_S, Scenario, health, metric
from tests.faults.sent import picture, rubbish
from tests.faults.tail import Tail
from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod
from tests.rig.pictures import encoded
from tests.rig.processes import Child
from tests.rig.waiting import eventually
from velox.base.errors import BrokerUnavailable
from velox.base.records import Outcome, Prediction, Record
from velox.base.waiting import until_done
from velox.consumer.stages.results import Result, Results
from velox.kafka import acknowledged

LIMIT_S = 60.0
PICTURES = 40


def read(scenario: Scenario, topic: str) -> list[Message]:
    tail = Tail(scenario.kafka.bootstrap, topic, 1)
    try:
        tail.read_to_end(LIMIT_S)
        return tail.messages
    finally:
        tail.close()


def send(scenario: Scenario, **record: Any) -> None:
    """One record that `tests.faults.sent` has no kind for."""
    producer = Producer(
        {"bootstrap.servers": scenario.kafka.bootstrap, "message.max.bytes": 20_000_000}
    )
    producer.produce(scenario.topic, partition=0, **record)
    assert producer.flush(30) == 0


def results_consumer(
    scenario: Scenario, config: Mapping[str, str], **settings: str
) -> tuple[Child, str]:
    topic = f"{scenario.topic}-results"
    scenario.create_topic(topic, 1, dict(config))
    consumer = scenario.joined_consumer(
        None, KAFKA_RESULTS_TOPIC=topic, KAFKA_PARTITIONS=1, **settings
    )
    return consumer, topic


def told(message: Message) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(cast(bytes, message.value())))


def test_a_result_that_is_refused_is_a_dead_letter_and_the_others_go_on(
    make_scenario: MakeScenario,
) -> None:
    """A key of 1.5 MB where 1 MiB is allowed, and no key where the topic is compacted."""
    scenario = make_scenario(partitions=1)
    scenario.nobody_dies()
    scenario.send(picture(number) for number in range(PICTURES))
    send(scenario, key=b"k" * 1_500_000, value=encoded(0), headers={"source": b"large"})
    send(scenario, key=None, value=encoded(1), headers={"source": b"\x01" * 200_000})
    send(scenario, key=b"last", value=encoded(2), headers={"source": b"\x01" * 200_000})
    consumer, topic = results_consumer(
        scenario, {"max.message.bytes": "1048588", "cleanup.policy": "compact"}
    )
    scenario.oracle.wait_until_caught_up(LIMIT_S)

    assert {told(each)["offset"] for each in read(scenario, topic)} == {
        *range(PICTURES),
        PICTURES + 2,
    }
    letters = {origin(each)[1]: headers(each) for each in scenario.oracle.dead_letters()}
    assert letters.keys() == {PICTURES, PICTURES + 1}
    for letter in letters.values():
        assert letter["__connect.errors.stage"] == b"results"
        assert letter["__connect.errors.exception.class.name"] == b"MessageRefused"
    assert b"MSG_SIZE_TOO_LARGE" in letters[PICTURES]["__connect.errors.exception.message"]
    assert b"INVALID_RECORD" in letters[PICTURES + 1]["__connect.errors.exception.message"]
    assert metric(consumer, "velox_results_refused_total") == 2
    assert metric(consumer, 'velox_records_total{outcome="match"}') == PICTURES + 3
    documents = {each["_id"].split(":")[2]: each for each in scenario.stored.documents()}
    assert len(documents) == PICTURES + 3
    assert documents[str(PICTURES + 1)]["source"] == "\x01" * 1000
    scenario.stop(consumer)


def test_results_refused_for_the_size_of_their_batch_are_sent_singly(
    make_scenario: MakeScenario,
) -> None:
    scenario = make_scenario(partitions=1)
    scenario.nobody_dies()
    scenario.send(picture(number) for number in range(PICTURES))
    consumer, topic = results_consumer(scenario, {"max.message.bytes": "600"})
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    assert [told(each)["offset"] for each in read(scenario, topic)] == list(range(PICTURES))
    assert metric(consumer, "velox_results_refused_total") == 0
    scenario.stop(consumer)


LETTER_LIMITS = {"value": 100_000, "headers": 20_000, "key": 2_000, "all": 100}


@pytest.mark.parametrize("allows", list(LETTER_LIMITS))
def test_a_dead_letter_that_is_refused_says_as_much_as_it_may(
    make_scenario: MakeScenario, allows: str
) -> None:
    scenario = make_scenario()
    scenario.nobody_dies()
    consumer = scenario.joined_consumer()
    scenario.limit_letters(LETTER_LIMITS[allows])
    send(
        scenario,
        key=b"k" * (5000 if allows == "key" else 5),
        value=b"no image" * 20_000,
        headers={"exif": b"x" * 50_000 if allows == "headers" else b"x"},
    )
    scenario.send([*(picture(number) for number in range(PICTURES)), rubbish(0)])
    scenario.oracle.wait_until_caught_up(LIMIT_S)

    lost = metric(consumer, "velox_dead_letters_lost_total")
    assert metric(consumer, 'velox_records_total{outcome="match"}') == PICTURES
    assert metric(consumer, 'velox_records_total{outcome="dead_letter"}') == 2
    assert health(consumer)[0] == 200
    if allows == "all":
        assert lost == 2
        assert scenario.oracle.dead_letters() == []
        assert f"dead letter lost id={scenario.topic}:" in consumer.log
    else:
        assert lost == 0
        first = next(each for each in scenario.oracle.dead_letters() if origin(each) == (0, 0))
        said = headers(first)
        assert said["velox.value.omitted.bytes"] == b"160000"
        assert said["__connect.errors.exception.class.name"] == b"UndecodableImage"
        assert ("velox.headers.clipped.bytes" in said) == (allows != "value")
        assert ("velox.key.omitted.bytes" in said) == (allows == "key")
    scenario.stop(consumer)


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Kafka]:
    """A node that asks who may do what; all that no rule forbids is allowed."""
    node = Kafka(
        tmp_path / "guarded",
        {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        },
    )
    node.start()
    yield node
    node.ensure_running()
    node.stop()


@pytest.mark.long
@pytest.mark.parametrize("end", ["-dlt", "-results"])
def test_a_topic_that_forbids_to_write_ends_the_process_with_a_line_that_says_so(
    guarded: Kafka, mongod: Mongod, tmp_path: Path, end: str
) -> None:
    scenario = Scenario(guarded, mongod, tmp_path / "scenario", partitions=1)
    try:
        consumer, _ = results_consumer(scenario, {})
        topic = scenario.topic + end
        rule = AclBinding(
            ResourceType.TOPIC,
            topic,
            ResourcePatternType.LITERAL,
            "User:ANONYMOUS",
            "*",
            AclOperation.WRITE,
            AclPermissionType.DENY,
        )
        scenario.admin.create_acls([rule])[rule].result(ADMIN_LIMIT_S)
        scenario.send([rubbish(0), picture(0)])
        assert consumer.wait(LIMIT_S) == 1, str(consumer)
        (line,) = [each for each in consumer.log.splitlines() if each.startswith("error: ")]
        assert topic in line
        assert "Topic authorization failed: allow the user of KAFKA_CONFIG to" in line
        assert "WRITE its dead letters and KAFKA_RESULTS_TOPIC" in line
        assert sum(scenario.oracle.committed().values()) == 0
    finally:
        scenario.close()


@pytest.mark.parametrize(
    "given", [{}, {"delivery.timeout.ms": "1000"}, {"message.timeout.ms": "90000"}]
)
def test_what_was_sent_to_a_broker_that_froze_is_there_once(
    kafka: Kafka, scenario: Scenario, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    """Each attempt is short here, so that several fall into the outage."""
    topic = f"{scenario.topic}-results"
    scenario.create_topic(topic, 1)
    results = Results(topic=topic, bootstrap=kafka.bootstrap, extra={"log_level": "2", **given})
    assert results.send([result(0)]) == []
    monkeypatch.setattr(acknowledged, "TIMEOUT_S", 1.0)
    failures: list[Exception] = []
    left = [result(number) for number in range(1, 9)]

    def attempt() -> None:
        nonlocal left
        left = results.send(left)
        if left:
            raise BrokerUnavailable("some are left")

    def failed(error: Exception) -> None:
        failures.append(error)
        if len(failures) == 4:
            kafka.thaw()

    kafka.freeze()
    until_done(attempt, retryable=BrokerUnavailable, stop=threading.Event(), on_failure=failed)
    assert len(failures) >= 4
    assert Counter(told(each)["offset"] for each in read(scenario, topic)) == Counter(range(9))
    results.close()


def result(offset: int) -> Result:
    record = Record("images", 0, offset, 1000, b"key", b"value", (), 1)
    return Result(record, Prediction("red", 0.9, Outcome.MATCH), "0123456789ab")


def test_sigterm_while_results_wait_for_a_frozen_broker_ends_in_time(scenario: Scenario) -> None:
    """The drain is shortened: what it takes is not what is tried here."""
    consumer, topic = results_consumer(scenario, {}, DRAIN_TIMEOUT_S="2")
    for number in range(800):
        scenario.sender.send(picture(number))
    eventually(lambda: metric(consumer, "velox_records_total") > 0, LIMIT_S, "a batch")
    scenario.kafka.freeze()
    scenario.stop(consumer)
    scenario.kafka.thaw()
    scenario.sender.finish()
    again = scenario.consumer(KAFKA_RESULTS_TOPIC=topic, KAFKA_PARTITIONS=1)
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.stop(again)
    assert len({told(each)["id"] for each in read(scenario, topic)}) == 800
