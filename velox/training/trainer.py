"""Training: passes over a data set that fit a network to it.

Each epoch's randomness comes from the seed and the epoch's number alone, and the learning rate is a
function of the step, so that an epoch does not depend on how the process came to it.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from velox.base.errors import SettingError, TrainingFailed
from velox.base.waiting import Stopped
from velox.training.data.augment import augmented
from velox.training.data.dataset import Dataset, Indices
from velox.training.evaluation import Inputs
from velox.training.heads import Heads
from velox.training.recipe import Recipe

WARM_UP = 0.25
WEIGHT_DECAY = 0.01
HEADS_WEIGHT = 1.0
# Share of the parameters, from the input on, that `Recipe.keep_early` keeps: edges, colours and
# textures, which are the same for all images, and most of the time that learning takes.
EARLY = 0.1

OnStep = Callable[[int, int], None]


def make_deterministic(seed: int) -> None:
    """Let the same seed on the same machine give the same weights."""
    # cuBLAS reads it when it starts (CUDA's documentation, "Results reproducibility").
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.manual_seed(seed)
    # What `use_deterministic_algorithms` does, without importing the compiler, which takes seconds.
    torch.set_deterministic_debug_mode("warn")
    # What it would fill is written before it is read, and a step takes a twentieth longer with it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False


class Trainer:
    """Fits a network to a data set: in float32 on the CPU, in mixed precision on CUDA.

    Args:
        network: takes float32 [N, 3, S, S] and returns logits [N, C]; moved to the device.
        data: to learn from. Of two labels, the one with fewer images counts for more in the loss,
            so that each label has the same weight.
        recipe: how.
        inputs: how images are given to the network, and on what device.
        stop: ends it early.
        heads: taught along with the network, where it starts from random weights.
    """

    def __init__(
        self,
        network: nn.Module,
        data: Dataset,
        *,
        recipe: Recipe,
        inputs: Inputs,
        stop: threading.Event,
        heads: Heads | None = None,
    ) -> None:
        self._inputs = inputs
        self._device = device = inputs.device
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._heads = heads.to(device) if heads else None
        self._data = data
        self._recipe = recipe
        self._stop = stop
        if recipe.keep_early:
            keep_early(network)
        of_network = [each for each in network.parameters() if each.requires_grad]
        learned = [*of_network, *(heads.parameters() if heads else ())]
        self._optimizer = torch.optim.AdamW(
            learned, lr=recipe.learning_rate, weight_decay=WEIGHT_DECAY
        )
        self._scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
        self._weights = class_weights(data).to(device)
        self._batches = math.ceil(len(data) / recipe.batch_size)

    def epoch(self, number: int, on_step: OnStep) -> float:
        """Go through the data once.

        Args:
            number: of the epoch, from 0.
            on_step: called with the steps done and the steps of the epoch.

        Returns:
            The mean loss of the epoch's steps.

        Raises:
            Stopped: when told to stop.
            TrainingFailed: when the loss is no number any more.
        """
        # The next seed's epochs must not be this one's, moved by one.
        torch.manual_seed(self._recipe.seed * 1_000_003 + number)
        order = torch.randperm(len(self._data)).numpy()
        total = torch.zeros((), device=self._device)
        self.network.train()
        if self._recipe.keep_early:
            for layer in self.network.modules():
                if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                    layer.eval()
        # Batches of nearly the same size: a last one of a single image has no batch statistics.
        for step, batch in enumerate(np.array_split(order, self._batches)):
            if self._stop.is_set():
                raise Stopped("stopped while training; no model was written")
            self._set_learning_rate(number * self._batches + step)
            total += self._step(batch)
            on_step(step + 1, self._batches)
        loss = total.item() / self._batches
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"the loss of epoch {number + 1} is not a number; "
                f"LEARNING_RATE={self._recipe.learning_rate:g} may be too high"
            )
        return loss

    def _step(self, batch: Indices) -> Tensor:
        pixels, targets = self._data.take(batch)
        images = augmented(self._inputs.of(pixels), self._recipe.augment)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self._device.type, torch.float16, enabled=self._scaler.is_enabled()):
            logits = self.network(images)
            from_heads = self._heads() if self._heads else []
        truth = torch.from_numpy(targets).to(self._device)
        loss = functional.cross_entropy(
            logits.float(),
            truth,
            weight=self._weights,
            label_smoothing=self._recipe.smoothing,
        )
        taught = loss + HEADS_WEIGHT * sum(
            functional.cross_entropy(each.float(), truth, weight=self._weights)
            for each in from_heads
        )
        self._optimizer.zero_grad(set_to_none=True)
        self._scaler.scale(taught).backward()  # type: ignore[no-untyped-call]
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach()

    def _set_learning_rate(self, step: int) -> None:
        share = one_cycle((step + 1) / (self._recipe.epochs * self._batches))
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * share

    def state(self) -> dict[str, Any]:
        """All that the next epoch depends on."""
        return {
            "network": self.network.state_dict(),
            "heads": self._heads.state_dict() if self._heads else {},
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state` returned."""
        self.network.load_state_dict(state["network"])
        if self._heads:
            self._heads.load_state_dict(state["heads"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])


def keep_early(network: nn.Module) -> None:
    """Let the first parameters of a network learn nothing."""
    left = EARLY * sum(each.numel() for each in network.parameters())
    for each in network.parameters():
        left -= each.numel()
        if left < 0:
            return
        each.requires_grad_(False)


def class_weights(data: Dataset) -> Tensor:
    """What an image of each label counts, float32 [C]: N / (C * images of the label)."""
    counts = np.maximum(1, data.counts())
    return torch.from_numpy(len(data) / (len(counts) * counts)).float()


def one_cycle(progress: float) -> float:
    """The share of the peak learning rate: up in a line, down along half a cosine.

    L. N. Smith and N. Topin, "Super-Convergence", 2018 (arXiv:1708.07120).

    Args:
        progress: share of all steps, in (0, 1].
    """
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def require_trainable(
    network: nn.Module, architecture: str, *, size: int, batch_size: int, inputs: Inputs
) -> None:
    """Try one step on a copy, before anything takes long.

    Raises:
        SettingError: when the network cannot take such images or batches, or no memory holds them.
    """
    blank = np.zeros((batch_size, size, size, 3), np.uint8)
    try:
        deepcopy(network).to(inputs.device).train()(inputs.of(blank)).sum().backward()
    except Exception as error:
        # Each architecture refuses in its own way: assertions, value and runtime errors.
        raise SettingError(
            f"INPUT_SIZE={size} or TRAIN_BATCH_SIZE={batch_size} does not suit "
            f"MODEL_ARCH={architecture!r}: {str(error).partition(chr(10))[0]}"
        ) from error
