"""Processes on one device, each within its share of the memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from bench.gpu import one_of_many
from bench.gpu.bare import MOST_WANTED
from bench.gpu.place import Place
from bench.measure import figure
from bench.results import Results

BATCH = 32
SECONDS = 8.0
LIMIT_S = 120.0
ROOT = Path(__file__).parents[2]


def run(results: Results, at: Place) -> None:
    """Measure."""
    count = at.scale.consumers
    rates = {each: in_processes(at, each) for each in sorted({1, count})}
    results.add(
        "shared",
        {f"{each} processes": figure([rate], "images/s") for each, rate in rates.items()},
    )
    results.bar("shared", f"{count} processes / 1", rates[count] / rates[1], 1.0)


def in_processes(at: Place, count: int) -> float:
    """Images a second of so many engines at once, in sum."""
    model = at.checkpoints.of_size(at.scale.size, MOST_WANTED)
    batch, seconds = (BATCH, SECONDS) if at.real else (at.scale.batch, at.scale.seconds)
    # A little is left for what the driver itself takes of each process.
    arguments = (model.path, model.classes, 0.9 / count, batch, seconds)
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "bench.gpu.one_of_many"),
                *map(str, arguments),
                *(() if at.real else (one_of_many.SMALL,)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(count)
    ]
    deadline = time.monotonic() + LIMIT_S
    try:
        for each in running:
            assert each.stdout is not None
            assert each.stdout.readline() == "warm\n", "a process ended before it was warm"
        for each in running:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        answers = [each.communicate(timeout=deadline - time.monotonic())[0] for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()
    return sum(map(float, answers))
