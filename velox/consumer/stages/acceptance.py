"""A model is accepted before it decides anything, at the start and at every swap.

Weights that are finite can still give answers that are not, and a model whose normalisation or
labels went wrong on the way gives answers that are finite and false.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from velox.base.errors import CheckpointError, EngineBroken, EngineOutOfMemory
from velox.consumer.stages.predictor import BisectingPredictor
from velox.models.description import Description
from velox.models.engine.interface import Engine
from velox.models.samples import NO_SAMPLES, Samples

# Points of accuracy that another device, other kernels and fewer bits may take.
TOLERANCE = 0.02
# Standard errors beyond that where the accuracy was measured on other images, or not all of them
# are tried: of 30,000 good models one would be refused.
STANDARD_ERRORS = 4.0
# After so many seconds no further batch of samples is tried.
LONGEST_S = 2.0

_NOISE_IMAGES = 4
_BATCH = 32

Pixels = NDArray[np.uint8]

log = logging.getLogger(__name__)


def accept(engine: Engine, checkpoint: Description, path: Path) -> None:
    """Try an engine on noise and on its checkpoint's samples.

    Args:
        engine: as it will be used.
        checkpoint: what it was made of.
        path: the checkpoint's file, for the message.

    Raises:
        CheckpointError: when an answer is no label with a probability, or when fewer samples are
            right than in training, beyond what is stated here.
        EngineOutOfMemory: when there is no memory for one image.
    """
    predictor = BisectingPredictor(engine)
    try:
        _answers(predictor, _noise(engine.input_size))
        samples = getattr(checkpoint, "samples", NO_SAMPLES)
        if len(samples):
            _judge(predictor, samples, checkpoint)
    except ValueError as error:
        raise CheckpointError(f"{path} is not accepted: {error}") from error


def _noise(size: int) -> Pixels:
    """Images uint8 [N, S, S, 3], from dark to bright, the same each time."""
    noise = np.random.default_rng(0).integers(256, size=(_NOISE_IMAGES, size, size, 3))
    share = np.arange(1, _NOISE_IMAGES + 1).reshape(-1, 1, 1, 1) / _NOISE_IMAGES
    return (noise * share).astype(np.uint8)


def _answers(predictor: BisectingPredictor, images: Pixels) -> NDArray[np.int64]:
    """The labels of images; ValueError when one has none."""
    try:
        found, failures = predictor.predict(images)
    except EngineBroken as error:
        if isinstance(error.__cause__, EngineOutOfMemory):
            raise error.__cause__ from None
        raise ValueError(str(error)) from error
    for failure in failures.values():
        raise ValueError(str(failure))
    indices, confidences = found.best
    least, most = float(confidences.min()), float(confidences.max())
    if least < 0 or most > 1 + 1e-3:
        raise ValueError(
            f"its confidences are not probabilities: they go from {least:g} to {most:g}"
        )
    return indices


def _judge(predictor: BisectingPredictor, samples: Samples, checkpoint: Description) -> None:
    """ValueError when the samples cannot be classified, or fewer of them right than expected."""
    pixels, targets = samples.pixels(), np.asarray(samples.targets)
    expected_size = (predictor.engine.input_size,) * 2
    if pixels.shape[1:3] != expected_size:
        raise ValueError(
            f"its samples have {pixels.shape[1:3]} pixels, but its input has {expected_size}"
        )
    started, right, tried = time.monotonic(), 0, 0
    while tried < len(pixels) and (not tried or time.monotonic() - started < LONGEST_S):
        rows = slice(tried, tried + _BATCH)
        right += int((_answers(predictor, pixels[rows]) == targets[rows]).sum())
        tried = min(len(pixels), rows.stop)
    accuracy = right / tried
    log.info("model tried on samples=%d of=%d accuracy=%.4f", tried, len(pixels), accuracy)
    floor = least_accuracy(checkpoint.metrics, tried, of=len(pixels))
    if floor is not None and accuracy < floor:
        raise ValueError(
            f"its accuracy on {tried} samples is {accuracy:.4f}, but its training metrics demand "
            f"at least {floor:.4f}"
        )


def least_accuracy(metrics: Mapping[str, float], tried: int, *, of: int) -> float | None:
    """The least share of samples that must be right; None where training left no figure.

    Args:
        metrics: the checkpoint's. `sample_accuracy` is that of all its samples; where it is
            missing, `accuracy` is that of the images they were drawn from.
        tried: samples that are tried.
        of: samples that there are.
    """
    on_samples = metrics.get("sample_accuracy")
    share = metrics.get("accuracy") if on_samples is None else on_samples
    if not isinstance(share, float | int) or not 0 <= share <= 1:
        return None
    # The share of all after one more of either outcome: one of 1.0 is not certain of anything.
    smooth = (share * tried + 1) / (tried + 2)
    left = 1.0 if on_samples is None else (of - tried) / max(1, of - 1)
    error = math.sqrt(smooth * (1 - smooth) / tried * left)
    return max(0.0, float(share) - TOLERANCE - STANDARD_ERRORS * error)
