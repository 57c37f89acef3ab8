"""One to four consumers, joining and leaving every few seconds, by SIGTERM and by kill -9."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.sent import Load
from tests.rig.processes import Child

MOST_CONSUMERS = 4
# Fewer than the load, so that queues fill, polling pauses, and paused partitions change hands.
IMAGES_A_SECOND = 60
LOAD_A_SECOND = 120
QUEUE_SIZE = 32
BATCH_SIZE = 8
CATCH_UP_LIMIT_S = 120.0


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=pytest.mark.long)])
def test_no_partition_is_stuck(make_scenario: MakeScenario, protocol: str, seconds: int) -> None:
    scenario = make_scenario(partitions=8, protocol=protocol)
    scenario.sample()
    chance = random.Random(seconds)
    slow = {"seconds_a_batch": BATCH_SIZE / IMAGES_A_SECOND}
    load = Load(scenario.sender, rate=LOAD_A_SECOND)
    running: list[Child] = [scenario.joined_consumer(slow, QUEUE_SIZE=QUEUE_SIZE)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.5, 3.0))
        if len(running) == 1 or (len(running) < MOST_CONSUMERS and chance.random() < 0.5):
            running.append(scenario.consumer(slow, QUEUE_SIZE=QUEUE_SIZE))
            continue
        leaving = running.pop(chance.randrange(len(running)))
        if chance.random() < 0.3:
            leaving.kill()
        else:
            scenario.stop(leaving)
    load.stop()
    assert any("polling=paused" in consumer.log for consumer in scenario.consumers)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert all(consumer.running for consumer in running)
    scenario.oracle.check()
    for consumer in running:
        scenario.stop(consumer)
