"""(i) Thresholds that promise a precision: what of unseen images is matched, and how precisely."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from bench import brought
from bench.measure import figure
from bench.results import Results
from bench.training_case import BATCH, labelled, trained
from velox.base.thresholds import Thresholds
from velox.models.checkpoint import load
from velox.models.engine.torch_engine import TorchEngine
from velox.training.exact import least_share

AUTO = Thresholds(None)


def run(results: Results, folder: Path) -> None:
    """Measure."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = brought.mobilenet(folder)
    for name, (learned, unseen), precision, hold_out in (
        ("photographs", brought.photographs(folder), 0.9, 0.2),
        # Of few images enough for the promise, 59 of each digit, are left to validate.
        ("digits", brought.digits(folder, learned=400, unseen=200), 0.95, 0.4),
    ):
        model = folder / f"decisions-{name}" / "model.pth"
        promise = {"TARGET_PRECISION": str(precision), "HOLD_OUT": str(hold_out)}
        trained(model, learned, weights, **promise)
        images, matches, right = matched(model, unseen)
        share, precise = matches / images, right / max(1, matches)
        found = {f"of {images} unseen images matched": share, "of the matches right": precise}
        shares = {f"{name}, {each}": figure([100 * of], "%") for each, of in found.items()}
        results.add("decisions", shares)
        # A few matches cannot show a share, but they can contradict it.
        possible = 1 - least_share(matches - right, matches)
        results.bar("decisions", f"{name}, right at most (95 %)", possible, precision)
        results.bar("decisions", f"{name}, matches", matches, 1)


def matched(model: Path, unseen: Path) -> tuple[int, int, int]:
    """Of images, one folder a label: how many, how many match at `auto`, how many are right."""
    checkpoint = load(model, model.with_name("classes.json"))
    assert checkpoint.thresholds is not None
    thresholds = np.array(AUTO.of(checkpoint.labels, checkpoint.thresholds.of_labels))
    engine = TorchEngine(checkpoint, device=torch.device("cpu"), precision="fp32", batch_size=BATCH)
    images = matches = right = 0
    for pixels, labels in labelled(unseen, checkpoint):
        indices, confidences = engine.predict(pixels).best
        match = confidences >= thresholds[indices]
        names = np.array(checkpoint.labels)[indices]
        images += len(labels)
        matches += int(match.sum())
        right += int((match & (names == np.array(labels))).sum())
    engine.close()
    return images, matches, right
