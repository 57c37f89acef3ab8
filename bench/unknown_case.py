"""(j) Images that are unlike those of training: how well they are told, and what that costs.

Each model is trained as a user does. The figures are of images that training has not seen, of its
labels and of none of them. How well drawn shapes are told differs from one training to the next, so
there are several, which differ by their seed.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

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
SHAPE_SEEDS = ("1", "2", "3")

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
    shapes = [SHAPES | {"SEED": seed} for seed in SHAPE_SEEDS]
    for name, images, tried, kinds, goal, trainings in (
        ("digits", digits, unseen_digits, unlike_digits, 0.95, [held]),
        ("shapes", Path(), known, {"other shapes": others}, 0.98, shapes),
        ("photographs", learned, unseen, {"other photographs": strange}, 0.9, [{}]),
    ):
        models = [Model.within(folder / f"model-{name}-{each}") for each in range(len(trainings))]
        for model, settings in zip(models, trainings, strict=True):
            trained(model.path, images, weights, **settings)
        compare(results, name, models, tried, kinds, goal)
        same_answers.compare(results, name, models[0], tried, kinds.values())
    score_cost.run(results, checkpoints)


def compare(
    results: Results,
    name: str,
    models: Sequence[Model],
    tried: Path,
    kinds: Mapping[str, Path],
    goal: float,
) -> None:
    """How well models tell images of none of their labels: the median counts for the AUROC."""
    limits = [limit(model) for model in models]
    known = [novelty(model, tried) for model in models]
    called = [int((of > above).sum()) for of, above in zip(known, limits, strict=True)]
    count = len(known[0])
    share = figure([100 * each / count for each in called], "%")
    results.add("unknown", {f"{name}, of {count} known images called unknown": share})
    # A few images cannot show a share, but they can contradict it.
    surely = least_share(max(called), count)
    results.bar("unknown", f"{name}, known called unknown (95 %)", surely, AUTO, at_least=False)
    for kind, folder in kinds.items():
        strange, where = [novelty(model, folder) for model in models], f"{name} against {kind}"
        both = list(zip(known, strange, strict=True))
        found = {
            "AUROC": [auroc(*each) for each in both],
            "known at 95 % recall": [false_positives(*each) for each in both],
            "called unknown": [
                float((of > above).mean()) for of, above in zip(strange, limits, strict=True)
            ],
        }
        shares = {
            f"{where}, {each}": figure([100 * one for one in of], "%") for each, of in found.items()
        }
        results.add("unknown", shares)
        results.bar("unknown", f"{where}, AUROC", median(found["AUROC"]), goal)


def limit(model: Model) -> float:
    """The novelty above which `UNKNOWN=auto` calls an image unknown."""
    limits = load(model.path, model.classes).unknown
    assert limits is not None
    return limits.above(AUTO)


def novelty(model: Model, folder: Path) -> Scores:
    """Of all images below a folder of folders, as a consumer computes it."""
    checkpoint = load(model.path, model.classes)
    engine = OnnxEngine(graphs_of(checkpoint), precision="fp32", batch_size=64)
    found = [engine.predict(pixels).novelty for pixels, _ in labelled(folder, checkpoint)]
    engine.close()
    return np.concatenate(found)
