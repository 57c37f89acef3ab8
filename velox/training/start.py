"""Where a training starts: from weights that know images already, or from nothing."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from velox.base.errors import SettingError
from velox.models.architectures import build
from velox.training.data.dataset import Dataset
from velox.training.evaluation import Inputs
from velox.training.imagenet import imagenet
from velox.training.start_weights import StartWeights, read, start_from

AUTO, IMAGENET, NOTHING = "auto", "imagenet", ""

INPUT_SIZE = 64
# Training images a label. From random weights, photographs need thousands; what looks much alike,
# as digits do, needs hundreds.
FEW, SOME = 200, 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Start:
    """Weights to start from, and the input that goes with them.

    Attributes:
        weights: None for random ones.
        missed: why there are none although they were looked for; empty where nothing is missed.
    """

    weights: StartWeights | None
    missed: str = ""

    @property
    def input_size(self) -> int:
        """The height and width that suit, in pixels."""
        return self.weights.made_for.size if self.weights else INPUT_SIZE

    @property
    def source(self) -> str:
        """The file of the weights; empty for random ones."""
        return str(self.weights.source) if self.weights else ""

    def inputs(self, device: torch.device) -> Inputs:
        """How images are given to a network on a device."""
        if self.weights is None:
            return Inputs(device)
        return Inputs(device, self.weights.made_for.mean, self.weights.made_for.std)

    def network(self, architecture: str, data: Dataset) -> nn.Module:
        """The network to train, on the CPU.

        Raises:
            SettingError: when the weights are of another architecture.
        """
        classes = len(data.labels)
        network = build(architecture, classes)
        if self.weights is not None:
            taken = start_from(network, self.weights, architecture=architecture, classes=classes)
            log.info("starting from weights=%s tensors=%d", self.source, taken)
        elif self.missed:
            log.warning("starting from random weights: %s: %s", _means(data), self.missed)
        return network


def find_start(
    wanted: str, *, own: bool, architecture: str, folder: Path, stop: threading.Event
) -> Start:
    """Find the weights to start from.

    Args:
        wanted: the INIT_WEIGHTS.
        own: whether the images are the user's own; drawn ones need no weights.
        architecture: name of a classifier in `torchvision.models`.
        folder: where downloaded weights are kept.
        stop: ends it early.

    Raises:
        SettingError: when weights that were asked for cannot be had.
        Stopped: when told to stop.
    """
    if wanted == NOTHING or (wanted == AUTO and not own):
        return Start(None)
    if wanted not in (AUTO, IMAGENET):
        return Start(read(Path(wanted), architecture))
    try:
        return Start(imagenet(architecture, folder, stop))
    except SettingError as error:
        if wanted == IMAGENET:
            raise
        return Start(None, str(error))


def _means(data: Dataset) -> str:
    """What it means for so many images, in words."""
    each = int(data.counts().min())
    if each < FEW:
        expected = "too few to learn more than the simplest differences; expect a poor model"
    elif each < SOME:
        expected = "few for photographs; expect a model that is much worse than with weights"
    else:
        expected = "enough for simple images; photographs would profit from weights"
    return f"{each} training images of the rarest label are {expected}"
