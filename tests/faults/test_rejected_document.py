"""What the database refuses: one document for good, one for no known reason, everything."""

from __future__ import annotations

from tests.faults.oracle import headers
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import DEAD_LETTER, DOCUMENT, Sent, mixture, picture
from tests.rig import pictures
from tests.rig.mongod import Mongod

CATCH_UP_LIMIT_S = 60.0
UNKNOWN = 4_000_000
UNAUTHORIZED = 13


def test_it_alone_is_dead_lettered_with_the_reason(scenario: Scenario) -> None:
    scenario.nobody_dies()
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


def test_a_document_in_the_way_of_an_index_alone_is_dead_lettered(scenario: Scenario) -> None:
    scenario.nobody_dies()
    with scenario.mongod.client() as client:
        client[scenario.database]["shapes_found"].create_index(
            "ground_truth", unique=True, partialFilterExpression={"ground_truth": "once"}
        )
    first = Sent("first", pictures.encoded(1000), DOCUMENT, "once", partition=0)
    guilty = Sent("guilty", pictures.encoded(1001), DEAD_LETTER, "once", partition=0)
    scenario.send([picture(1), first, guilty, *(picture(number) for number in range(2, 20))])
    consumer = scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    (letter,) = scenario.oracle.dead_letters()
    assert b"ground_truth_1" in headers(letter)["__connect.errors.exception.message"]
    assert metric(consumer, "velox_store_retries_total") == 0


def test_an_error_of_no_known_kind_that_passes_costs_nothing(
    scenario: Scenario, mongod: Mongod
) -> None:
    scenario.send(mixture(range(60)))
    with mongod.failing("insert", code=UNKNOWN, times=3):
        consumer = scenario.consumer()
        scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    assert metric(consumer, "velox_store_retries_total") == 3


def test_a_right_taken_away_ends_the_process_and_loses_nothing(
    scenario: Scenario, mongod: Mongod
) -> None:
    consumer = scenario.joined_consumer()
    with mongod.failing("insert", code=UNAUTHORIZED):
        scenario.send(mixture(range(60)))
        assert consumer.wait(60) == 1
    assert consumer.log.splitlines()[-1].startswith("error: mongodb:127.0.0.1:")
    assert "give the user of MONGO_URI the role readWrite" in consumer.log.splitlines()[-1]
    scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
