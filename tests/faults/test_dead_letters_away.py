"""The dead-letter topic takes nothing for a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from tests.faults.scenario import ADMIN_LIMIT_S, Scenario, health, metric
from tests.faults.sent import picture, rubbish
from tests.rig.waiting import eventually

CATCH_UP_LIMIT_S = 90.0


def demand_replicas(number: int, scenario: Scenario) -> None:
    """How many replicas must have a dead letter; with one node, two are not to be had."""
    entry = ConfigEntry(
        "min.insync.replicas", str(number), incremental_operation=AlterConfigOpType.SET
    )
    resource = ConfigResource(
        ResourceType.TOPIC, f"{scenario.topic}-dlt", incremental_configs=[entry]
    )
    scenario.admin.incremental_alter_configs([resource])[resource].result(ADMIN_LIMIT_S)


def delete(scenario: Scenario) -> None:
    scenario.delete_topic(f"{scenario.topic}-dlt")


def create(scenario: Scenario) -> None:
    scenario.create_topic(f"{scenario.topic}-dlt", 1)


Change = Callable[[Scenario], None]

FAULTS: dict[str, tuple[Change, Change]] = {
    "too few replicas": (partial(demand_replicas, 2), partial(demand_replicas, 1)),
    "deleted": (delete, create),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_committed_past_the_record(scenario: Scenario, fault: str) -> None:
    begin, end = FAULTS[fault]
    consumer = scenario.joined_consumer(STALL_TIMEOUT_S=2, BATCH_SIZE=1)
    begin(scenario)
    scenario.send([picture(number) for number in range(20)])
    scenario.oracle.wait_until_caught_up(30)
    before = scenario.oracle.committed()

    scenario.send([rubbish(0), *(picture(number) for number in range(20, 60))])
    eventually(
        lambda: metric(consumer, "velox_dead_letter_retries_total") >= 1, 60, "a failed attempt"
    )
    assert scenario.oracle.committed() == before
    assert health(consumer)[0] == 200
    end(scenario)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    scenario.stop(consumer)
