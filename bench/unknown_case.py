"""(j) Images that are unlike those of training: how well they are told, and what that costs.

Each model is trained as a user does. The figures are of images that training has not seen, of its
labels and of none of them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import brought, same_answers, score_cost, unlike
from bench.checkpoints import Checkpoints
from bench.measure import figure
from bench.results import Results
from bench.training_case import labelled, trained
from tests.rig.model import Model
from velox.models.checkpoint import load
from velox.models.engine.export import graphs_of
from velox.models.engine.onnx_engine import OnnxEngine
from velox.models.novelty_limits import AUTO
from velox.training.exact import least_share
from velox.training.separation import auroc, false_positives

# Of each digit: enough for a limit that 95 of 100 trainings keep, which takes 299 to validate.
LEARNED_DIGITS, HOLD_OUT = 150, "0.4"
# Photographs of the last two subjects are learned by no model here.
STRANGE = ("small_animal", "thing")
COLORS = ("red", "green")
SHAPES = {"DATASET_PATH": "", "INIT_WEIGHTS": ""}

Scores = NDArray[np.float32]


def run(results: Results, folder: Path, checkpoints: Checkpoints) -> None:
    """Measure."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = brought.mobilenet(folder)
    learned, unseen = brought.photographs(folder)
    strange = folder / "strange"
    for subject in STRANGE:
        shutil.copytree(unseen / subject, strange / subject)
        shutil.copytree(learned / subject, strange / subject, dirs_exist_ok=True)
        for part in (learned, unseen):
            shutil.rmtree(part / subject)
    digits, unseen_digits = brought.digits(folder, learned=LEARNED_DIGITS)
    clothes = unlike.clothes(folder / "clothes", strange)
    letters = unlike.letters(folder / "letters")
    known = unlike.drawn(folder / "known-shapes", COLORS, ("circle", "square"), 1000)
    others = unlike.drawn(folder / "other-shapes", COLORS, unlike.OTHER_SHAPES, 1000)
    unlike_digits, held = {"letters": letters, "clothes": clothes}, {"HOLD_OUT": HOLD_OUT}
    for name, images, tried, kinds, goal, more in (
        ("digits", digits, unseen_digits, unlike_digits, 0.95, held),
        ("shapes", Path(), known, {"other shapes": others}, 0.98, SHAPES),
        ("photographs", learned, unseen, {"other photographs": strange}, 0.9, {}),
    ):
        model = Model.within(folder / f"model-{name}")
        trained(model.path, images, weights, **more)
        compare(results, name, model, tried, kinds, goal)
        same_answers.compare(results, name, model, tried, kinds.values())
    score_cost.run(results, checkpoints)


def compare(
    results: Results, name: str, model: Model, tried: Path, kinds: dict[str, Path], goal: float
) -> None:
    """How well a model tells images of none of its labels."""
    limits = load(model.path, model.classes).unknown
    assert limits is not None
    above, known = limits.above(AUTO), novelty(model, tried)
    called = int((known > above).sum())
    share = figure([100 * called / len(known)], "%")
    results.add("unknown", {f"{name}, of {len(known)} known images called unknown": share})
    # A few images cannot show a share, but they can contradict it.
    surely = least_share(called, len(known))
    results.bar("unknown", f"{name}, known called unknown (95 %)", surely, AUTO, at_least=False)
    for kind, folder in kinds.items():
        strange, where = novelty(model, folder), f"{name} against {kind}"
        found = {
            "AUROC": auroc(known, strange),
            "known at 95 % recall": false_positives(known, strange),
            "called unknown": float((strange > above).mean()),
        }
        shares = {f"{where}, {each}": figure([100 * of], "%") for each, of in found.items()}
        results.add("unknown", shares)
        results.bar("unknown", f"{where}, AUROC", found["AUROC"], goal)


def novelty(model: Model, folder: Path) -> Scores:
    """Of all images below a folder of folders, as a consumer computes it."""
    checkpoint = load(model.path, model.classes)
    engine = OnnxEngine(graphs_of(checkpoint), precision="fp32", batch_size=64)
    found = [engine.predict(pixels).novelty for pixels, _ in labelled(folder, checkpoint)]
    engine.close()
    return np.concatenate(found)
