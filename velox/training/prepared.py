"""What the steps of a training share, and what they come to."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from velox.base.terminal import Progress
from velox.images.preprocessing import Preprocessing
from velox.settings.training import TrainSettings
from velox.training.data.dataset import Dataset, Splits
from velox.training.doubt import Doubt
from velox.training.evaluation import Inputs
from velox.training.judgement import Judgement
from velox.training.look import Look
from velox.training.recipe import Recipe
from velox.training.start import Start


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a training begins with, and what its steps share.

    Attributes:
        settings: with the images and the size of input that they leave open.
        start: the weights to start from.
        preprocessing: how an image becomes the network's input.
        splits: the images.
        seen: what there is to say of a folder of them.
        others: images that have none of the labels, None where none are given.
        inputs: how images are given to the network.
        recipe: how to train.
        progress: told how far each step is.
        stop: ends each step early.
    """

    settings: TrainSettings
    start: Start
    preprocessing: Preprocessing
    splits: Splits
    seen: Look | None
    others: Dataset | None
    inputs: Inputs
    recipe: Recipe
    progress: Progress
    stop: threading.Event


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a training has come to.

    Attributes:
        network: as it will be used.
        found: what it is worth by the test images.
        across: the same by cross-validation, where test images are few.
        doubts: images whose labels are likely to be wrong; None where none were looked for.
        facts: what belongs at the head of the reports, in order.
        against: why the model is refused, None where it is not.
    """

    network: nn.Module
    found: Judgement
    across: Judgement | None
    doubts: Sequence[Doubt] | None
    facts: Mapping[str, str]
    against: str | None
