"""One to four consumers, joining and leaving every few seconds, by SIGTERM and by kill -9."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import address
from tests.faults.sent import Load, mixture
from tests.rig.processes import Child

MOST_CONSUMERS = 4
SLOW = {"seconds_a_batch": 0.05}
QUEUE_SIZE = 32
CATCH_UP_LIMIT_S = 90.0


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=pytest.mark.long)])
def test_no_partition_is_stuck(make_scenario: MakeScenario, protocol: str, seconds: int) -> None:
    scenario = make_scenario(partitions=8, protocol=protocol)
    scenario.sample()
    chance = random.Random(seconds)
    load = Load(scenario.sender, rate=120)
    running: list[Child] = [scenario.joined_consumer(SLOW, QUEUE_SIZE=QUEUE_SIZE)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(chance.uniform(0.5, 3.0))
        if len(running) == 1 or (len(running) < MOST_CONSUMERS and chance.random() < 0.5):
            running.append(scenario.consumer(SLOW, QUEUE_SIZE=QUEUE_SIZE))
            continue
        leaving = running.pop(chance.randrange(len(running)))
        # From here on it answers signals itself.
        address(leaving)
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


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_partition_that_left_paused_flows_when_it_comes_back(
    make_scenario: MakeScenario, protocol: str
) -> None:
    """The consumer cannot keep up, so all is paused; meanwhile another one comes and goes."""
    scenario = make_scenario(protocol=protocol)
    scenario.sample()
    stays = scenario.joined_consumer({"seconds_a_batch": 1.5}, QUEUE_SIZE=16, DRAIN_TIMEOUT_S=1)
    scenario.send(mixture(range(80)))
    stays.wait_for_line("polling paused", 30)
    passes_by = scenario.joined_consumer()
    stays.wait_for_line(r"partitions revoked=\[\d", 30)
    stays.wait_for_line("polling resumed", 30)
    scenario.stop(passes_by)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.send(mixture(range(80, 100)))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert "partitions assigned" in stays.log.partition("partitions revoked")[2]
    scenario.oracle.check()
    scenario.stop(stays)
