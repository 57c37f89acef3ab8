"""The embedded broker: up with its context, gone with it, reachable from other processes."""

from __future__ import annotations

import socket

import pytest
from confluent_kafka import Consumer, Producer

from velox.demo import broker as embedded_broker

LIMIT_S = 30


def test_it_takes_and_gives_records_while_it_runs() -> None:
    with embedded_broker.running() as bootstrap:
        producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
        sent = [f"image {number}".encode() for number in range(20)]
        for value in sent:
            producer.produce("topic", value)
        assert producer.flush(LIMIT_S) == 0
        consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "g", "auto.offset.reset": "earliest"}
        )
        consumer.subscribe(["topic"])
        got = [message.value() for message in consumer.consume(20, LIMIT_S)]
        metadata = consumer.list_topics("topic", timeout=LIMIT_S)
        consumer.close()
    assert sorted(each for each in got if each) == sorted(sent)
    assert len(metadata.topics["topic"].partitions) == embedded_broker.PARTITIONS
    host, _, port = bootstrap.partition(",")[0].rpartition(":")
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, int(port)), timeout=LIMIT_S)
