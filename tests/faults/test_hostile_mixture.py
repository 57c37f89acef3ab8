"""Whatever those send who may write to the topic: memory and log stay within what is stated."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer

from tests.faults import foreign_client, hostile_records
from tests.faults.conftest import MakeScenario
from tests.faults.scenario import metric
from tests.rig import pictures
from tests.rig.waiting import eventually
from velox.images.memory import BYTES_A_PIXEL

ROOT = Path(__file__).parents[2]
GOOD = 50
QUEUE_BYTES = 16 * 2**20
# What the client has fetched beforehand, and the same again that was just taken from it.
FETCHED = 2 * 50 * 2**20
# Dead letters on their way, queue.buffering.max.kbytes of the producer.
LETTERS = 64 * 2**20
MAX_IMAGE_PIXELS = 50_000_000
# Each thread takes memory from an arena of its own, which keeps what is freed for the thread.
ARENAS = 96 * 2**20
BOUND = QUEUE_BYTES + FETCHED + LETTERS + BYTES_A_PIXEL * MAX_IMAGE_PIXELS + ARENAS
# With the default model on a CPU, docs/compose.md's table of services.
MODEL = 510 * 2**20
HEADERS_WITHOUT_TEXT = 30
DONE_LIMIT_S = 240
FLUSH_AT = 8
LINES, LINES_A_SECOND = 150, 5


def send(producer: Producer, topic: str, *records: Iterator[hostile_records.Record]) -> int:
    """Send them; returns how many there were."""
    count = 0
    for each in chain(*records):
        producer.produce(topic, **each)
        count += 1
        # Large ones fill the client's queue.
        if len(producer) >= FLUSH_AT:
            assert producer.flush(60) == 0
    assert producer.flush(60) == 0
    return count


@pytest.mark.timeout(600)
@pytest.mark.long
def test_memory_and_log_stay_within_what_is_stated(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(topic_config={"max.message.bytes": "10485760"})
    consumer = scenario.joined_consumer(
        QUEUE_BYTES=QUEUE_BYTES, DECODE_THREADS=4, LOG_LEVEL="DEBUG", MAX_STORED_FILES=10
    )
    resident = consumer.resident_bytes()
    producer = Producer(
        {
            "bootstrap.servers": scenario.kafka.bootstrap,
            "message.max.bytes": 20_000_000,
            "queue.buffering.max.kbytes": 100_000,
            "log_level": 2,
        }
    )
    started = time.monotonic()
    classified = send(
        producer,
        scenario.topic,
        hostile_records.images(),
        hostile_records.headers_and_keys(),
        hostile_records.texts(),
    )
    dead = send(producer, scenario.topic, hostile_records.bombs(), hostile_records.no_images())
    for number in range(HEADERS_WITHOUT_TEXT):
        foreign_client.send(
            scenario.kafka.bootstrap, scenario.topic, pictures.encoded(number), (b"\xff", b"x")
        )
    classified += HEADERS_WITHOUT_TEXT
    classified += send(producer, scenario.topic, hostile_records.good(GOOD))
    total = classified + dead
    eventually(
        lambda: metric(consumer, "velox_records_total") == total,
        DONE_LIMIT_S,
        lambda: f"{metric(consumer, 'velox_records_total'):g} of {total} done: {consumer.tail()}",
        every=0.5,
    )
    assert len(scenario.stored.documents()) == classified
    assert len(scenario.oracle.dead_letters()) == dead
    grown = consumer.peak_resident_bytes() - resident
    assert grown < BOUND, f"{grown / 2**20:.0f} MiB of {BOUND / 2**20:.0f}"

    lines = consumer.log.splitlines()
    assert len(lines) < LINES + LINES_A_SECOND * (time.monotonic() - started)
    assert max(map(len, lines)) < 10_000
    scenario.stop(consumer)


def test_what_is_stated_fits_into_the_limit_of_the_container() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()
    consumer = compose[compose.index("\n  consumer:") :]
    found = re.search(r"mem_limit: (\d+)g", consumer)
    assert found
    assert int(found[1]) * 2**30 > MODEL + BOUND


def test_a_topic_can_measure_batches_unpacked(make_scenario: MakeScenario) -> None:
    """What SECURITY.md advises: 60 MB that are 60 kB of gzip are refused by the broker."""
    scenario = make_scenario(
        topic_config={"max.message.bytes": "10485760", "compression.type": "uncompressed"}
    )
    answers: list[KafkaError | None] = []
    producer = Producer(
        {
            "bootstrap.servers": scenario.kafka.bootstrap,
            "compression.type": "gzip",
            "message.max.bytes": 100_000_000,
            "log_level": 2,
        }
    )
    for size in (60_000_000, 6_000_000):
        producer.produce(
            scenario.topic, bytes(size), on_delivery=lambda error, _: answers.append(error)
        )
        producer.flush(60)
    refused, taken = answers
    assert refused is not None
    assert refused.code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert taken is None
