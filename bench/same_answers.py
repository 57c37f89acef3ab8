"""Whether every precision calls the same images unknown, matches and no matches as float32 does."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from bench import refused
from bench.measure import figure
from bench.results import Results
from bench.training_case import labelled
from tests.rig.forms import MOST_OTHERS, MOST_STRANGE_OTHERS, engines, outcomes
from tests.rig.model import Model
from velox.models.checkpoint import load

CASE = "unknown"


def compare(
    results: Results, name: str, model: Model, known: Path, strange: Collection[Path]
) -> None:
    """Count the images of a stream, known and strange ones, that come to something else."""
    of(results, f"{name}, known", model, [known], MOST_OTHERS)
    of(results, f"{name}, strange", model, strange, MOST_STRANGE_OTHERS)


def of(results: Results, name: str, model: Model, folders: Collection[Path], most: float) -> None:
    """Count those of some folders."""
    checkpoint = load(model.path, model.classes)
    stream = [pixels for folder in folders for pixels, _ in labelled(folder, checkpoint)]
    expected = None
    for form, precision, engine in engines(checkpoint):
        bar = f"{name}, {form}, otherwise"
        if engine.precision != precision:
            results.leave_out(CASE, bar, refused.why(precision))
            continue
        found = np.concatenate([outcomes(engine, pixels) for pixels in stream])
        if expected is None:
            expected = found
            continue
        others = int((found != expected).sum())
        results.add(CASE, {f"{name}, {form}, of {len(found)} otherwise": figure([others], "")})
        share = others / len(found)
        results.bar(CASE, bar, share, most, at_least=False)
