"""Whatever comes in is classified or dead-lettered with its reason, and costs no neighbour."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.faults import foreign_client, odd_images
from tests.faults.oracle import headers
from tests.faults.scenario import Scenario, metric
from tests.faults.sent import DEAD_LETTER, DOCUMENT, EITHER, Sent, picture
from tests.rig import pictures

MUTATIONS, MANY_MUTATIONS = 400, 20_000
NEIGHBOUR_EVERY = 4
CATCH_UP_LIMIT_S = 120.0
MEMORY_LIMIT = 512 * 2**20
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (INFO|WARNING|ERROR) \S.*")
REASONS = {b"UndecodableImage", b"ImageTooLarge"}


def cases(mutations: int) -> Iterator[Sent]:
    yield from odd_images.whole()
    yield from odd_images.none_at_all()
    yield from odd_images.truncated()
    yield from odd_images.mutated(mutations)


def among_neighbours(odd: Iterator[Sent]) -> Iterator[Sent]:
    for number, record in enumerate(odd):
        yield record
        if number % NEIGHBOUR_EVERY == 0:
            yield picture(10_000 + number)


@pytest.mark.parametrize(
    "mutations", [MUTATIONS, pytest.param(MANY_MUTATIONS, marks=pytest.mark.long)]
)
@pytest.mark.timeout(900)
def test_each_is_classified_or_dead_lettered(scenario: Scenario, mutations: int) -> None:
    scenario.send(among_neighbours(cases(mutations)))
    consumer = scenario.joined_consumer(BATCH_SIZE=16)
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S + mutations / 100)
    counted = scenario.oracle.check()
    assert counted[EITHER] >= mutations
    assert counted[DOCUMENT] > mutations // NEIGHBOUR_EVERY
    assert counted[DEAD_LETTER] == len(list(odd_images.none_at_all()))

    letters = [headers(each) for each in scenario.oracle.dead_letters()]
    assert {each["__connect.errors.stage"] for each in letters} == {b"decode"}
    assert {each["__connect.errors.exception.class.name"] for each in letters} == REASONS
    assert all(each["__connect.errors.exception.message"] for each in letters)
    assert metric(consumer, "velox_dead_letters_total") == len(letters)

    assert consumer.running
    assert consumer.peak_resident_bytes() < MEMORY_LIMIT
    strays = [line for line in consumer.log.splitlines() if not LOG_LINE.fullmatch(line)]
    assert not strays, strays[:5]
    scenario.stop(consumer)


def test_a_header_whose_name_is_no_text_costs_no_record(scenario: Scenario) -> None:
    scenario.send([picture(number) for number in range(10)])
    foreign_client.send(
        scenario.kafka.bootstrap, scenario.topic, pictures.encoded(10), (b"na\xffme", b"red")
    )
    scenario.send([picture(number) for number in range(11, 20)])
    consumer = scenario.consumer()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    assert len(scenario.stored.documents()) == 20
    assert "headers dropped" in consumer.log
    scenario.stop(consumer)
