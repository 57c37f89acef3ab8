"""The rules of sources change under load, well and badly, while consumers are killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.faults.scenario import STOP_LIMIT_S, Scenario, metric
from tests.faults.sent import Load
from tests.rig.processes import Child
from tests.rig.waiting import eventually

RATE = 100
LIMIT_S = 60.0


def text(crop: float, **others: Any) -> str:
    """Rules that cut pictures of one colour, which changes nothing of what they show."""
    rules: dict[str, Any] = {"picture-*": {"crop": {"left": crop}, "thresholds": 0.0}}
    return json.dumps({**rules, **others})


def linked(folder: Path, name: str, content: str) -> None:
    """As Kubernetes changes a ConfigMap: another folder, and a link to it that is renamed."""
    (folder / name).mkdir(parents=True)
    (folder / name / "sources.json").write_text(content)
    (folder / "..next").symlink_to(name)
    os.rename(folder / "..next", folder / "..data")


def test_changes_of_the_rules_lose_and_double_nothing(scenario: Scenario, tmp_path: Path) -> None:
    folder = tmp_path / "config"
    linked(folder, "..1", text(0.1))
    path = folder / "sources.json"
    path.symlink_to("..data/sources.json")
    settings = {"SOURCES_PATH": str(path), "MAX_SOURCES": "5"}

    def consumer() -> Child:
        return scenario.joined_consumer({"seconds_a_batch": 0.02}, **settings)

    load = Load(scenario.sender, RATE)
    try:
        victim = consumer()
        linked(folder, "..2", text(0.2))
        victim.wait_for_line("SOURCES_PATH read again path=.* rules=1", LIMIT_S)
        victim.kill()
        victim = consumer()
        (folder / "..2" / "sources.json").write_text(text(0.3, door={"expect_s": "soon"}))
        victim.wait_for_line("sources refused, keeping the old ones reason=.* line 1: ", LIMIT_S)
        (folder / "..2" / "sources.json").write_text(text(0.3, door={"targets": ["purple"]}))
        victim.wait_for_line("SOURCES_PATH read again path=.* rules=2", LIMIT_S)
        victim.wait_for_line("SOURCES_PATH: 'door' targets: the model has no label", LIMIT_S)
        victim.wait_for_line("SOURCES_PATH: precision=exact was not tried with the thr", LIMIT_S)
        victim.kill()
        scenario.nobody_dies()
        last = consumer()
        eventually(lambda: metric(last, "velox_records_total") > RATE, LIMIT_S, f"records: {last}")
    finally:
        load.stop()
    scenario.oracle.wait_until_caught_up(LIMIT_S)
    scenario.oracle.check()
    every = {
        outcome: metric(last, f'velox_records_total{{outcome="{outcome}"}}')
        for outcome in ("match", "no_match", "dead_letter")
    }
    for outcome, count in every.items():
        assert metric(last, f'velox_source_images_total{{outcome="{outcome}"}}') == count
    others = metric(last, 'velox_source_images_total{source="other"}')
    assert others == sum(every.values()) - 5
    assert last.terminate(STOP_LIMIT_S) == 0, str(last)
