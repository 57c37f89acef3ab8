"""One to four consumers, joining and leaving every few seconds, by SIGTERM and by kill -9."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.sent import Load
from tests.rig.processes import Child

MOST_CONSUMERS = 4
CATCH_UP_LIMIT_S = 60.0


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=pytest.mark.long)])
def test_no_partition_is_stuck(make_scenario: MakeScenario, protocol: str, seconds: int) -> None:
    scenario = make_scenario(partitions=8, protocol=protocol)
    scenario.sample()
    chance = random.Random(seconds)
    load = Load(scenario.sender, rate=80)
    running: list[Child] = [scenario.joined_consumer({"seconds_a_batch": 0.02})]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.5, 3.0))
        if len(running) == 1 or (len(running) < MOST_CONSUMERS and chance.random() < 0.5):
            running.append(scenario.consumer({"seconds_a_batch": 0.02}))
            continue
        leaving = running.pop(chance.randrange(len(running)))
        if chance.random() < 0.3:
            leaving.kill()
        else:
            scenario.stop(leaving)
    load.stop()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert all(consumer.running for consumer in running)
    scenario.oracle.check()
    for consumer in running:
        scenario.stop(consumer)
