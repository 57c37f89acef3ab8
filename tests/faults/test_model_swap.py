"""The checkpoint is replaced under load: by one that is broken, and by one that is not."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from functools import partial
from pathlib import Path

import torch

from tests.faults.scenario import STOP_LIMIT_S, Scenario, metric
from tests.faults.sent import Load
from tests.rig.model import Model
from tests.rig.pictures import COLOURS
from tests.rig.processes import Child
from tests.rig.waiting import eventually
from velox.models import checkpoint as model
from velox.models.architectures import build

CONSUMER = Path("consumer.py")
ARCHITECTURE = "squeezenet1_1"
RATE = 60
RELOAD_S = "0.2"
LIMIT_S = 60.0


def write(files: Model, seed: int, *, size: int = 32) -> str:
    """Write an untrained checkpoint, as training writes one; gives its digest."""
    torch.manual_seed(seed)
    network = build(ARCHITECTURE, len(COLOURS))
    checkpoint = model.Checkpoint(
        architecture=ARCHITECTURE, labels=COLOURS, input_size=size, state_dict=network.state_dict()
    )
    return model.save(checkpoint, files.path, files.classes).digest


def replace(path: Path, data: bytes) -> None:
    """Put another content in the place of a file at once."""
    new = path.with_suffix(".new")
    new.write_bytes(data)
    os.replace(new, path)


def handled(consumer: Child) -> float:
    return metric(consumer, "velox_records_total")


def wait_for_more(consumer: Child, count: int) -> None:
    before = handled(consumer)
    eventually(lambda: handled(consumer) >= before + count, LIMIT_S, f"{count} more: {consumer}")


def in_use(consumer: Child, digest: str) -> bool:
    return metric(consumer, f'velox_model{{digest="{digest}"}}') == 1


def refused(consumer: Child, times: int) -> bool:
    return metric(consumer, "velox_model_refusals_total") == times


def test_a_new_model_is_taken_between_two_batches_and_a_broken_one_is_refused(
    scenario: Scenario, tmp_path: Path
) -> None:
    scenario.nobody_dies()
    files, other = (Model(tmp_path / f"{n}.pth", tmp_path / f"{n}.json") for n in ("used", "other"))
    old, new = write(files, seed=1), write(other, seed=2)
    assert old != new
    consumer = scenario.consumer(
        program=CONSUMER,
        MODEL_PATH=str(files.path),
        CLASSES_PATH=str(files.classes),
        MODEL_RELOAD_S=RELOAD_S,
        DEVICE="cpu",
    )
    load = Load(scenario.sender, RATE)
    try:
        eventually(lambda: handled(consumer) >= RATE, LIMIT_S, f"records: {consumer}")
        assert in_use(consumer, old)

        broken = {"cut short": other.path.read_bytes()[:100_000], "no model": b"text"}
        for number, data in enumerate(broken.values(), start=1):
            replace(files.path, data)
            eventually(
                partial(refused, consumer, number),
                LIMIT_S,
                f"a refusal: {consumer}",
            )
            wait_for_more(consumer, RATE)
            assert in_use(consumer, old)
        # It is counted a moment before it is said.
        eventually(
            lambda: consumer.log.count("new model refused, keeping the old one") == len(broken),
            LIMIT_S,
            lambda: f"each is said once: {consumer}",
        )
        assert f"{files.path} is not a readable checkpoint" in consumer.log

        replace(files.path, other.path.read_bytes())
        consumer.wait_for_line(f"model swapped from={old} to={new}", LIMIT_S)
        assert metric(consumer, "velox_model_swaps_total") == 1
        assert in_use(consumer, new)
        assert not in_use(consumer, old)
        wait_for_more(consumer, RATE)
    finally:
        load.stop()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.oracle.check()
    assert metric(consumer, "velox_records_total") == len(scenario.oracle.records()), "none twice"

    by_partition: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for document in scenario.stored.documents():
        _, partition, offset, _ = document["_id"].split(":")
        by_partition[partition][document["model"]].append(int(offset))
    assert {name for offsets in by_partition.values() for name in offsets} == {old, new}
    for offsets in by_partition.values():
        assert max(offsets[old], default=-1) < min(offsets[new], default=math.inf)
    assert consumer.terminate(STOP_LIMIT_S) == 0, str(consumer)


def test_sigterm_while_a_new_model_is_tried_ends_with_0(scenario: Scenario, tmp_path: Path) -> None:
    files = Model(tmp_path / "used.pth", tmp_path / "used.json")
    write(files, seed=1)
    consumer = scenario.consumer(
        program=CONSUMER,
        MODEL_PATH=str(files.path),
        CLASSES_PATH=str(files.classes),
        MODEL_RELOAD_S=RELOAD_S,
        DEVICE="cpu",
    )
    consumer.wait_for_line("partitions assigned=", LIMIT_S)
    tried = consumer.log.count("form chosen=")
    write(files, seed=2, size=448)
    eventually(lambda: consumer.log.count("form chosen=") > tried, LIMIT_S, f"a trial: {consumer}")
    assert consumer.terminate(STOP_LIMIT_S) == 0, str(consumer)
