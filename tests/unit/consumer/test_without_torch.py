"""The stages know the model by its interface: with a stand-in for it, nobody imports PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

PROGRAM = """
import sys
from tests.rig.stand_in import stand_in_for_the_engine
stand_in_for_the_engine(object)
import velox.consumer.assembly, velox.consumer.monitoring
print("torch" in sys.modules)
"""


def test_a_consumer_with_a_stand_in_for_the_engine_does_without_pytorch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.stdout == "False\n", done.stderr
