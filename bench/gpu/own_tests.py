"""The project's own tests that need a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.gpu.place import Place
from bench.results import Results

TESTS = "tests/unit/models/engine/test_cuda.py"
ROOT = Path(__file__).parents[2]


def run(results: Results, at: Place) -> None:
    """Run them; without a real device, see that they are there."""
    assert (ROOT / TESTS).exists()
    if at.real:
        command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", TESTS]
        subprocess.run(command, check=True, cwd=ROOT)
    results.add("tests", {})
