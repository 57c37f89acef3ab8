"""The dead-letter topic takes nothing for a while."""

from __future__ import annotations

from tests.faults.conftest import MakeScenario
from tests.faults.oracle import expected
from tests.faults.scenario import Scenario, health, metric
from tests.faults.sent import DEAD_LETTER, picture, rubbish
from tests.faults.tail import place
from tests.rig.waiting import eventually

CATCH_UP_LIMIT_S = 90.0


def delete(scenario: Scenario) -> None:
    scenario.delete_topic(f"{scenario.topic}-dlt")


def create(scenario: Scenario) -> None:
    scenario.create_topic(f"{scenario.topic}-dlt", 1)


def test_nothing_is_committed_past_the_record(scenario: Scenario) -> None:
    consumer = scenario.joined_consumer(STALL_TIMEOUT_S=2, BATCH_SIZE=1)
    delete(scenario)
    scenario.send([picture(number) for number in range(20)])
    scenario.oracle.wait_until_caught_up(30)

    scenario.send([rubbish(0), *(picture(number) for number in range(20, 60))])
    eventually(
        lambda: metric(consumer, "velox_dead_letter_retries_total") >= 1, 60, "a failed attempt"
    )
    (partition, offset) = next(
        place(each) for each in scenario.oracle.records() if expected(each) == DEAD_LETTER
    )
    assert scenario.oracle.committed()[partition] <= offset
    status, reason = health(consumer)
    assert status == 200, reason
    assert reason.startswith(f"waiting for topic {scenario.topic}-dlt")
    create(scenario)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    scenario.stop(consumer)


def test_a_topic_made_anew_takes_the_next_letters(make_scenario: MakeScenario) -> None:
    """The client has sent to it before, so its sequence numbers do not begin at the beginning."""
    scenario = make_scenario()
    consumer = scenario.joined_consumer()
    scenario.send([rubbish(0)])
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    delete(scenario)
    create(scenario)
    scenario.send([rubbish(number) for number in range(1, 5)])
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    keys = {each.key() for each in scenario.oracle.dead_letters()}
    assert keys == {f"rubbish-{number}".encode() for number in range(1, 5)}
    scenario.stop(consumer)
