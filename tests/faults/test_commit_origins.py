"""Where a commit comes from decides whether it is gone on from, however late that is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.faults.scenario import ADMIN_LIMIT_S, Scenario, metric
from tests.faults.sent import DOCUMENT, Sent
from tests.rig import pictures
from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod
from tests.rig.ports import HOST
from tests.rig.slow_broker import SlowBroker
from tests.rig.waiting import eventually

LIMIT_S = 60.0
IMAGES = 80
ANOTHER_TOPIC = "topic-id=AAAAAAAAAAAAAAAAAAAAAQ"


def commit(scenario: Scenario, offset: int, metadata: str) -> None:
    """As somebody of the group left it."""
    consumer = Consumer(
        {
            "bootstrap.servers": scenario.kafka.bootstrap,
            "group.id": scenario.group,
            "log_level": 2,
        }
    )
    place = TopicPartition(scenario.topic, 0, offset, metadata)

    def committed() -> bool:
        # The group's coordinator may still be on its way.
        try:
            return bool(consumer.commit(offsets=[place], asynchronous=False))
        except KafkaException:
            return False

    eventually(committed, ADMIN_LIMIT_S, "a commit")
    consumer.close()


def metadata(scenario: Scenario) -> str:
    """What the group's commit carries."""
    consumer = Consumer({"bootstrap.servers": scenario.kafka.bootstrap, "group.id": scenario.group})
    (found,) = consumer.committed([TopicPartition(scenario.topic, 0)], timeout=ADMIN_LIMIT_S)
    consumer.close()
    return found.metadata or ""


def send(scenario: Scenario) -> None:
    scenario.send(
        Sent(f"picture-{number}", pictures.encoded(number), DOCUMENT, partition=0)
        for number in range(IMAGES)
    )


@pytest.fixture
def slow_broker() -> Iterator[SlowBroker]:
    made = SlowBroker()
    yield made
    made.close()


@pytest.fixture
def slow_kafka(slow_broker: SlowBroker, tmp_path: Path) -> Iterator[Kafka]:
    """A node that is reached by way of `slow_broker` alone."""
    node = Kafka(
        tmp_path / "kafka", {"advertised.listeners": f"PLAINTEXT://{HOST}:{slow_broker.port}"}
    )
    slow_broker.serve(node.port)
    node.start()
    yield node
    node.stop()


def test_a_slow_coordinator_hides_no_commit_of_a_topic_that_is_gone(
    slow_kafka: Kafka, slow_broker: SlowBroker, mongod: Mongod, tmp_path: Path
) -> None:
    scenario = Scenario(slow_kafka, mongod, tmp_path / "0", partitions=1)
    try:
        send(scenario)
        commit(scenario, 30, ANOTHER_TOPIC)
        slow_broker.holds = True
        consumer = scenario.consumer()
        consumer.wait_for_line(
            "last commits unknown, committing waits for them partitions=.0.", LIMIT_S
        )
        # Longer than an assignment waits for the answer.
        slow_broker.let_go()
        consumer.wait_for_line("last commits known, committing again partitions=.0.", LIMIT_S)
        eventually(
            lambda: len(scenario.stored.documents()) == IMAGES,
            LIMIT_S,
            lambda: f"all images: {len(scenario.stored.documents())} {consumer}",
        )
        scenario.oracle.wait_until_caught_up(LIMIT_S)
        assert slow_broker.held == 1
        assert metric(consumer, 'velox_offset_gaps_total{kind="recreated"}') == 1
        scenario.stop(consumer)
    finally:
        scenario.close()


@pytest.mark.parametrize(
    ("carried", "done"),
    [(ANOTHER_TOPIC, IMAGES), (f"cluster-id=another;{ANOTHER_TOPIC}", IMAGES - 30)],
    ids=["of this cluster", "of another cluster"],
)
def test_a_commit_of_another_cluster_is_trusted(
    kafka: Kafka, mongod: Mongod, tmp_path: Path, carried: str, done: int
) -> None:
    """Who mirrors a topic translates the offsets of its groups and keeps their metadata."""
    scenario = Scenario(kafka, mongod, tmp_path / "0", partitions=1)
    try:
        send(scenario)
        commit(scenario, 30, carried)
        consumer = scenario.consumer()
        scenario.oracle.wait_until_caught_up(LIMIT_S)
        assert len(scenario.stored.documents()) == done
        cluster = scenario.admin.list_topics(timeout=ADMIN_LIMIT_S).cluster_id
        assert metadata(scenario).startswith(f"cluster-id={cluster};topic-id=")
        scenario.stop(consumer)
    finally:
        scenario.close()
