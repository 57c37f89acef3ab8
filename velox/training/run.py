"""One training, from its settings to a checkpoint."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from velox.base.errors import AccuracyTooLow, TrainingFailed
from velox.models.architectures import require_architecture
from velox.models.compiler import not_for_optimisers
from velox.models.device import select_device
from velox.settings.training import TrainSettings
from velox.training.assembly import network_of, prepare, state_file_of
from velox.training.batch_statistics import renew_statistics
from velox.training.calibration import Unseen
from velox.training.crossed import Crossed, cross_validated
from velox.training.doubt import Doubt, doubts_of
from velox.training.fit import fit
from velox.training.heads import Heads
from velox.training.judgement import Judgement, judged
from velox.training.judgement_log import log_judgement
from velox.training.last_layer import Taught, teach_last_layer
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
from velox.training.prepared import Outcome, Prepared
from velox.training.reports import write_look
from velox.training.resume import StateFile
from velox.training.saving import save
from velox.training.trainer import Trainer
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
            raise TrainingFailed(f"{error}; no model was written") from error
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
    prepared = prepare(settings, device, stop)
    network = network_of(prepared)
    taught = _teach_last_layer(prepared, network)
    crossed = None if taught is None else _cross_validated(prepared, network, taught)
    doubts = _look_over(prepared, crossed)
    state_file = state_file_of(prepared)
    best_epoch = _fine_tune(prepared, network, state_file)
    unseen = None
    if taught is not None and best_epoch == 0:
        unseen = _teach_once_more(prepared, network, taught)
    found = _judged(prepared, network, taught, unseen)
    across = crossed.judgement if crossed else None
    against = objection(
        found,
        across,
        least=settings.min_accuracy,
        own=prepared.settings.dataset_path is not None,
    )
    parts = prepared.splits._asdict().items()
    facts = {
        "images": ", ".join(f"{len(part)} {name}" for name, part in parts),
        "best epoch": f"{best_epoch} of {prepared.recipe.epochs}",
        "seconds": f"{time.monotonic() - started:.1f}",
    }
    outcome = Outcome(
        network=network, found=found, across=across, doubts=doubts, facts=facts, against=against
    )
    save(prepared, outcome)
    if against is not None:
        # The state stays: with another MIN_ACCURACY the same training is at its end at once.
        raise AccuracyTooLow(
            f"the model is refused: {against}; {refused(settings.model_path)} and its report are "
            "kept, and `python train.py --use-refused` uses it all the same"
        )
    state_file.remove()


def _teach_last_layer(prepared: Prepared, network: nn.Module) -> Taught | None:
    """Teach weights that know images their last layer; None where there is nothing to teach."""
    if prepared.start.weights is None:
        return None
    training, recipe = prepared.splits.training, prepared.recipe
    inputs, stop = prepared.inputs, prepared.stop
    if not recipe.keep_early:
        renew_statistics(network, training, inputs=inputs, seed=recipe.seed, stop=stop)
    return teach_last_layer(
        network, training, inputs=inputs, seed=recipe.seed, progress=prepared.progress, stop=stop
    )


def _cross_validated(prepared: Prepared, network: nn.Module, taught: Taught) -> Crossed:
    return cross_validated(
        network,
        prepared.splits,
        taught,
        inputs=prepared.inputs,
        seed=prepared.recipe.seed,
        progress=prepared.progress,
        stop=prepared.stop,
    )


def _look_over(prepared: Prepared, crossed: Crossed | None) -> Sequence[Doubt] | None:
    """Tell what there is to say of own images; returns doubts of labels, if any were looked for."""
    seen = prepared.seen
    if seen is None:
        return None
    doubts = None
    if crossed is not None:
        doubts = doubts_of(crossed.doubtful, crossed.data, seen)
    write_look(prepared.settings.model_path, seen, doubts)
    return doubts


def _fine_tune(prepared: Prepared, network: nn.Module, state_file: StateFile) -> int:
    """Train the whole network; returns the best epoch, 0 where none has bettered the start."""
    settings, training = prepared.settings, prepared.splits.training
    recipe, inputs, stop = prepared.recipe, prepared.inputs, prepared.stop
    knows = prepared.start.weights is not None
    heads = None
    if not knows:
        heads = Heads(network, size=settings.input_size, classes=len(training.labels))
    trainer = Trainer(network, training, recipe=recipe, inputs=inputs, stop=stop, heads=heads)
    return fit(
        trainer,
        prepared.splits.validation,
        recipe=recipe,
        inputs=inputs,
        state_file=state_file if settings.resume else None,
        progress=prepared.progress,
        stop=stop,
        knows=knows,
    )


def _teach_once_more(prepared: Prepared, network: nn.Module, taught: Taught) -> Unseen:
    return teach_once_more(
        network,
        prepared.splits,
        taught,
        inputs=prepared.inputs,
        seed=prepared.recipe.seed,
        progress=prepared.progress,
        stop=prepared.stop,
    )


def _judged(
    prepared: Prepared, network: nn.Module, taught: Taught | None, unseen: Unseen | None
) -> Judgement:
    """What the network is worth, and how unlike its images others are; both are logged."""
    splits, inputs, stop = prepared.splits, prepared.inputs, prepared.stop
    precision = prepared.settings.target_precision
    found = judged(network, splits, inputs, stop, unseen, precision=precision)
    log_judgement(found)
    learned = None
    if taught is not None and unseen is not None:
        learned = taught_by(splits, taught), unseen.logits
    novelty = find(
        network,
        splits,
        prepared.others,
        temperature=found.temperature,
        learned=learned,
        inputs=inputs,
        seed=prepared.recipe.seed,
        stop=stop,
    )
    if novelty is None:
        return found
    log_found(novelty)
    return replace(found, novelty=novelty)
