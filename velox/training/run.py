"""One training, from its settings to a checkpoint."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from functools import partial

import torch

from velox.base.errors import AccuracyTooLow, TrainingFailed
from velox.base.terminal import Progress
from velox.models.architectures import require_architecture
from velox.models.compiler import not_for_optimisers
from velox.models.device import select_device
from velox.settings.training import TrainSettings
from velox.training.assembly import (
    input_size_of,
    network_of,
    preprocessing_of,
    read_data,
    recipe_of,
    save,
    start_of,
    state_file_of,
    with_verdicts,
)
from velox.training.batch_statistics import renew_statistics
from velox.training.crossed import cross_validated
from velox.training.data.others import read_others, require_usable
from velox.training.doubt import doubts_of
from velox.training.fit import fit
from velox.training.heads import Heads
from velox.training.judgement import judged
from velox.training.judgement_log import log_judgement
from velox.training.last_layer import teach_last_layer
from velox.training.made_ready import make_ready
from velox.training.model_files import (
    alone,
    refused,
    require_writable,
    set_aside,
    usable,
    use_refused,
)
from velox.training.novelty import find, log_found
from velox.training.once_more import taught_by, teach_once_more
from velox.training.reports import write_look
from velox.training.trainer import Trainer, make_deterministic
from velox.training.verdict import objection


def accept_refused(settings: TrainSettings, stop: threading.Event) -> int:
    """Use the model that was refused last; see `velox.training.model_files.use_refused`."""
    with alone(settings.model_path, stop):
        use_refused(settings.model_path, settings.classes_path)
    return 0


def train(settings: TrainSettings, stop: threading.Event, *, if_missing: bool) -> int:
    """Get the data, fit, judge, save; where a usable checkpoint may stay, only without one.

    Returns:
        The exit code.

    Raises:
        VeloxError: why no model was written.
        Stopped: when told to stop.
    """
    if if_missing and _stays(settings):
        return 0
    require_architecture(settings.model_arch)
    device = select_device(settings.device)
    if device.type == "cuda":
        torch.cuda.set_per_process_memory_fraction(settings.gpu_memory_fraction, device)
    with alone(settings.model_path, stop):
        # Another process may have trained while this one waited.
        if if_missing and _stays(settings):
            return 0
        if if_missing and settings.model_path.exists():
            set_aside(settings.model_path)
        require_writable(settings.classes_path)
        try:
            with not_for_optimisers():
                run(settings, device, stop)
        except OSError as error:
            raise TrainingFailed(f"{error.strerror}; no model was written") from error
    return 0


def _stays(settings: TrainSettings) -> bool:
    """Whether there is a usable checkpoint; consumers, which may not write there, find it ready.

    What was kept for them does not fit after an upgrade, and a model from elsewhere has nothing.
    """
    checkpoint = usable(settings.model_path, settings.classes_path)
    if checkpoint is not None:
        make_ready(checkpoint, settings.model_path)
    return checkpoint is not None


def run(settings: TrainSettings, device: torch.device, stop: threading.Event) -> None:
    """Train and save, whatever is there already.

    Raises:
        AccuracyTooLow: when the model is refused; it is kept under another name.
        Stopped: when told to stop.
    """
    started = time.monotonic()
    settings = with_verdicts(settings)
    require_usable(settings.unknown_path, settings.dataset_path)
    make_deterministic(settings.seed)
    progress = Progress(sys.stderr)
    start = start_of(settings, stop)
    settings = replace(settings, input_size=input_size_of(settings, start))
    preprocessing = preprocessing_of(settings, start)
    splits, seen = read_data(settings, preprocessing, progress, stop)
    others = (
        None
        if settings.unknown_path is None
        else read_others(
            settings.unknown_path,
            size=settings.input_size,
            max_pixels=settings.max_image_pixels,
            preprocessing=preprocessing,
            stop=stop,
            on_progress=partial(progress.show, "reading"),
        )
    )
    inputs = start.inputs(device)
    recipe = recipe_of(settings, start, len(splits.training))
    network = network_of(settings, start, recipe, splits.training, inputs)
    taught = crossed = None
    if start.weights is not None:
        if not recipe.keep_early:
            renew_statistics(network, splits.training, inputs=inputs, seed=recipe.seed, stop=stop)
        taught = teach_last_layer(
            network, splits.training, inputs=inputs, seed=recipe.seed, progress=progress, stop=stop
        )
        if taught is not None:
            crossed = cross_validated(
                network,
                splits,
                taught,
                inputs=inputs,
                seed=recipe.seed,
                progress=progress,
                stop=stop,
            )
    doubts = None
    if seen is not None:
        if crossed is not None:
            doubts = doubts_of(crossed.doubtful, crossed.data, seen)
        write_look(settings.model_path, seen, doubts)
    state_file = state_file_of(settings, preprocessing, start, recipe, splits)
    heads = None
    if start.weights is None:
        heads = Heads(network, size=settings.input_size, classes=len(splits.training.labels))
    trainer = Trainer(
        network, splits.training, recipe=recipe, inputs=inputs, stop=stop, heads=heads
    )
    best_epoch = fit(
        trainer,
        splits.validation,
        recipe=recipe,
        inputs=inputs,
        state_file=state_file if settings.resume else None,
        progress=progress,
        stop=stop,
        knows=start.weights is not None,
    )
    unseen = None
    if taught is not None and best_epoch == 0:
        unseen = teach_once_more(
            network,
            splits,
            taught,
            inputs=inputs,
            seed=recipe.seed,
            progress=progress,
            stop=stop,
        )
    found = judged(network, splits, inputs, stop, unseen, precision=settings.target_precision)
    log_judgement(found)
    learned = None
    if taught is not None and unseen is not None:
        learned = taught_by(splits, taught), unseen.logits
    novelty = find(
        network,
        splits,
        others,
        temperature=found.temperature,
        learned=learned,
        inputs=inputs,
        seed=recipe.seed,
        stop=stop,
    )
    if novelty is not None:
        found = replace(found, novelty=novelty)
        log_found(novelty)
    across = crossed.judgement if crossed else None
    against = objection(
        found, across, least=settings.min_accuracy, own=settings.dataset_path is not None
    )
    facts = {
        "images": ", ".join(f"{len(part)} {name}" for name, part in splits._asdict().items()),
        "best epoch": f"{best_epoch} of {recipe.epochs}",
        "seconds": f"{time.monotonic() - started:.1f}",
    }
    save(
        settings,
        preprocessing,
        network,
        splits,
        found,
        across,
        facts,
        seen,
        doubts,
        inputs,
        against,
        stop,
    )
    if against is not None:
        # The state stays: with another MIN_ACCURACY the same training is at its end at once.
        raise AccuracyTooLow(
            f"the model is refused: {against}; {refused(settings.model_path)} and its report are "
            "kept, and `python train.py --use-refused` uses it all the same"
        )
    state_file.remove()
