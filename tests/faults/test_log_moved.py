"""The log is not what it was: its start has passed the commit, or it has begun anew."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer, TopicPartition

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import ADMIN_LIMIT_S, metric
from tests.faults.sent import DOCUMENT, Sent, picture
from tests.rig import pictures
from tests.rig.waiting import eventually

CATCH_UP_LIMIT_S = 60.0


def in_one_partition(numbers: range) -> list[Sent]:
    return [
        Sent(f"picture-{number}", pictures.encoded(number), DOCUMENT, partition=0)
        for number in numbers
    ]


def test_retention_overtook_the_consumer(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(partitions=1)
    scenario.send(in_one_partition(range(20)))
    first = scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.stop(first)
    scenario.send(in_one_partition(range(20, 80)))
    start = TopicPartition(scenario.topic, 0, 50)
    scenario.admin.delete_records([start])[start].result(ADMIN_LIMIT_S)

    second = scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert metric(second, 'velox_offset_gaps_total{kind="skipped"}') == 1
    assert metric(second, "velox_offset_gap_records_total") == 30
    second.wait_for_line("ERROR offset gap kind=skipped partition=0 expected=20 found=50", 5)
    assert len(scenario.stored.documents()) == 20 + 30


def test_a_batch_that_cannot_be_unpacked_costs_itself_alone(make_scenario: MakeScenario) -> None:
    """librdkafka unpacks zstd up to receive.message.max.bytes (rdkafka_zstd.c)."""
    scenario = make_scenario(partitions=1)
    scenario.send(in_one_partition(range(5)))
    bomb = Producer(
        {
            "bootstrap.servers": scenario.kafka.bootstrap,
            "compression.type": "zstd",
            "message.max.bytes": 60_000_000,
            "batch.size": 60_000_000,
            # A flush sends at once what lingers: all three go in one batch, however slow this is.
            "linger.ms": 60_000,
        }
    )
    for _ in range(3):
        bomb.produce(scenario.topic, bytes(8_000_000), partition=0)
    assert bomb.flush(30) == 0
    scenario.send(in_one_partition(range(5, 10)))

    settings = "receive.message.max.bytes=12000000,fetch.max.bytes=11000000"
    consumer = scenario.consumer(KAFKA_CONFIG=settings)
    eventually(
        lambda: len(scenario.stored.documents()) == 10, CATCH_UP_LIMIT_S, lambda: f"{consumer}"
    )
    assert metric(consumer, 'velox_offset_gaps_total{kind="unreadable"}') == 1
    assert metric(consumer, "velox_offset_gap_records_total") == 3
    consumer.wait_for_line("ERROR offset gap kind=unreadable partition=0 expected=5 found=8", 5)
    scenario.stop(consumer)


def test_retention_overtook_a_consumer_that_runs(make_scenario: MakeScenario) -> None:
    """It could not keep up: its queue is full, so its polling is paused."""
    scenario = make_scenario(partitions=1)
    scenario.nobody_dies()
    consumer = scenario.joined_consumer(QUEUE_SIZE=8)
    scenario.mongod.freeze()
    scenario.send(in_one_partition(range(80)))
    eventually(lambda: metric(consumer, "velox_pauses_total") == 1, 30, "a full queue")
    held = int(metric(consumer, "velox_in_flight_images"))
    start = TopicPartition(scenario.topic, 0, 60)
    scenario.admin.delete_records([start])[start].result(ADMIN_LIMIT_S)
    scenario.mongod.thaw()

    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    consumer.wait_for_line(f"ERROR offset gap kind=skipped partition=0 expected={held} found=60", 5)
    assert metric(consumer, "velox_offset_gap_records_total") == 60 - held
    assert len(scenario.stored.documents()) == 20 + held
    scenario.stop(consumer)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize(
    "images", [pytest.param(10, marks=pytest.mark.long), 50], ids=["shorter", "longer"]
)
def test_a_topic_created_anew_is_read_from_its_start(
    make_scenario: MakeScenario, images: int, protocol: str
) -> None:
    """Whether or not the new log has reached the place where the old one was left."""
    scenario = make_scenario(partitions=1, protocol=protocol)
    consumer = scenario.consumer()
    scenario.send(in_one_partition(range(30)))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.delete_topic(scenario.topic)
    scenario.create_topic(scenario.topic, 1)
    scenario.send([picture(number) for number in range(30, 30 + images)])

    eventually(
        lambda: len(scenario.stored.documents()) == 30 + images,
        CATCH_UP_LIMIT_S,
        lambda: f"both topics' images: {len(scenario.stored.documents())} {consumer}",
    )
    consumer.wait_for_line("ERROR offset gap kind=recreated partitions=.0.", 30)
    assert metric(consumer, 'velox_offset_gaps_total{kind="recreated"}') == 1
    ids = {each["_id"] for each in scenario.stored.documents()}
    assert len(ids) == 30 + images
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.stop(consumer)


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_commit_of_a_topic_that_is_gone_misleads_nobody(
    make_scenario: MakeScenario, protocol: str
) -> None:
    """The consumer that made it never saw that the topic is another one, and is gone too."""
    scenario = make_scenario(partitions=1, protocol=protocol)
    first = scenario.joined_consumer({"blind": True}, QUEUE_SIZE=30)
    scenario.mongod.freeze()
    scenario.send(in_one_partition(range(30)))
    eventually(lambda: metric(first, "velox_in_flight_images") == 30, 30, "a full queue")
    scenario.delete_topic(scenario.topic)
    scenario.create_topic(scenario.topic, 1)
    scenario.send([picture(number) for number in range(30, 80)])
    scenario.mongod.thaw()
    eventually(
        lambda: len(scenario.stored.documents()) >= 30,
        CATCH_UP_LIMIT_S,
        lambda: f"the images that were in flight: {first}",
    )
    if protocol == "classic":
        # A newer group commits by the topic's identity, and such a commit is refused.
        eventually(
            lambda: scenario.oracle.committed().get(0, 0) >= 30, 30, lambda: f"a commit: {first}"
        )
    first.kill()

    second = scenario.consumer()
    eventually(
        lambda: len(scenario.stored.documents()) == 30 + 50,
        CATCH_UP_LIMIT_S,
        lambda: f"both topics' images: {len(scenario.stored.documents())} {second}",
    )
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    if protocol == "classic":
        assert metric(second, 'velox_offset_gaps_total{kind="recreated"}') == 1
        second.wait_for_line("ERROR offset gap kind=recreated partitions=.0.", 5)
    scenario.stop(second)
