"""A consumer frozen past its session: the others take over, and the zombie harms nothing."""

from __future__ import annotations

import re
import signal

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import metric
from tests.faults.sent import mixture
from tests.rig.waiting import eventually

CATCH_UP_LIMIT_S = 60.0


@pytest.mark.parametrize("protocol", [pytest.param("classic", marks=pytest.mark.long), "consumer"])
def test_the_zombie_commits_nothing_of_what_others_own(
    make_scenario: MakeScenario, protocol: str
) -> None:
    scenario = make_scenario(protocol=protocol)
    scenario.sample()
    scenario.send(mixture(range(400)))
    # It has work for many seconds: some is left whenever it is frozen.
    zombie = scenario.joined_consumer({"seconds_a_batch": 1.0})
    eventually(lambda: metric(zombie, "velox_records_total") >= 16, 30, "two batches done")
    assert metric(zombie, "velox_in_flight_images") > 0
    zombie.signal(signal.SIGSTOP)

    scenario.joined_consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    zombie.signal(signal.SIGCONT)
    scenario.send(mixture(range(400, 500)))
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)

    eventually(
        lambda: not zombie.running or len(re.findall("partitions assigned", zombie.log)) >= 2,
        30,
        lambda: f"the zombie back in the group, or ended: {zombie}",
    )
    if zombie.running:
        assert re.search(r"partitions (lost|revoked)=\[0, 1, 2, 3\]", zombie.log), str(zombie)
        scenario.stop(zombie)
    else:
        assert zombie.returncode == 1
        assert re.search("^error: ", zombie.log, re.MULTILINE), str(zombie)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
