"""(h) Training on own images from known weights: how good, and how long it takes.

Seconds are those of all cores: CPU seconds by their number, which other processes of the machine
disturb less than the clock on the wall.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from bench import brought
from bench.measure import figure
from bench.results import Results
from tests.rig.processes import script
from velox.images.pixels import decode
from velox.models.checkpoint import Checkpoint, load, restore
from velox.training.evaluation import Inputs

LIMIT_S = 3 * 3600
PIXELS = 50_000_000
BATCH = 64


def run(results: Results, folder: Path) -> None:
    """Measure."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = brought.mobilenet(folder)
    for name, (learned, unseen), least, most in (
        ("photographs", brought.photographs(folder), 0.87, 90),
        ("digits", brought.digits(folder), 0.993, 600),
    ):
        seconds = trained(folder / name / "model.pth", learned, weights)
        right = accuracy(folder / name / "model.pth", unseen)
        results.add("training", {f"{name}, unseen images right": figure([right], "")})
        results.add("training", {f"{name}, seconds of all cores": figure([seconds], "s")})
        results.bar("training", f"{name}, unseen images right", right, least)
        results.bar("training", f"{name}, seconds", seconds, most, at_least=False)


def trained(model: Path, images: Path, weights: Path, **more: str) -> float:
    """Train as a user does; CPU seconds by the number of cores."""
    settings = {
        "DATASET_PATH": str(images),
        "INIT_WEIGHTS": str(weights),
        "MODEL_PATH": str(model),
        "CLASSES_PATH": str(model.with_name("classes.json")),
        "MIN_ACCURACY": "0",
        "RESUME": "0",
        "DEVICE": "cpu",
        **more,
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    child = script("train.py", env=settings, log=model.parent / "log")
    if child.wait(LIMIT_S) != 0:
        raise RuntimeError(str(child))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used / (os.cpu_count() or 1)


@torch.inference_mode()
def accuracy(model: Path, images: Path) -> float:
    """The share of images, one folder a label, that a model gets right."""
    checkpoint = load(model, model.with_name("classes.json"))
    network = restore(checkpoint)
    inputs = Inputs(torch.device("cpu"), checkpoint.mean, checkpoint.std)
    right = count = 0
    for pixels, truths in labelled(images, checkpoint):
        answers = network(inputs.of(pixels)).argmax(1).tolist()
        names = (checkpoint.labels[each] for each in answers)
        right += sum(name == truth for name, truth in zip(names, truths, strict=True))
        count += len(truths)
    return right / count


def labelled(folder: Path, checkpoint: Checkpoint) -> Iterator[tuple[NDArray[np.uint8], list[str]]]:
    """The images of a folder, one folder a label, in batches: as a model takes them, and labels."""
    paths = sorted(folder.glob("*/*"))
    for first in range(0, len(paths), BATCH):
        batch = paths[first : first + BATCH]
        pixels = [
            decode(
                path.read_bytes(),
                size=checkpoint.input_size,
                max_pixels=PIXELS,
                preprocessing=checkpoint.preprocessing,
            )
            for path in batch
        ]
        yield np.stack(pixels), [path.parent.name for path in batch]
