"""A day in half an hour: consumers, broker, database and model come, go and change all the time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import MakeScenario
from tests.faults.scenario import Scenario, address, metric
from tests.faults.sent import Load, Sent, mixture
from tests.faults.test_model_swap import CONSUMER, write
from tests.rig.kafka import Kafka
from tests.rig.model import Model
from tests.rig.mongod import Mongod
from tests.rig.processes import Child
from tests.rig.waiting import eventually

HOURS = 24
RATE = 60
BURST = 2000
MOST_CONSUMERS = 4
AWAY_S = 4.0
READY_LIMIT_S = 60.0
CATCH_UP_LIMIT_S = 300.0
WARM_UP_HOURS = 4
GROWTH_LIMIT = 64 * 2**20


class Day:
    """One consumer with a real model stays; everything else is replaced, one thing an hour."""

    def __init__(self, scenario: Scenario, kafka: Kafka, mongod: Mongod, folder: Path) -> None:
        self._scenario = scenario
        self._kafka = kafka
        self._mongod = mongod
        self._chance = random.Random(24)
        self._files = Model(folder / "model.pth", folder / "classes.json")
        self._models = 0
        self._bursts = 0
        self._passing: list[Child] = []
        self.new_model()
        self.stays = scenario.consumer(
            program=CONSUMER,
            MODEL_PATH=str(self._files.path),
            CLASSES_PATH=str(self._files.classes),
            MODEL_RELOAD_S="0.5",
            DEVICE="cpu",
            PRECISION="fp32",
        )
        self.stays.wait_for_line(r"partitions assigned=\[\d", READY_LIMIT_S)

    def events(self) -> list[Callable[[], None]]:
        """What happens in turn."""
        return [
            self.another_consumer,
            self.new_model,
            self.another_consumer,
            self.no_broker,
            self.one_is_killed,
            self.burst,
            self.no_database,
            self.frozen_broker,
            self.one_leaves,
            self.broken_model,
            self.frozen_database,
        ]

    def another_consumer(self) -> None:
        if len(self._passing) + 1 < MOST_CONSUMERS:
            self._passing.append(self._scenario.consumer({"seconds_a_batch": 0.05}))

    def one_is_killed(self) -> None:
        self._a_passing_one().kill()

    def one_leaves(self) -> None:
        leaving = self._a_passing_one()
        # From here on it answers signals itself.
        address(leaving)
        self._scenario.stop(leaving)

    def _a_passing_one(self) -> Child:
        if not self._passing:
            self.another_consumer()
        return self._passing.pop(self._chance.randrange(len(self._passing)))

    def new_model(self) -> None:
        self._models += 1
        write(self._files, seed=self._models)

    def broken_model(self) -> None:
        self._files.path.write_bytes(b"no model")

    def burst(self) -> None:
        self._bursts += 1
        first = self._bursts * BURST
        for one in mixture(range(first, first + BURST)):
            self._scenario.sender.send(_named(one, "burst"))

    def no_broker(self) -> None:
        self._kafka.kill()
        time.sleep(AWAY_S)
        self._kafka.ensure_running()

    def frozen_broker(self) -> None:
        self._kafka.freeze()
        time.sleep(AWAY_S)
        self._kafka.thaw()

    def no_database(self) -> None:
        self._mongod.kill()
        time.sleep(AWAY_S)
        self._mongod.ensure_running()

    def frozen_database(self) -> None:
        self._mongod.freeze()
        time.sleep(AWAY_S)
        self._mongod.thaw()

    def end(self) -> None:
        """All that still run end in time, each with 0."""
        for consumer in (*self._passing, self.stays):
            self._scenario.stop(consumer)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("hour", [75.0], ids=["half an hour"])
def test_nothing_is_lost_and_nothing_grows(
    make_scenario: MakeScenario, kafka: Kafka, mongod: Mongod, tmp_path: Path, hour: float
) -> None:
    scenario = make_scenario(partitions=8, protocol="consumer")
    scenario.sample()
    day = Day(scenario, kafka, mongod, tmp_path)
    events = day.events()
    load = Load(scenario.sender, RATE)
    started = time.monotonic()
    resident: list[int] = []
    for number in range(HOURS):
        events[number % len(events)]()
        _until(started + (number + 1) * hour)
        resident.append(day.stays.resident_bytes())
        print(f"hour={number + 1} done={metric(day.stays, 'velox_records_total'):g}", resident[-1])
    day.new_model()
    load.stop()
    scenario.oracle.wait_until_caught_up(CATCH_UP_LIMIT_S)
    scenario.oracle.check()
    eventually(
        lambda: metric(day.stays, "velox_in_flight_images") == 0,
        READY_LIMIT_S,
        "nothing on its way",
    )
    growth = max(resident[-WARM_UP_HOURS:]) - max(resident[:WARM_UP_HOURS])
    assert growth < GROWTH_LIMIT, resident
    day.end()


def _until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _named(one: Sent, name: str) -> Sent:
    return Sent(f"{name}-{one.key}", one.value, one.expect, one.label)
