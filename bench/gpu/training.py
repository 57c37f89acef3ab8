"""The default training on the device, and short ones of other architectures."""

from __future__ import annotations

import re
import time

from bench.gpu.place import Place
from bench.measure import figure
from bench.results import Results
from tests.rig.model import Model
from tests.rig.processes import script

# For all of them; the part itself has a little more.
LIMIT_S = 110.0
LEAST_ACCURACY = 0.95
SHORT = {"SAMPLES_PER_CLASS": "250", "EPOCHS": "4", "MIN_ACCURACY": "0"}
# Enough to see that it runs, where the device is played.
A_GLANCE = {"SAMPLES_PER_CLASS": "40", "EPOCHS": "1", "INPUT_SIZE": "32", "MIN_ACCURACY": "0"}
ACCURACY = re.compile(r"test images=\d+ accuracy=([0-9.]+)")


def run(results: Results, at: Place) -> None:
    """Train."""
    first, *others = at.scale.trained
    end = time.monotonic() + LIMIT_S
    accuracy = trained(results, at, first, end, **({} if at.real else A_GLANCE))
    results.bar("training", "test accuracy", accuracy, LEAST_ACCURACY if at.real else 0.0)
    for architecture in others:
        trained(results, at, architecture, end, **SHORT)


def model_of(at: Place, architecture: str) -> Model:
    """Where a trained model lies."""
    return Model.within(at.folder / "trained" / architecture)


def trained(results: Results, at: Place, architecture: str, end: float, **settings: str) -> float:
    """Train one; the accuracy that the training says it has."""
    model = model_of(at, architecture)
    environment = at.environment(**model.settings(), MODEL_ARCH=architecture, **settings)
    started = time.monotonic()
    child = script("train.py", env=environment, log=model.path.with_name("log"))
    code = child.wait(max(0.0, end - time.monotonic()))
    found = ACCURACY.search(child.log)
    assert code == 0, f"exit code {code}: {child.tail()}"
    assert found, child.tail()
    results.add("training", {architecture: figure([time.monotonic() - started], "s")})
    return float(found[1])
