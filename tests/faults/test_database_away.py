"""MongoDB is away for longer than the poll interval that the broker allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest

from tests.faults.scenario import Scenario, health, metric
from tests.faults.sent import Load
from tests.rig.mongod import Mongod
from tests.rig.processes import Child
from tests.rig.waiting import eventually

# Longer than a busy machine keeps a process waiting.
MAX_POLL_INTERVAL_S = 12
QUEUE_SIZE = 100
AWAY_S = 14.0
# A frozen server is noticed once the socket has been silent for ten seconds.
FROZEN_S = 18.0
CATCH_UP_LIMIT_S = 60.0
MEMORY_GROWTH_LIMIT = 64 * 2**20


def counted(consumer: Child, count: str) -> bool:
    return metric(consumer, count) >= 1


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        pytest.param(Mongod.stop, AWAY_S, marks=pytest.mark.long),
        (Mongod.kill, AWAY_S),
        pytest.param(Mongod.freeze, FROZEN_S, marks=pytest.mark.long),
    ],
    ids=["stopped", "killed", "frozen"],
)
def test_the_consumer_waits_in_its_group(
    scenario: Scenario, mongod: Mongod, end: Callable[[Mongod], None], seconds: float
) -> None:
    scenario.nobody_dies()
    consumer = scenario.joined_consumer(
        MAX_POLL_INTERVAL_S=MAX_POLL_INTERVAL_S, QUEUE_SIZE=QUEUE_SIZE, STALL_TIMEOUT_S=5
    )
    load = Load(scenario.sender, rate=100)
    eventually(lambda: metric(consumer, "velox_records_total") > 200, 30, "records flow")
    assigned = metric(consumer, "velox_rebalances_total")
    resident = consumer.resident_bytes()

    end(mongod)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert metric(consumer, "velox_in_flight_images") <= QUEUE_SIZE
        assert metric(consumer, "velox_poll_age_seconds") < MAX_POLL_INTERVAL_S
        status, reason = health(consumer)
        assert status == 200, reason
        time.sleep(0.5)
    for count in ("velox_pauses_total", "velox_store_retries_total"):
        eventually(partial(counted, consumer, count), 30, count)
    assert consumer.resident_bytes() - resident < MEMORY_GROWTH_LIMIT
    mongod.ensure_running()

    load.stop()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert metric(consumer, "velox_rebalances_total") == assigned
    scenario.oracle.check()
    scenario.stop(consumer)
