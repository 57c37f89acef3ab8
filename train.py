#!/usr/bin/env python3
"""Train a classifier and save its checkpoint.

    python train.py                         # on synthetic shapes, from scratch, within a minute
    python train.py --if-missing            # the same, unless there is a usable checkpoint
    DATASET_PATH=photos python train.py     # on own images: photos/LABEL/*.jpg
    python train.py --help                  # every variable, its default and its meaning

The model is judged by images that decided nothing in training. One that gets fewer of them right
than MIN_ACCURACY is not written. Processes that share MODEL_PATH train one after the other.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from velox.base import script
from velox.base.ending import ended
from velox.base.errors import AccuracyTooLow, CheckpointError, SettingError, TrainingFailed
from velox.base.files import write_whole
from velox.base.machine import keep_large_buffers
from velox.base.terminal import Progress
from velox.models import checkpoint as model
from velox.models.architectures import build, require_architecture
from velox.models.checkpoint import Checkpoint
from velox.models.device import select_device
from velox.models.samples import Samples
from velox.settings.config import TrainSettings
from velox.training.calibration import fit_temperature
from velox.training.data.dataset import Splits, split
from velox.training.data.folder import read_folder
from velox.training.data.shapes import Shapes
from velox.training.fit import fit
from velox.training.heads import Heads
from velox.training.judgement import Judgement, as_png, as_text, judge
from velox.training.model_files import alone
from velox.training.resume import StateFile
from velox.training.start_weights import start_from
from velox.training.trainer import (
    Recipe,
    Trainer,
    accuracy,
    make_deterministic,
    outputs,
    require_trainable,
)

SHAPES_EPOCHS, FOLDER_EPOCHS = 6, 40
VALIDATION_PER_CLASS, TEST_PER_CLASS = 50, 100
# That travel with the checkpoint: enough to see that one image in two hundred is decided otherwise.
SAMPLES = 500

log = logging.getLogger("train")


def main() -> int:
    """Train; returns the exit code."""
    keep_large_buffers()
    parser = script.parser(TrainSettings, __doc__)
    parser.add_argument("--if-missing", action="store_true", help="keep a usable checkpoint")
    arguments = parser.parse_args()
    body = partial(train, arguments.if_missing)
    return ended(lambda: script.run(TrainSettings, __doc__, body, argv=()))


def train(if_missing: bool, settings: TrainSettings, stop: threading.Event) -> int:
    """Get the data, fit, judge, save."""
    if if_missing and usable(settings):
        return 0
    require_architecture(settings.model_arch)
    device = select_device(settings.device)
    if device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(settings.gpu_memory_fraction, device)
    with alone(settings.model_path, stop):
        # Another process may have trained while this one waited.
        if if_missing and usable(settings):
            return 0
        if if_missing and settings.model_path.exists():
            set_aside(settings.model_path)
        require_writable(settings.classes_path)
        try:
            run(settings, device, stop)
        except OSError as error:
            raise TrainingFailed(f"{error.strerror}; no model was written") from error
    return 0


def require_writable(classes_path: Path) -> None:
    """Refuse a place for the labels that cannot be written, before anything takes long."""
    if not os.access(classes_path.parent, os.W_OK | os.X_OK):
        raise SettingError(
            f"CLASSES_PATH={str(classes_path)!r} cannot be used: "
            "its folder must be one that can be written to"
        )


def usable(settings: TrainSettings) -> bool:
    """Whether there is a checkpoint that a consumer could use."""
    if not settings.model_path.exists():
        return False
    try:
        checkpoint = model.load(settings.model_path, settings.classes_path)
    except CheckpointError as error:
        log.warning("%s", error)
        return False
    log.info(
        "keeping model=%s digest=%s labels=%s",
        settings.model_path,
        checkpoint.digest,
        ",".join(checkpoint.labels),
    )
    return True


def set_aside(path: Path) -> None:
    """Keep a file that is no usable checkpoint: it may be somebody's work."""
    kept = path.with_name(path.name + ".unusable")
    path.rename(kept)
    log.warning("kept the unusable model as=%s", kept)


def run(settings: TrainSettings, device: torch.device, stop: threading.Event) -> None:
    """Train and save, whatever is there already.

    Raises:
        AccuracyTooLow: when too few of the test images are right.
        Stopped: when told to stop.
    """
    started = time.monotonic()
    make_deterministic(settings.seed)
    progress = Progress(sys.stderr)
    splits, skipped = read_data(settings, progress, stop)
    network = network_of(settings, len(splits.training.labels), device)
    recipe = recipe_of(settings)
    state_file = state_file_of(settings, recipe, splits)
    heads = None
    if settings.init_weights is None:
        heads = Heads(network, size=settings.input_size, classes=len(splits.training.labels))
    trainer = Trainer(
        network, splits.training, recipe=recipe, device=device, stop=stop, heads=heads
    )
    best_epoch = fit(
        trainer,
        splits.validation,
        recipe=recipe,
        device=device,
        state_file=state_file if settings.resume else None,
        progress=progress,
        stop=stop,
    )
    found = judged(network, splits, device, stop)
    log_judgement(found)
    if found.accuracy >= settings.min_accuracy:
        facts = {
            "images": ", ".join(f"{len(part)} {name}" for name, part in splits._asdict().items()),
            "best epoch": f"{best_epoch} of {recipe.epochs}",
            "seconds": f"{time.monotonic() - started:.1f}",
        }
        save(settings, network, splits, found, facts, skipped, device)
    state_file.remove()
    if found.accuracy < settings.min_accuracy:
        raise AccuracyTooLow(
            f"test accuracy {found.accuracy:.4f} is below MIN_ACCURACY={settings.min_accuracy:g}; "
            "no model was written"
        )


def read_data(
    settings: TrainSettings, progress: Progress, stop: threading.Event
) -> tuple[Splits, Mapping[Path, str]]:
    """The images that the settings ask for, and the files that were skipped with why."""
    if settings.dataset_path is None:
        return draw(settings, progress, stop), {}
    data, skipped = read_folder(
        settings.dataset_path,
        size=settings.input_size,
        max_pixels=settings.max_image_pixels,
        stop=stop,
        on_progress=partial(progress.show, "reading"),
    )
    return split(data, hold_out=settings.hold_out, seed=settings.seed), skipped


def draw(settings: TrainSettings, progress: Progress, stop: threading.Event) -> Splits:
    """Drawn shapes; each part has a stream of the seed of its own."""
    shapes = Shapes(
        colors=settings.colors,
        shapes=settings.shapes,
        height=settings.img_height,
        width=settings.img_width,
        quality=settings.jpeg_quality,
        size=settings.input_size,
        seed=settings.seed,
    )
    counts = (settings.samples_per_class, VALIDATION_PER_CLASS, TEST_PER_CLASS)
    return Splits(
        *(
            shapes.draw(
                count, stream, stop=stop, on_progress=partial(progress.show, f"drawing {stream}/3")
            )
            for stream, count in enumerate(counts, start=1)
        )
    )


def network_of(settings: TrainSettings, classes: int, device: torch.device) -> nn.Module:
    """The network to train, known to take the images."""
    network = build(settings.model_arch, classes)
    if settings.init_weights is not None:
        taken = start_from(
            network, settings.init_weights, architecture=settings.model_arch, classes=classes
        )
        log.info("starting from weights=%s tensors=%d", settings.init_weights, taken)
    require_trainable(
        network,
        settings.model_arch,
        size=settings.input_size,
        batch_size=settings.train_batch_size,
        device=device,
    )
    return network


def recipe_of(settings: TrainSettings) -> Recipe:
    """How to train."""
    own = settings.dataset_path is not None
    return Recipe(
        epochs=settings.epochs or (FOLDER_EPOCHS if own else SHAPES_EPOCHS),
        patience=settings.patience,
        batch_size=settings.train_batch_size,
        learning_rate=settings.learning_rate,
        augment=settings.augment if own else (),
        seed=settings.seed,
    )


def state_file_of(settings: TrainSettings, recipe: Recipe, splits: Splits) -> StateFile:
    """Where the state of this training is kept; another training's is not used."""
    decisive = (settings.model_arch, settings.input_size, settings.init_weights, recipe)
    found = hashlib.sha256(repr(decisive).encode())
    for part in splits:
        found.update(repr(part.labels).encode() + part.rows.tobytes() + part.targets.tobytes())
        found.update(part.images.take(part.rows[:1]).tobytes())
    path = settings.model_path.with_name(f".{settings.model_path.name}.resume")
    return StateFile(path, found.hexdigest())


def judged(
    network: nn.Module, splits: Splits, device: torch.device, stop: threading.Event
) -> Judgement:
    """Fit the temperature on the validation images and judge by the test images."""
    validation, test = (
        outputs(network, part, device=device, stop=stop)
        for part in (splits.validation, splits.test)
    )
    temperature = fit_temperature(validation, torch.from_numpy(splits.validation.targets))
    return judge(
        test,
        torch.from_numpy(splits.test.targets),
        labels=splits.test.labels,
        temperature=temperature,
    )


def log_judgement(found: Judgement) -> None:
    """Log the figures that matter most."""
    before, after = found.calibration_error
    log.info(
        "test images=%d accuracy=%.4f temperature=%.3f calibration_error=%.4f before=%.4f",
        found.images,
        found.accuracy,
        found.temperature,
        after,
        before,
    )


def save(
    settings: TrainSettings,
    network: nn.Module,
    splits: Splits,
    found: Judgement,
    facts: Mapping[str, str],
    skipped: Mapping[Path, str],
    device: torch.device,
) -> None:
    """Write the report, the confusion matrix, and last the checkpoint."""
    samples = samples_of(splits, settings.seed)
    checkpoint = Checkpoint(
        architecture=settings.model_arch,
        labels=found.labels,
        input_size=settings.input_size,
        state_dict=network.state_dict(),
        metrics={
            "accuracy": found.accuracy,
            "calibration_error": found.calibration_error[1],
            "sample_accuracy": accuracy(network, samples, device=device),
        },
        temperature=found.temperature,
        samples=samples,
    )
    saved = model.save(checkpoint, settings.model_path, settings.classes_path)
    head = {"model": f"{settings.model_path} ({saved.digest})", **facts}
    report = settings.model_path.with_suffix(".report.txt")
    write_whole(report, as_text(found, facts=head, skipped=skipped).encode())
    write_whole(settings.model_path.with_suffix(".confusion.png"), as_png(found))
    log.info(
        "saved model=%s digest=%s labels=%s report=%s",
        settings.model_path,
        saved.digest,
        ",".join(saved.labels),
        report,
    )


def samples_of(splits: Splits, seed: int) -> Samples:
    """Images that the network was not trained on, for readers to try a model by.

    Of the test images first, then of the validation images, until there are enough.
    """
    chosen: list[Samples] = []
    for data in (splits.test, splits.validation):
        left = SAMPLES - sum(map(len, chosen))
        rows = np.random.default_rng(seed).permutation(len(data))[:left]
        if len(rows):
            chosen.append(Samples.of(*data.take(rows)))
    return Samples.joined(chosen)


if __name__ == "__main__":
    sys.exit(main())
