"""Images on a topic that takes less than a batch of them."""

from __future__ import annotations

import threading
import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from tests.faults.oracle import headers
from tests.faults.tail import Tail
from tests.rig.kafka import Kafka
from velox.kafka.sender import Sender
from velox.kafka.topics import Topics
from velox.producer.sources.capture import Capture

LIMIT_BYTES = 262_144
IMAGES = 30
GO_ON = threading.Event()


def test_each_image_that_fits_goes_through_and_the_one_that_does_not_is_named(
    kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    """The client makes batches of 1 MB of them, and the topic refuses a batch as a whole."""
    topic = f"small-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    new = NewTopic(topic, 1, 1, config={"max.message.bytes": str(LIMIT_BYTES)})
    admin.create_topics([new])[topic].result(30)
    sender = Sender(
        topic=topic,
        bootstrap=kafka.bootstrap,
        delivery_timeout=30,
        compression="none",
        # All are there before the first request is made.
        extra={"linger.ms": "500"},
        largest_batch=Topics(bootstrap=kafka.bootstrap, extra={}).largest_batch,
    )
    for number in range(IMAGES):
        size = 400_000 if number == 15 else 42_000
        image = number.to_bytes(1, "big") * size
        capture = Capture(image, f"photos/{number}.jpg", "image/jpeg", f"l{number}")
        sender.send(capture.message(), GO_ON)
    sender.finish(30, GO_ON, 30)

    assert (sender.sent, sender.acknowledged, sender.failed) == (IMAGES, IMAGES - 1, 1)
    tail = Tail(kafka.bootstrap, topic, 1)
    tail.read_to_end(30)
    tail.close()
    found = {each.key() for each in tail.messages}
    assert found == {f"photos/{n}.jpg".encode() for n in range(IMAGES) if n != 15}
    assert len(tail.messages) == IMAGES - 1
    for each in tail.messages:
        number = (each.value() or b"")[0]
        assert (each.value() or b"") == number.to_bytes(1, "big") * 42_000
        assert headers(each)["label"] == f"l{number}".encode()
    assert "not acknowledged source=photos/15.jpg bytes=400000" in caplog.text
    assert f"max.message.bytes of topic {topic} is {LIMIT_BYTES}: raise it there" in caplog.text
