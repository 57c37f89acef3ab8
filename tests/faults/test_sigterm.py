"""SIGTERM in the middle of a batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.scenario import Scenario, metric
from tests.faults.sent import mixture
from tests.rig.mongod import Mongod
from tests.rig.waiting import eventually

RECORDS = 400
STOP_LIMIT_S = 30.0
CATCH_UP_LIMIT_S = 60.0


def test_what_is_in_flight_is_finished_and_nothing_is_done_twice(scenario: Scenario) -> None:
    scenario.nobody_dies()
    scenario.send(mixture(range(RECORDS)))
    # It has work for many seconds when it is told to stop, and time to finish what it has begun.
    hooks = {"seconds_a_batch": 0.5}
    first = scenario.joined_consumer(hooks, QUEUE_SIZE=48, DRAIN_TIMEOUT_S=30)
    eventually(lambda: metric(first, "velox_records_total") >= 16, 30, "two batches done")
    scenario.stop(first)

    committed = sum(scenario.oracle.committed().values())
    letters = scenario.oracle.dead_letters()
    done = len(scenario.stored.documents()) + len(letters)
    assert 0 < committed < RECORDS
    assert done == committed

    second = scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert metric(second, "velox_records_total") == RECORDS - committed
    scenario.oracle.check()
    assert len(scenario.oracle.dead_letters()) == RECORDS // 10


def test_a_model_too_slow_to_drain_does_not_hold_up_the_exit(scenario: Scenario) -> None:
    scenario.send(mixture(range(100)))
    slow = scenario.joined_consumer({"seconds_a_batch": 4.0})
    eventually(lambda: metric(slow, "velox_in_flight_images") >= 50, 30, "images in flight")
    scenario.stop(slow)
    assert "stopped with unfinished records" in slow.log
    scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()


@pytest.mark.parametrize("end", [Mongod.freeze, pytest.param(Mongod.kill, marks=pytest.mark.long)])
def test_a_database_that_is_away_does_not_hold_up_the_exit(
    scenario: Scenario, mongod: Mongod, end: Callable[[Mongod], None]
) -> None:
    consumer = scenario.joined_consumer()
    end(mongod)
    # No dead letter among them: one that is alone in the first batch would not wait for the store.
    scenario.send(mixture(range(100), bad_every=0))
    eventually(lambda: metric(consumer, "velox_in_flight_images") == 100, 30, "all in flight")
    before = scenario.oracle.committed()
    scenario.stop(consumer)
    assert scenario.oracle.committed() == before
    mongod.ensure_running()
    scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()


def test_a_client_that_hangs_and_lets_no_thread_run_does_not_keep_the_process(
    scenario: Scenario,
) -> None:
    """librdkafka's pause waits without limit, and confluent-kafka calls it with the interpreter's
    lock held (rd_kafka_toppars_pause_resume; Consumer_pause in Consumer.c)."""
    hooks = {"hang_at_end_s": 60.0, "hang_after_s": 2.0}
    hanging = scenario.joined_consumer(hooks, DRAIN_TIMEOUT_S="0")
    assert hanging.terminate(STOP_LIMIT_S) == 1
    assert "in hold_interpreter" in hanging.log, "where it stood"
    scenario.send(mixture(range(100)))
    scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
