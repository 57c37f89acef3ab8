"""(j) Images that are unlike those of training: how well they are told, and what that costs.

Each model is trained as a user does, with UNKNOWN_PATH. The figures are of images that training
has not seen, of its labels and of none of them.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import brought, unlike
from bench.checkpoints import Checkpoints
from bench.images import shapes
from bench.measure import figure
from bench.pipeline_case import FAST, PARTITIONS
from bench.results import Results
from bench.stack import Stack, drain_rate
from bench.training_case import labelled, trained
from tests.rig.model import Model
from velox.models.checkpoint import load, save
from velox.models.engine.export import graphs_of
from velox.models.engine.onnx_engine import OnnxEngine
from velox.models.novelty_limits import AUTO
from velox.training.separation import auroc, false_positives

ROUNDS, COUNT = 5, 6000
# Photographs of the last two subjects are learned by no model here.
STRANGE = ("small_animal", "thing")
COLORS = ("red", "green")
SHAPES = {"DATASET_PATH": "", "INIT_WEIGHTS": ""}
# No more known images may be called unknown, of which a few more are so by chance.
MOST_CALLED = 0.02

Scores = NDArray[np.float32]


def run(results: Results, servers: Stack, _checkpoints: Checkpoints) -> None:
    """Measure."""
    folder = servers.folder / "unknown"
    folder.mkdir()
    weights = brought.mobilenet(folder)
    learned, unseen = brought.photographs(folder)
    strange = folder / "strange"
    for part in (learned, unseen):
        for subject in STRANGE:
            shutil.move(part / subject, strange / part.name / subject)
    digits, unseen_digits = brought.digits(folder)
    clothes = unlike.clothes(folder / "clothes", strange)
    letters = unlike.letters(folder / "letters")
    known = unlike.drawn(folder / "known-shapes", COLORS, ("circle", "square"), 1000)
    others = unlike.drawn(folder / "other-shapes", COLORS, unlike.OTHER_SHAPES, 1000)
    for name, images, tried, kinds, goal, more in (
        ("digits", digits, unseen_digits, {"letters": letters, "clothes": clothes}, 0.95, {}),
        ("shapes", Path(), known, {"other shapes": others}, 0.98, SHAPES),
        ("photographs", learned, unseen, {"other photographs": strange}, 0.9, {}),
    ):
        model = Model.within(folder / f"model-{name}")
        trained(model.path, images, weights, **more)
        compare(results, name, model, tried, kinds, goal)
    throughput(results, servers, Model.within(folder / "model-shapes"))


def compare(
    results: Results, name: str, model: Model, tried: Path, kinds: dict[str, Path], goal: float
) -> None:
    """How well a model tells images of none of its labels."""
    limits = load(model.path, model.classes).unknown
    assert limits is not None
    above, known = limits.above(AUTO), novelty(model, tried)
    called = float((known > above).mean())
    results.add("unknown", {f"{name}, known images called unknown": figure([called], "")})
    results.bar("unknown", f"{name}, known called unknown", called, MOST_CALLED, at_least=False)
    for kind, folder in kinds.items():
        strange, where = novelty(model, folder), f"{name} against {kind}"
        found = {
            "AUROC": auroc(known, strange),
            "known at 95 % recall": false_positives(known, strange),
            "called unknown": float((strange > above).mean()),
        }
        results.add("unknown", {f"{where}, {each}": figure([of], "") for each, of in found.items()})
        results.bar("unknown", f"{where}, AUROC", found["AUROC"], goal)


def novelty(model: Model, folder: Path) -> Scores:
    """Of all images below a folder of folders, as a consumer computes it."""
    checkpoint = load(model.path, model.classes)
    engine = OnnxEngine(graphs_of(checkpoint), precision="fp32", batch_size=64)
    found = [engine.predict(pixels).novelty for pixels, _ in labelled(folder, checkpoint)]
    engine.close()
    return np.concatenate(found)


def throughput(results: Results, servers: Stack, model: Model) -> None:
    """Images a second through the pipeline, with UNKNOWN=auto and by a model that knows nothing."""
    checkpoint = load(model.path, model.classes)
    plain = Model.within(model.path.parent / "plain")
    plain.path.parent.mkdir()
    save(replace(checkpoint, novelty=None, unknown=None), plain.path, plain.classes)
    found: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for name, used, unknown in (("without", plain, ""), ("UNKNOWN=auto", model, "auto")):
            topic = servers.topic(partitions=PARTITIONS)
            servers.fill(topic, shapes(512), COUNT, partitions=PARTITIONS)
            settings = servers.environment(topic, **used.settings(), **FAST, UNKNOWN=unknown)
            with servers.consumer(settings) as running:
                found.setdefault(name, []).append(drain_rate([running], COUNT))
    results.add("unknown", {name: figure(each, "images/s") for name, each in found.items()})
    ratio = results.median("unknown", "UNKNOWN=auto") / results.median("unknown", "without")
    results.bar("unknown", "throughput, UNKNOWN=auto / without", ratio, 0.97)
