"""A store that takes long for each write, however many documents it is of."""

from __future__ import annotations

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import metric
from tests.faults.sent import mixture

RECORDS = 400
IN_FLIGHT = 200
SLOW = {"seconds_a_write": 1.0}
CATCH_UP_LIMIT_S = 60.0


@pytest.mark.parametrize("embedded", [False, True], ids=["mongodb", "sqlite"])
def test_batches_are_stored_together_and_lost_by_no_kill(
    make_scenario: MakeScenario, embedded: bool
) -> None:
    """Killed after its second write, of many batches, and before their commit."""
    scenario = make_scenario(embedded=embedded)
    scenario.sample()
    scenario.send(mixture(range(RECORDS)))
    victim = scenario.consumer({"kill_after": ("document", 2), **SLOW}, QUEUE_SIZE=IN_FLIGHT)
    assert victim.wait(60) == -9
    assert len(scenario.stored.documents()) > 8, "more than a batch"
    last = scenario.consumer(SLOW, QUEUE_SIZE=IN_FLIGHT)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    batches, writes = (
        metric(last, f'velox_stage_seconds_count{{stage="{stage}"}}')
        for stage in ("files", "store")
    )
    assert batches >= IN_FLIGHT / 8
    assert writes < batches / 3
