"""What the settings of `train.py` ask for: the data, the network, the recipe, and the files."""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
from dataclasses import replace
from functools import partial
from typing import cast

import torch
from torch import nn

from velox.base.errors import SettingError
from velox.base.terminal import Progress
from velox.images.preprocessing import Preprocessing
from velox.settings.training import TrainSettings
from velox.training.chosen_input import CHOICES, chosen
from velox.training.data.dataset import Dataset, Splits
from velox.training.data.folder import list_own, read_folder
from velox.training.data.image_files import FolderImages
from velox.training.data.others import read_others, require_usable
from velox.training.data.shapes import Shapes
from velox.training.data.sides import suiting, usual_side
from velox.training.data.split import split
from velox.training.look import Look, look
from velox.training.prepared import Prepared
from velox.training.recipe import (
    MANY,
    Recipe,
    usual_batch_size,
    usual_epochs,
    usual_learning_rate,
    usual_smoothing,
)
from velox.training.resume import StateFile
from velox.training.start import Start, find_start
from velox.training.trainer import make_deterministic, require_trainable

# Beside the model, so that it is kept as long and found again.
WEIGHTS_FOLDER = "weights"
VALIDATION_PER_CLASS, TEST_PER_CLASS = 50, 100

log = logging.getLogger(__name__)


def prepare(settings: TrainSettings, device: torch.device, stop: threading.Event) -> Prepared:
    """Find the weights and read the images that the settings ask for; the rest follows.

    Raises:
        SettingError: when they cannot be had, or cannot be trained on.
        Stopped: when told to stop.
    """
    settings = with_verdicts_as_dataset(settings)
    require_usable(settings.unknown_path, settings.dataset_path)
    make_deterministic(settings.seed)
    progress = Progress(sys.stderr)
    start = start_of(settings, stop)
    settings = replace(settings, input_size=input_size_of(settings, start))
    preprocessing = preprocessing_of(settings, start)
    splits, seen = read_data(settings, preprocessing, progress, stop)
    return Prepared(
        settings=settings,
        start=start,
        preprocessing=preprocessing,
        splits=splits,
        seen=seen,
        others=others_of(settings, preprocessing, progress, stop),
        inputs=start.inputs(device),
        recipe=recipe_of(settings, start, len(splits.training)),
        progress=progress,
        stop=stop,
    )


def with_verdicts_as_dataset(settings: TrainSettings) -> TrainSettings:
    """Verdicts alone are a folder of own images."""
    if settings.dataset_path is None and settings.review_export is not None:
        return replace(settings, dataset_path=settings.review_export)
    return settings


def input_size_of(settings: TrainSettings, start: Start) -> int:
    """Height and width of the input in pixels: of small images, known weights need less."""
    if settings.input_size or settings.dataset_path is None or start.weights is None:
        return settings.input_size or start.input_size
    listing = list_own(settings.dataset_path, settings.review_export)
    return suiting(start.input_size, usual_side(listing.paths))


def preprocessing_of(settings: TrainSettings, start: Start) -> Preprocessing:
    """How an image becomes the network's input."""
    return chosen(
        {name: getattr(settings, name) for name in CHOICES},
        start.weights.made_for if start.weights else None,
        size=settings.input_size,
    )


def read_data(
    settings: TrainSettings, preprocessing: Preprocessing, progress: Progress, stop: threading.Event
) -> tuple[Splits, Look | None]:
    """The images that the settings ask for, and what there is to say of a folder of them.

    Raises:
        SettingError: when they cannot be trained on.
        Stopped: when told to stop.
    """
    if settings.dataset_path is None:
        return draw(settings, preprocessing, progress, stop), None
    data, skipped = read_folder(
        settings.dataset_path,
        reviewed=settings.review_export,
        size=settings.input_size,
        max_pixels=settings.max_image_pixels,
        preprocessing=preprocessing,
        stop=stop,
        on_progress=partial(progress.show, "reading"),
    )
    splits = split(data, hold_out=settings.hold_out, seed=settings.seed)
    for name, part in splits._asdict().items():
        if not len(part):
            raise SettingError(
                f"DATASET_PATH={str(settings.dataset_path)!r} cannot be used: "
                f"it leaves no images for {name}"
            )
    return splits, look(splits, cast(FolderImages, data.images), skipped)


def draw(
    settings: TrainSettings, preprocessing: Preprocessing, progress: Progress, stop: threading.Event
) -> Splits:
    """Drawn shapes; each part has a stream of the seed of its own."""
    shapes = Shapes(
        colors=settings.colors,
        shapes=settings.shapes,
        height=settings.img_height,
        width=settings.img_width,
        quality=settings.jpeg_quality,
        size=settings.input_size,
        preprocessing=preprocessing,
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


def others_of(
    settings: TrainSettings, preprocessing: Preprocessing, progress: Progress, stop: threading.Event
) -> Dataset | None:
    """Images that have none of the labels, if the settings name a folder of them."""
    if settings.unknown_path is None:
        return None
    return read_others(
        settings.unknown_path,
        size=settings.input_size,
        max_pixels=settings.max_image_pixels,
        preprocessing=preprocessing,
        stop=stop,
        on_progress=partial(progress.show, "reading"),
    )


def start_of(settings: TrainSettings, stop: threading.Event) -> Start:
    """The weights to start from."""
    return find_start(
        settings.init_weights,
        own=settings.dataset_path is not None,
        architecture=settings.model_arch,
        folder=settings.model_path.with_name(WEIGHTS_FOLDER),
        stop=stop,
    )


def recipe_of(settings: TrainSettings, start: Start, images: int) -> Recipe:
    """How to train on so many images."""
    own, from_weights = settings.dataset_path is not None, start.weights is not None
    return Recipe(
        epochs=settings.epochs or usual_epochs(images, own=own, from_weights=from_weights),
        patience=settings.patience,
        batch_size=settings.train_batch_size or usual_batch_size(images, own=own),
        learning_rate=settings.learning_rate
        or usual_learning_rate(images, from_weights=from_weights),
        augment=settings.augment if own else (),
        seed=settings.seed,
        keep_early=from_weights and images < MANY,
        smoothing=usual_smoothing(images, from_weights=from_weights),
    )


def network_of(prepared: Prepared) -> nn.Module:
    """The network to train, known to take the images."""
    settings = prepared.settings
    network = prepared.start.network(settings.model_arch, prepared.splits.training)
    require_trainable(
        network,
        settings.model_arch,
        size=settings.input_size,
        batch_size=prepared.recipe.batch_size,
        inputs=prepared.inputs,
    )
    return network


def state_file_of(prepared: Prepared) -> StateFile:
    """Where the state of this training is kept; another training's is not used."""
    settings = prepared.settings
    decisive = (
        settings.model_arch,
        (settings.input_size, prepared.preprocessing),
        prepared.start.source,
        prepared.recipe,
    )
    found = hashlib.sha256(repr(decisive).encode())
    for part in prepared.splits:
        found.update(repr(part.labels).encode() + part.rows.tobytes() + part.targets.tobytes())
        found.update(part.images.fingerprint(part.rows))
    path = settings.model_path.with_name(f".{settings.model_path.name}.resume")
    return StateFile(path, found.hexdigest())
