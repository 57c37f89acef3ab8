"""The consumer dies by kill -9, at random moments and between any two of its writes."""

from __future__ import annotations

import random
import time

import pytest

from tests.faults.scenario import Scenario
from tests.faults.sent import Load, mixture

CATCH_UP_LIMIT_S = 60.0
POINTS = (("file", 30), ("document", 4), ("dead_letter", 2), ("commit", 1))
# However slow a write is, what is stored together is a small part of all.
FEW_IN_FLIGHT = 24


@pytest.mark.parametrize("point", POINTS, ids=[name for name, _ in POINTS])
def test_killed_between_two_writes(scenario: Scenario, point: tuple[str, int]) -> None:
    scenario.send(mixture(range(200)))
    hooks = {"kill_after": point, "seconds_a_batch": 0.02}
    victim = scenario.consumer(hooks, QUEUE_SIZE=FEW_IN_FLIGHT)
    assert victim.wait(60) == -9
    assert scenario.oracle.committed() != scenario.oracle.ends()
    scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.timeout(600)
def test_killed_at_random_moments(scenario: Scenario, kills: int) -> None:
    moments = random.Random(kills)
    load = Load(scenario.sender, rate=100)
    for _ in range(kills):
        victim = scenario.joined_consumer({"seconds_a_batch": 0.02})
        time.sleep(moments.uniform(0.0, 2.0))
        victim.kill()
    load.stop()
    scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
