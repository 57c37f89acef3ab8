"""A topic that is read back, on a real Kafka node."""

from __future__ import annotations

import threading
import uuid

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.rig.kafka import Kafka
from velox.kafka.read_back import ReadBack

GO_ON = threading.Event()


def test_every_record_since_a_place_and_none_before(kafka: Kafka) -> None:
    topic = f"images-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    admin.create_topics([NewTopic(topic, 3, 1)])[topic].result()
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions()
    for number in range(20):
        # A transaction's end is a marker that takes an offset of its own and is no record.
        producer.begin_transaction()
        producer.produce(topic, b"%d" % number, key=b"in/%d" % number, partition=number % 2)
        producer.commit_transaction()
    back = ReadBack(topic=topic, bootstrap=kafka.bootstrap, extra={})
    assert back.ends() == {0: 20, 1: 20, 2: 0}
    everything = list(back.since({}, GO_ON))
    assert sorted(int(value) for _, _, value in everything) == list(range(20))
    assert all(name == b"in/" + value for _, name, value in everything)
    some = list(back.since({0: 10, 1: 20, 2: 99}, GO_ON))
    assert [place for place, _, _ in some] == [(0, offset) for offset in range(10, 20, 2)]
    stopped = threading.Event()
    stopped.set()
    assert list(back.since({}, stopped)) == []
