"""The check of a GPU in its small form, on a simulated one, so that it works where there is one."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.processes import ROOT

LIMIT_S = 900.0
PARTS = {
    "tests",
    "training",
    "correct",
    "bare",
    "decode",
    "pipeline",
    "shared",
    "swap",
    "little memory",
}


@pytest.mark.timeout(LIMIT_S + 60)
def test_all_its_parts_run_and_are_written_down(tmp_path: Path) -> None:
    output = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "bench.gpu.check", "--small", "--output", str(output)]
    done = subprocess.run(
        [*command, "--here", str(tmp_path)],
        cwd=ROOT,
        timeout=LIMIT_S,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    found = json.loads(output.read_text())
    assert set(found["cases"]) == PARTS
    bars = found["bars"].values()
    assert {bar["case"] for bar in bars} == PARTS - {"tests", "decode"}
    right = ("training", "correct", "swap", "little memory")
    assert all(bar["met"] for bar in bars if bar["case"] in right), done.stdout
    assert sum(bar["case"] in right for bar in bars) == 1 + 1 + 2 + 1
