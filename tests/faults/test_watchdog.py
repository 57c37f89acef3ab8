"""The watchdog: work to do and no progress turns /healthz red, with a reason."""

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
