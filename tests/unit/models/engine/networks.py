"""A checkpoint of a small network that tells images apart, and what it must answer."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from velox.models import checkpoint as model
from velox.models.architectures import build
from velox.models.checkpoint import Checkpoint
from velox.models.engine.check import LEAST_SAMPLES
from velox.models.samples import Samples
from velox.training.data.dataset import Dataset, Held, Splits
from velox.training.evaluation import Inputs
from velox.training.novelty import find

SIZE = 64
LABELS = ("red_circle", "red_square", "green_circle")


def images(count: int, seed: int = 0, *, size: int = SIZE) -> NDArray[np.uint8]:
    """Halves of random colours: noise would average out to the same outputs."""
    halves = np.random.default_rng(seed).integers(256, size=(count, 2, 1, 3), dtype=np.uint8)
    return halves.repeat(size // 2, axis=1).repeat(size, axis=2)


@cache
def telling(
    architecture: str = "shufflenet_v2_x0_5",
    last: str = "fc",
    *,
    size: int = SIZE,
    passes: int = 30,
) -> Checkpoint:
    """Fresh weights say the same of all images; these are scaled until the labels differ.

    Args:
        architecture: of torchvision.
        last: the name of its last linear layer.
        size: of its input.
        passes: after which its norms know the images; one does where each counts in full.
    """
    torch.manual_seed(0)
    network = build(architecture, len(LABELS))
    pixels = torch.from_numpy(images(64, size=size)).permute(0, 3, 1, 2).float() / 64 - 2
    linear = network.get_submodule(last)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d) and passes == 1:
            module.momentum = 1.0
    with torch.no_grad():
        for _ in range(passes):
            network(pixels)
        logits = network.eval()(pixels)
        linear.get_parameter("bias").sub_(logits.mean(dim=0))
        for each in linear.parameters():
            each.div_(logits.std(dim=0).mean() / 2)
    return Checkpoint(
        architecture=architecture,
        labels=LABELS,
        input_size=size,
        state_dict=network.state_dict(),
        temperature=1.5,
        digest="0123456789ab",
    )


def with_samples(checkpoint: Checkpoint, count: int = LEAST_SAMPLES) -> Checkpoint:
    """With images as samples of which the network is sure; their labels are what it says."""
    pixels = images(8 * count, seed=1, size=checkpoint.input_size)
    drawn = Samples.of(pixels, [0] * 8 * count)
    confidence, index = reference(checkpoint, drawn.pixels()).max(dim=1)
    sure = confidence.argsort(descending=True)[:count].tolist()
    kept = [(drawn.images[row], int(index[row])) for row in sure]
    encoded, targets = zip(*kept, strict=True)
    return replace(checkpoint, samples=Samples(encoded, targets))


def knowing(checkpoint: Checkpoint) -> Checkpoint:
    """That tells noise from images such as these."""
    pixels = images(600, seed=2, size=checkpoint.input_size)
    data = Dataset(Held(pixels), np.arange(600), np.arange(600) % len(LABELS), LABELS)
    parts = Splits(*(data.subset(np.arange(first, first + 200)) for first in (0, 200, 400)))
    found = find(
        model.restore(checkpoint),
        parts,
        None,
        temperature=checkpoint.temperature,
        learned=None,
        inputs=Inputs(torch.device("cpu"), checkpoint.mean, checkpoint.std),
        seed=0,
        stop=threading.Event(),
    )
    assert found is not None
    return replace(checkpoint, novelty=found.tensors, unknown=found.limits)


def reference(checkpoint: Checkpoint, batch: NDArray[np.uint8]) -> Tensor:
    """Probabilities float32 [N, labels] by the plainest way."""
    mean, std = (
        torch.tensor(each).reshape(1, 3, 1, 1) for each in (checkpoint.mean, checkpoint.std)
    )
    network = _restored(checkpoint)
    pixels = torch.from_numpy(batch).permute(0, 3, 1, 2)
    with torch.inference_mode():
        # In parts, whose maps the caches can hold.
        parts = [network((part.float() / 255 - mean) / std) for part in torch.split(pixels, 64)]
    return torch.softmax(torch.cat(parts) / checkpoint.temperature, dim=1)


# By the identity of a checkpoint, which is held so that no other takes it.
_networks: dict[int, tuple[Checkpoint, nn.Module]] = {}


def _restored(checkpoint: Checkpoint) -> nn.Module:
    """Its network, built once: that takes longer than to ask it about a few images."""
    if id(checkpoint) not in _networks:
        _networks[id(checkpoint)] = checkpoint, model.restore(checkpoint)
    return _networks[id(checkpoint)][1]
