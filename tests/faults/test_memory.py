"""What the consumer holds is bounded in images and in bytes, however much there is to do."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import metric
from tests.faults.sent import DOCUMENT, Sent
from tests.rig.waiting import eventually

LARGE_SIDE = 1200
LARGE_IMAGES = 60
QUEUE_BYTES = 16 * 2**20
# What the client may have fetched beforehand (queued.min.messages, and one answer more).
PREFETCHED = 50 * 2**20
DECODED = 64 * 2**20
# Each thread takes memory from an arena of its own, which keeps what is freed for the thread.
ARENAS = 32 * 2**20
CATCH_UP_LIMIT_S = 90.0


def large() -> Iterator[Sent]:
    """Images of over 4 MB each, over 250 MB in all."""
    noise = np.random.default_rng(0).integers(0, 256, (LARGE_SIDE, LARGE_SIDE, 3), dtype=np.uint8)
    done, value = cv2.imencode(".bmp", noise)
    assert done
    for number in range(LARGE_IMAGES):
        yield Sent(f"large-{number}", bytes(value), DOCUMENT)


def test_bytes_are_bounded_while_the_database_is_away(make_scenario: MakeScenario) -> None:
    scenario = make_scenario(topic_config={"max.message.bytes": "10485760"})
    consumer = scenario.joined_consumer(QUEUE_BYTES=QUEUE_BYTES)
    resident = consumer.resident_bytes()
    scenario.mongod.freeze()
    scenario.send(large())
    eventually(lambda: metric(consumer, "velox_pauses_total") >= 1, 60, "a full queue")
    assert metric(consumer, "velox_in_flight_bytes") < QUEUE_BYTES + PREFETCHED
    scenario.mongod.thaw()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    bound = QUEUE_BYTES + PREFETCHED + DECODED + ARENAS
    assert consumer.peak_resident_bytes() - resident < bound < LARGE_IMAGES * 3 * LARGE_SIDE**2
    scenario.oracle.check()
    scenario.stop(consumer)
