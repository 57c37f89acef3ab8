"""Processes on one device, each within its share of the memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.gpu import one_of_many
from bench.gpu.bare import MOST_WANTED
from bench.gpu.place import Place
from bench.measure import figure
from bench.results import Results

BATCH = 32
SECONDS = 8.0
ROOT = Path(__file__).parents[2]

Engine = subprocess.Popen[str]


def run(results: Results, at: Place) -> None:
    """Measure one of the engines while the others wait, and all at once."""
    count = at.scale.consumers
    with processes(at, count) as engines:
        rates = {each: at_once(engines[:each]) for each in sorted({1, count})}
    results.add(
        "shared",
        {f"{each} processes": figure([rate], "images/s") for each, rate in rates.items()},
    )
    results.bar("shared", f"{count} processes / 1", rates[count] / rates[1], 1.0)


@contextmanager
def processes(at: Place, count: int) -> Iterator[list[Engine]]:
    """So many of them, each with an engine that is warm."""
    model = at.checkpoints.of_size(at.scale.size, MOST_WANTED)
    batch, seconds = (BATCH, SECONDS) if at.real else (at.scale.batch, at.scale.seconds)
    # A little is left for what the driver itself takes of each process.
    arguments = (model.path, model.classes, 0.9 / count, batch, seconds)
    command = [sys.executable, "-m", "bench.gpu.one_of_many", *map(str, arguments)]
    command += [] if at.real else [one_of_many.SMALL]
    running: list[Engine] = []
    try:
        for _ in range(count):
            pipe = subprocess.PIPE
            running.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT))
        for each in running:
            assert answer(each) == "warm\n"
        yield running
    finally:
        for each in running:
            each.kill()
            each.communicate()


def at_once(engines: list[Engine]) -> float:
    """Images a second of these, in sum."""
    for each in engines:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    return sum(float(answer(each)) for each in engines)


def answer(engine: Engine) -> str:
    """The next line that it prints; the part's own limit ends a wait for one that never comes."""
    assert engine.stdout is not None
    line = engine.stdout.readline()
    assert line, f"a process ended with {engine.wait()}"
    return line
