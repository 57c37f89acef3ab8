"""A restart under load does no record twice; and a measure that would see it if it did.

The Compose stack's own test (`make test-stack`) measures a restart in the same way.
"""

from __future__ import annotations

from tests.faults.scenario import Scenario, metric
from tests.faults.sent import Load, mixture
from tests.rig.mongod import Mongod
from tests.rig.rewrites import Rewrites
from tests.rig.waiting import eventually

CATCH_UP_LIMIT_S = 60.0
SLOW = {"seconds_a_batch": 0.02}


def test_a_restart_under_load_does_nothing_twice(scenario: Scenario, mongod: Mongod) -> None:
    scenario.nobody_dies()
    load = Load(scenario.sender, rate=100)
    with mongod.client() as client, Rewrites(client[scenario.database].shapes_found) as watched:
        first = scenario.joined_consumer(SLOW)
        eventually(lambda: metric(first, "velox_records_total") > 50, 30, "records flow")
        scenario.stop(first)
        second = scenario.joined_consumer(SLOW)
        eventually(lambda: metric(second, "velox_records_total") > 50, 30, "records flow again")
        load.stop()
        scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    assert len(watched.seen) == len(scenario.stored.documents())
    assert watched.changed == set()


def test_what_is_done_twice_is_seen(scenario: Scenario, mongod: Mongod) -> None:
    scenario.send(mixture(range(200)))
    with mongod.client() as client, Rewrites(client[scenario.database].shapes_found) as watched:
        # What is in flight bounds what is stored together: there are as many writes, however slow.
        victim = scenario.consumer({"kill_after": ("document", 4), **SLOW}, QUEUE_SIZE=24)
        assert victim.wait(60) == -9
        there = {each["_id"] for each in scenario.stored.documents()}
        eventually(lambda: there <= watched.seen.keys(), 30, "each is seen as it was first")
        scenario.consumer()
        scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    assert watched.changed
