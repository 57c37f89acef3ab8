"""The fault tests' scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scenario import Scenario
from tests.rig.kafka import Kafka
from tests.rig.mongod import Mongod

MakeScenario = Callable[..., Scenario]


@pytest.fixture
def make_scenario(kafka: Kafka, mongod: Mongod, tmp_path: Path) -> Iterator[MakeScenario]:
    """Makes a scenario; its consumers end with the test, and its sampler must be content."""
    made: list[Scenario] = []

    def make(**options: Any) -> Scenario:
        scenario = Scenario(kafka, mongod, tmp_path / str(len(made)), **options)
        made.append(scenario)
        return scenario

    yield make
    kafka.ensure_running()
    mongod.ensure_running()
    for scenario in made:
        scenario.close()


@pytest.fixture
def scenario(make_scenario: MakeScenario) -> Scenario:
    """A scenario on the classic protocol, watched from the start."""
    made = make_scenario()
    made.sample()
    return made
