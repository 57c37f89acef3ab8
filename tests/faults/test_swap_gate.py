"""A new model has to earn its place, on two consumers under load that share a volume."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.scenario import STOP_LIMIT_S, Scenario, address, metric
from tests.faults.sent import Load, picture
from tests.rig import http
from tests.rig.processes import Child
from tests.rig.waiting import eventually
from velox.models.description import digest

PROGRAM = Path("tests/faults/gate_consumer.py")
RATE = 150
LIMIT_S = 90.0
GATE = {"MODEL_RELOAD_S": "0.2", "SWAP_GATE": "100", "BATCH_SIZE": "8"}
OLD: dict[str, Any] = {"wrong": 0.3}
WORSE: dict[str, Any] = {"wrong": 0.7}
BETTER: dict[str, Any] = {"wrong": 0.0}


class Models:
    """The file at MODEL_PATH."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.path = folder / "model.pth"
        (folder / "classes.json").write_text("{}")
        self.put(OLD)

    def put(self, said: dict[str, Any]) -> str:
        """Put a model there; its digest."""
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(said))
        os.replace(new, self.path)
        return digest(self.path.read_bytes())

    def settings(self) -> dict[str, str]:
        classes = self.path.with_name("classes.json")
        return {"MODEL_PATH": str(self.path), "CLASSES_PATH": str(classes)}


@pytest.fixture
def models(tmp_path: Path) -> Models:
    return Models(tmp_path / "models")


@pytest.fixture
def load(scenario: Scenario) -> Iterator[Load]:
    made = Load(scenario.sender, RATE)
    yield made
    made.stop()


def start(scenario: Scenario, models: Models, **more: Any) -> Child:
    return scenario.consumer(
        more.pop("hooks", None), program=PROGRAM, **{**GATE, **models.settings(), **more}
    )


def state_of(consumer: Child) -> str:
    """What its gate is about; '' between two states."""
    _, page = http.get(f"{address(consumer)}/metrics")
    found = re.findall(r'^velox_gate\{state="(\w+)"\} 1\.0$', page, re.MULTILINE)
    return found[0] if len(found) == 1 else ""


def wait_for_state(consumer: Child, state: str) -> None:
    eventually(lambda: state_of(consumer) == state, LIMIT_S, lambda: f"{state}: {consumer}")


def wait_for_records(consumer: Child, more_than: float) -> None:
    eventually(
        lambda: metric(consumer, "velox_records_total") > more_than,
        LIMIT_S,
        lambda: f"records: {consumer}",
    )


def in_use(consumer: Child, model: str) -> bool:
    return metric(consumer, f'velox_model{{digest="{model}"}}') == 1


def tries(*consumers: Child) -> Child | None:
    return next((each for each in consumers if each.running and state_of(each) == "trying"), None)


def models_of(scenario: Scenario) -> set[str]:
    return {each["model"] for each in scenario.stored.documents()}


def rulings(scenario: Scenario) -> list[dict[str, Any]]:
    (path,) = scenario.images.glob("models/*/rulings.json")
    found: list[dict[str, Any]] = json.loads(path.read_text())["rulings"]
    return found


def test_two_consumers_refuse_a_worse_model_and_take_a_better_one_and_no_record_suffers(
    scenario: Scenario, models: Models, load: Load
) -> None:
    old = digest(models.path.read_bytes())
    consumers = [start(scenario, models), start(scenario, models)]
    for each in consumers:
        wait_for_records(each, RATE)

    worse = models.put(WORSE)
    for each in consumers:
        wait_for_state(each, "refused")
        assert in_use(each, old)
        said = each.wait_for_line(rf"new model refused.*digest={worse} reason='(.+?)'", LIMIT_S)
        assert "it is worse" in said[1]
    assert sum("is tried" in each.log for each in consumers) == 1, "one tries it for both"

    better = models.put(BETTER)
    for each in consumers:
        each.wait_for_line(f"model swapped from={old} to={better}", LIMIT_S)
        assert in_use(each, better)
        assert metric(each, "velox_model_refusals_total") == 0
    wait_for_records(consumers[0], metric(consumers[0], "velox_records_total") + RATE)
    load.stop()

    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.oracle.check()
    assert models_of(scenario) == {old, better}
    first, second = rulings(scenario)
    assert (first["model"], first["taken"]) == (worse, False)
    assert (second["model"], second["taken"]) == (better, True)
    assert second["figures"]["images"] == 100
    assert second["figures"]["in_use"] == 0
    for each in consumers:
        assert each.terminate(STOP_LIMIT_S) == 0, str(each)


@pytest.mark.parametrize(
    "when", ["while it tries", pytest.param("once it has decided", marks=pytest.mark.long)]
)
def test_where_the_one_that_decides_is_killed_another_takes_its_place(
    scenario: Scenario, models: Models, load: Load, when: str
) -> None:
    old = digest(models.path.read_bytes())
    hooks = {"kill_after_ruling": True} if when == "once it has decided" else None
    consumers = [start(scenario, models, hooks=hooks) for _ in range(2)]
    for each in consumers:
        each.wait_for_line(r"partitions assigned=\[\d", LIMIT_S)
        wait_for_records(each, 0)
    # A shadow rests for many times as long as it works: so slow a one is tried for seconds.
    better = models.put(BETTER if hooks else BETTER | {"seconds": 0.05})
    if hooks:
        eventually(lambda: any(not each.running for each in consumers), LIMIT_S, "one that is dead")
        killed = next(each for each in consumers if not each.running)
    else:
        killed = eventually(lambda: tries(*consumers), LIMIT_S, "one that tries it")
        killed.kill()
    (left,) = [each for each in consumers if each is not killed]
    left.wait_for_line(f"model swapped from={old} to={better}", LIMIT_S)
    assert ("is tried" in left.log) == (hooks is None)

    again = start(scenario, models)
    again.wait_for_line(r"partitions assigned=\[\d", LIMIT_S)
    assert in_use(again, better)
    load.stop()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.oracle.check()
    assert models_of(scenario) == {old, better}


def test_a_refused_model_is_not_used_by_a_consumer_that_starts_until_somebody_says_so(
    scenario: Scenario, models: Models, load: Load
) -> None:
    old = digest(models.path.read_bytes())
    first = start(scenario, models)
    wait_for_records(first, 0)
    worse = models.put(WORSE)
    wait_for_state(first, "refused")
    first.kill()
    second = start(scenario, models)
    second.wait_for_line("MODEL_PATH holds another model than that in use", LIMIT_S)
    wait_for_state(second, "refused")
    assert in_use(second, old)
    wait_for_records(second, RATE)
    assert "is tried" not in second.log
    assert models_of(scenario) == {old}

    (folder,) = scenario.images.glob("models/*")
    for each in folder.iterdir():
        # The consumer tidies up here too.
        each.unlink(missing_ok=True)
    second.wait_for_line(f"model swapped from={old} to={worse}", LIMIT_S)
    load.stop()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.oracle.check()


@pytest.mark.parametrize(
    "fault", [{"seconds": 600}, pytest.param({"memory": False}, marks=pytest.mark.long)]
)
def test_a_shadow_that_hangs_or_has_no_memory_holds_up_nothing(
    scenario: Scenario, models: Models, fault: dict[str, Any]
) -> None:
    old = digest(models.path.read_bytes())
    consumer = start(scenario, models)
    scenario.send(picture(number) for number in range(50))
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    models.put(BETTER | fault)
    consumer.wait_for_line("new model is tried", LIMIT_S)
    scenario.send(picture(number) for number in range(50, 1000))
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.oracle.check()
    assert models_of(scenario) == {old}
    if "seconds" in fault:
        # One batch is in it, and one waits.
        assert metric(consumer, "velox_shadow_dropped_total") >= 950 - 2 * 8
        assert metric(consumer, 'velox_shadow_images_total{agreed="yes"}') == 0
    else:
        consumer.wait_for_line("shadow ended by itself", LIMIT_S)
        consumer.wait_for_line("new model not loaded, keeping the old one", LIMIT_S)
        assert metric(consumer, "velox_shadow_failures_total") >= 1
    assert consumer.terminate(STOP_LIMIT_S) == 0, str(consumer)


def test_a_model_that_is_compared_decides_nothing_and_its_disagreements_go_to_review(
    scenario: Scenario, models: Models, tmp_path: Path
) -> None:
    scenario.nobody_dies()
    other = Models(tmp_path / "other")
    other.put(BETTER)
    old = digest(models.path.read_bytes())
    consumer = start(
        scenario,
        models,
        SWAP_GATE="0",
        SHADOW_MODEL_PATH=str(other.path),
        REVIEW="1",
        REVIEW_SHARE="0",
    )
    consumer.wait_for_line("shadow model runs", LIMIT_S)

    def seen() -> tuple[float, float, float]:
        agreed, otherwise, dropped = (
            metric(consumer, f"velox_shadow_{each}")
            for each in ('images_total{agreed="yes"}', 'images_total{agreed="no"}', "dropped_total")
        )
        return agreed, otherwise, dropped

    load = Load(scenario.sender, RATE)
    try:
        eventually(lambda: seen()[1] > 20, LIMIT_S, lambda: f"disagreements: {seen()}")
    finally:
        load.stop()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.oracle.check()
    assert models_of(scenario) == {old}
    classified = len(scenario.stored.documents())
    # One batch may wait until the shadow has rested.
    eventually(lambda: sum(seen()) == classified, LIMIT_S, lambda: f"{classified}: {seen()}")
    with scenario.mongod.client() as client:
        review = client[scenario.database]["review"]
        eventually(
            lambda: (
                review.count_documents({})
                == metric(consumer, 'velox_shadow_images_total{agreed="no"}')
            ),
            LIMIT_S,
            "every disagreement",
        )
        kept = list(review.find())
    assert {each["reason"] for each in kept} == {"disagreement"}
    # The other is right of all: so each is one that the model in use has wrong.
    assert all(each["predicted_label"] != each["ground_truth"] for each in kept)
    assert {each["_id"] for each in kept} <= {
        each["_id"]
        for each in scenario.stored.documents()
        if each["predicted_label"] != each["ground_truth"]
    }
    assert consumer.terminate(STOP_LIMIT_S) == 0, str(consumer)
