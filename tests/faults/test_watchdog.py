"""Work to do and no progress turns /healthz red, with a reason, and then ends the process."""

from __future__ import annotations

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import health
from tests.faults.sent import picture
from tests.rig.waiting import eventually


def test_a_model_that_hangs_is_reported(make_scenario: MakeScenario) -> None:
    scenario = make_scenario()
    consumer = scenario.joined_consumer({"seconds_a_batch": 3600}, STALL_TIMEOUT_S=2)
    assert health(consumer) == (200, "ok\n")
    scenario.send([picture(0)])
    status, reason = eventually(
        lambda: found if (found := health(consumer))[0] != 200 else None, 30, "a red probe"
    )
    assert status == 503
    assert reason.startswith("no progress for ")


def test_a_consumer_that_hangs_ends_and_the_next_one_does_its_work(
    make_scenario: MakeScenario,
) -> None:
    """A supervisor restarts what has ended: Docker, by its restart policy."""
    scenario = make_scenario()
    hooks = {"seconds_a_batch": 3600, "watchdog_s": 0.5}
    consumer = scenario.joined_consumer(hooks, STALL_TIMEOUT_S=2)
    scenario.send([picture(0)])
    assert consumer.wait(60) == 1
    assert "ending the process so that it is started again reason='no progress for " in consumer.log
    assert "predict" in consumer.log, "where each thread stood"
    scenario.consumer()
    scenario.oracle.wait_until_caught_up(60)
    scenario.oracle.check()
