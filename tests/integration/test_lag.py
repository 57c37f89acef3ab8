"""The lag of a group is known while nobody consumes, and is never an old number."""

from __future__ import annotations

import uuid
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from prometheus_client.parser import text_string_to_metric_families

from tests.rig.http import get
from tests.rig.kafka import Kafka
from tests.rig.processes import script
from tests.rig.waiting import eventually

LIMIT_S = 60
GROUP = "group"


def lag_by_partition(address: str) -> dict[str, float]:
    status, text = get(f"{address}/metrics")
    assert status == 200, text
    return {
        sample.labels["partition"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "velox_group_lag_records"
    }


def append(kafka: Kafka, topic: str, partition: int, records: int) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for _ in range(records):
        producer.produce(topic, b"image", partition=partition)
    assert producer.flush(LIMIT_S) == 0


def append_in_transaction(kafka: Kafka, topic: str, partition: int, records: int) -> None:
    """The transaction stays open, for as long as a broker allows: it is started again meanwhile."""
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "transactional.id": topic,
            "transaction.timeout.ms": 900_000,
        }
    )
    producer.init_transactions(LIMIT_S)
    producer.begin_transaction()
    for _ in range(records):
        producer.produce(topic, b"image", partition=partition)
    assert producer.flush(LIMIT_S) == 0


def commit(kafka: Kafka, topic: str, partition: int, offset: int) -> None:
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": GROUP})
    consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
    consumer.close()


def test_lag_without_a_consumer(kafka: Kafka, tmp_path: Path) -> None:
    topic = f"lag-{uuid.uuid4().hex[:8]}"
    exporter = script(
        "lag.py",
        env={
            "KAFKA_BOOTSTRAP_SERVER": kafka.bootstrap,
            "KAFKA_TOPIC": topic,
            "KAFKA_CONSUMER_GROUP": GROUP,
            "METRICS_PORT": "0",
        },
        log=tmp_path / "lag.log",
    )
    address = exporter.wait_for_line(r"metrics address=(\S+)", LIMIT_S)[1]

    def shows(lag: dict[str, float], what: str) -> None:
        eventually(lambda: lag_by_partition(address) == lag, LIMIT_S, lambda: f"{what}: {exporter}")

    shows({}, "there is no topic yet")
    exporter.wait_for_line(rf"lag unknown reason=.KAFKA_TOPIC='{topic}': .*Unknown topic", LIMIT_S)

    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(LIMIT_S)
    append(kafka, topic, partition=0, records=5)
    append(kafka, topic, partition=1, records=3)
    shows({"0": 5, "1": 3}, "all that nobody has committed")
    commit(kafka, topic, partition=0, offset=4)
    shows({"0": 1, "1": 3}, "what is left")
    expired = TopicPartition(topic, 1, 3)
    admin.delete_records([expired])[expired].result(LIMIT_S)
    shows({"0": 1, "1": 0}, "what has expired is not left")
    append_in_transaction(kafka, topic, partition=1, records=4)
    append(kafka, topic, partition=0, records=1)
    shows({"0": 2, "1": 0}, "nobody can read an open transaction")

    kafka.stop()
    shows({}, "no number while the broker is away")
    assert get(f"{address}/healthz") == (200, "ok\n")
    kafka.start()
    shows({"0": 2, "1": 0}, "the numbers come back")

    admin.delete_topics([topic])[topic].result(LIMIT_S)
    shows({}, "the topic is gone")
    eventually(
        lambda: topic not in admin.list_topics(timeout=LIMIT_S).topics, LIMIT_S, "its deletion"
    )
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(LIMIT_S)
    shows({"0": 0}, "it has one partition now")
    assert exporter.terminate(LIMIT_S) == 0
