"""A broker that makes each topic that is asked for, as Kafka does by default."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from tests.rig.kafka import Kafka
from tests.rig.waiting import eventually
from velox.base.errors import BrokerUnavailable
from velox.consumer.stages.dead_letters import SUFFIX
from velox.kafka.acknowledged import AcknowledgedProducer
from velox.kafka.client import DEAD_LETTER_BYTES, IMAGE_TOPIC, consumer_config
from velox.kafka.group_lag import GroupLag
from velox.kafka.messages import Outgoing
from velox.kafka.topic_sizes import ensure
from velox.kafka.topics import Topics

LIMIT_S = 60
BROKERS_LIMIT = 1_048_588
LIMIT = "max.message.bytes"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    properties = {
        "auto.create.topics.enable": "true",
        "num.partitions": "1",
        "message.max.bytes": str(BROKERS_LIMIT),
    }
    node = Kafka(tmp_path_factory.mktemp("kafka"), properties)
    node.start()
    yield node
    node.stop()


@pytest.fixture
def admin(kafka: Kafka) -> AdminClient:
    return AdminClient({"bootstrap.servers": kafka.bootstrap})


@pytest.fixture
def topics(kafka: Kafka) -> Topics:
    return Topics(bootstrap=kafka.bootstrap, extra={})


@pytest.fixture
def topic() -> str:
    return f"made-{uuid.uuid4().hex[:8]}"


def there(admin: AdminClient) -> dict[str, int]:
    """Partitions by topic; asking for all of them makes none."""
    found = admin.list_topics(timeout=10).topics
    return {name: len(each.partitions) for name, each in found.items()}


def limit_of(admin: AdminClient, topic: str) -> int:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return int(admin.describe_configs([resource])[resource].result(30)[LIMIT].value)


def ask_with_every_client(kafka: Kafka, topics: Topics, topic: str) -> None:
    assert topics.partitions(topic) == 0
    with pytest.raises(BrokerUnavailable):
        topics.identity(topic)
    lag = GroupLag(bootstrap=kafka.bootstrap, group="g", topic=topic, extra={})
    with pytest.raises(BrokerUnavailable, match=f"^KAFKA_TOPIC='{topic}': .*Unknown topic"):
        lag.measure()
    lag.close()
    consumer = Consumer(
        consumer_config(
            bootstrap=kafka.bootstrap, group="g", protocol="classic", max_poll_interval=30, extra={}
        )
    )
    consumer.subscribe([topic])
    message = eventually(lambda: consumer.poll(0.5), LIMIT_S, "the consumer misses its topic")
    assert message.error() is not None
    consumer.close()
    producer = AcknowledgedProducer(topic=topic, bootstrap=kafka.bootstrap, extra={})
    assert producer.send([Outgoing("1", None, b"value")])[0] is not None
    producer.close()


def test_no_client_makes_a_topic_by_asking(
    kafka: Kafka, admin: AdminClient, topics: Topics, topic: str
) -> None:
    ask_with_every_client(kafka, topics, topic)
    assert topic not in there(admin)


def test_a_topic_that_was_deleted_stays_so(
    kafka: Kafka, admin: AdminClient, topics: Topics, topic: str
) -> None:
    assert ensure(topics, topic, partitions=2, replication=1, config={}) == 2
    lag = GroupLag(bootstrap=kafka.bootstrap, group="g", topic=topic, extra={})
    assert lag.measure() == {0: 0, 1: 0}
    admin.delete_topics([topic])[topic].result(30)
    eventually(lambda: topics.partitions(topic) == 0, LIMIT_S, "the topic is gone")
    with pytest.raises(BrokerUnavailable):
        lag.measure()
    lag.close()
    ask_with_every_client(kafka, topics, topic)
    assert topic not in there(admin)


def test_a_topic_is_made_as_large_as_is_asked_for(
    admin: AdminClient, topics: Topics, topic: str
) -> None:
    assert ensure(topics, topic, partitions=3, replication=1, config=IMAGE_TOPIC) == 3
    assert limit_of(admin, topic) == int(IMAGE_TOPIC[LIMIT])


def test_a_topic_that_the_broker_made_by_itself_grows(
    admin: AdminClient, topics: Topics, topic: str
) -> None:
    letters = topic + SUFFIX
    assert admin.list_topics(letters, timeout=10).topics
    eventually(lambda: there(admin).get(letters) == 1, LIMIT_S, "the broker made the topic")
    assert limit_of(admin, letters) == BROKERS_LIMIT
    large = {LIMIT: str(DEAD_LETTER_BYTES)}
    ensure(topics, letters, partitions=2, replication=1, config=large)
    # What a broker has taken it shows a moment later.
    eventually(lambda: topics.partitions(letters) == 2, LIMIT_S, "a second partition")
    eventually(lambda: limit_of(admin, letters) == DEAD_LETTER_BYTES, LIMIT_S, "a larger limit")


def test_a_limit_that_was_set_on_the_topic_itself_stays(
    admin: AdminClient, topics: Topics, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    new = NewTopic(topic, 1, 1, config={LIMIT: "2000"})
    admin.create_topics([new])[topic].result(30)
    assert ensure(topics, topic, partitions=1, replication=1, config=IMAGE_TOPIC) == 1
    assert limit_of(admin, topic) == 2000
    assert f"topic={topic} {LIMIT}=2000 wanted={IMAGE_TOPIC[LIMIT]}" in caplog.text
