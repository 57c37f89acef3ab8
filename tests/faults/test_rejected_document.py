"""One document that the database refuses for good."""

from __future__ import annotations

from tests.faults.oracle import headers
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import DEAD_LETTER, Sent, picture
from tests.rig import pictures

CATCH_UP_LIMIT_S = 60.0


def test_it_alone_is_dead_lettered_with_the_reason(scenario: Scenario) -> None:
    with scenario.mongod.client() as client:
        client[scenario.database].create_collection(
            "shapes_found", validator={"source": {"$ne": "forbidden"}}
        )
    guilty = Sent("forbidden", pictures.encoded(1000), DEAD_LETTER, partition=0)
    neighbours = [picture(number) for number in range(40)]
    scenario.send([*neighbours[:20], guilty, *neighbours[20:]])
    consumer = scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()

    (letter,) = scenario.oracle.dead_letters()
    said = headers(letter)
    assert said["__connect.errors.stage"] == b"store"
    assert said["__connect.errors.exception.class.name"] == b"DocumentRejected"
    assert b"121" in said["__connect.errors.exception.message"]
    assert metric(consumer, 'velox_dead_letters_total{reason="DocumentRejected"}') == 1
    assert metric(consumer, "velox_store_retries_total") == 0
