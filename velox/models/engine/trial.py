"""The form of a model on CUDA: half precision and compiled code, where they decide the same."""

from __future__ import annotations

import logging

import torch
from torch import nn

from velox.models.checkpoint import Checkpoint, at_work
from velox.models.engine.check import (
    Bounds,
    Refused,
    require_same_decisions,
    say_refused,
    worth_trying,
)
from velox.models.engine.classifier import Answer, Classifier
from velox.models.engine.fold import folded_if_possible
from velox.models.engine.forms import TOLERANCE, trial_pixels
from velox.models.engine.workers import joined

# What each precision tries before fp32, in this order, until one is not refused.
NARROW = {"auto": ("fp16", "bf16"), "bf16": ("bf16",), "fp32": ()}
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

log = logging.getLogger(__name__)


class Trial:
    """Makes a checkpoint's classifier in half precision, and sees that it decides as float32 does.

    Args:
        checkpoint: what to run.
        device: where.
        batch_size: images that are tried at once.
        bounds: what images are decided by.
        top: labels that each image is given.
        compiled: whether to compile what is taken.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        batch_size: int,
        bounds: Bounds,
        *,
        top: int = 1,
        compiled: bool = False,
    ) -> None:
        self._checkpoint = checkpoint
        self._top = top
        self._device = device
        self._batch_size = batch_size
        self._bounds = bounds
        self._compile = compiled

    def best(self, precision: str) -> tuple[nn.Module, torch.dtype]:
        """The classifier in the first type of a precision that is not refused, else in float32."""
        full = self._classifier(torch.float32)
        expected: Answer | None = None
        samples = len(self._checkpoint.samples)
        for name, following in worth_trying(precision, NARROW[precision], samples):
            dtype = DTYPES[name]
            try:
                narrow = self._classifier(dtype)
                expected = expected or self._on_samples(full)
                self._check(self._on_samples(narrow), expected)
            except Refused as reason:
                say_refused(precision, [name], reason, following)
            else:
                return self._best_of(narrow), dtype
        return self._best_of(full), torch.float32

    def _best_of(self, plain: nn.Module) -> nn.Module:
        """The classifier, compiled if that is wanted, can be done and answers the same."""
        if not self._compile:
            return plain
        try:
            # The compiler takes longer to import than all else.
            from velox.models.engine.compiled import Compiled

            made = Compiled(plain)
            self._require_same(made, plain)
        except Exception as error:
            # The compiler, and what it calls, raise what they like; without it all is as before.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            log.warning("TORCH_COMPILE=1: the model runs as it is, not compiled: %s", reason)
            return plain
        return made

    def _require_same(self, made: nn.Module, plain: nn.Module) -> None:
        if len(self._checkpoint.samples):
            self._require_same_decisions(self._on_samples(made), self._on_samples(plain))
            return
        pixels = trial_pixels(self._checkpoint.input_size).to(self._device)
        difference = (made(pixels)[1] - plain(pixels)[1]).abs().max().item()
        if not difference <= TOLERANCE:
            raise Refused(f"a probability differs by {difference:.4f}")

    def _classifier(self, dtype: torch.dtype) -> nn.Module:
        network = folded_if_possible(at_work(self._checkpoint)).to(dtype)
        network = network.to(memory_format=torch.channels_last)
        return Classifier(network, self._checkpoint, dtype, top=self._top).to(self._device)

    def _check(self, found: Answer, expected: Answer) -> None:
        # float16 ends at 65504: activations of a few networks go beyond.
        if not all(torch.isfinite(each).all() for each in found[1:]):
            raise Refused("the model's answers in it are not finite")
        self._require_same_decisions(found, expected)

    def _require_same_decisions(self, found: Answer, expected: Answer) -> None:
        targets = torch.tensor(self._checkpoint.samples.targets)
        require_same_decisions(found, expected, targets, self._bounds)

    def _on_samples(self, classifier: nn.Module) -> Answer:
        """What a classifier makes of the samples, on the CPU."""
        pixels = torch.from_numpy(self._checkpoint.samples.pixels())
        answers: list[Answer] = []
        size, start = self._batch_size, 0
        while start < len(pixels):
            # The last batch is filled up: cuDNN prepares each size of batch for seconds.
            rows = torch.arange(start, start + size) % len(pixels)
            try:
                answer = classifier(pixels[rows].to(self._device).permute(0, 3, 1, 2))
                answers.append(tuple(each[: len(pixels) - start] for each in answer))
                start += size
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = size // 2
        return tuple(each.cpu() for each in joined(answers))
