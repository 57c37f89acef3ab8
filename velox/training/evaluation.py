"""What a network makes of images that it does not learn from."""

from __future__ import annotations

import math
import threading

import numpy as np
import torch
from torch import Tensor, nn

from velox.base.waiting import Stopped
from velox.models.checkpoint import IMAGENET_MEAN, IMAGENET_STD
from velox.models.samples import Samples
from velox.training.data.dataset import Dataset, Pixels

EVALUATION_BATCH = 64


def normalised(pixels: Pixels, device: torch.device) -> Tensor:
    """Images uint8 [N, S, S, 3] as the network's input, float32 [N, 3, S, S] channels last."""
    images = torch.from_numpy(np.ascontiguousarray(pixels)).to(device).permute(0, 3, 1, 2)
    mean = torch.tensor(IMAGENET_MEAN, device=device).reshape(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=device).reshape(1, 3, 1, 1)
    return (images.float() / 255 - mean) / std


@torch.inference_mode()
def outputs(
    network: nn.Module, data: Dataset, *, device: torch.device, stop: threading.Event
) -> Tensor:
    """What a network makes of a data set: logits float32 [N, C], on the CPU.

    Raises:
        Stopped: when told to stop.
    """
    network.eval()
    found = []
    for batch in np.array_split(np.arange(len(data)), math.ceil(len(data) / EVALUATION_BATCH)):
        if stop.is_set():
            raise Stopped("stopped while the model was judged; no model was written")
        pixels, _ = data.take(batch)
        found.append(network(normalised(pixels, device)).float().cpu())
    return torch.cat(found)


@torch.inference_mode()
def accuracy(network: nn.Module, samples: Samples, *, device: torch.device) -> float:
    """The share of samples that a network gets right, as who reads the checkpoint decodes them."""
    network.eval()
    targets = torch.tensor(samples.targets)
    found = [
        network(normalised(pixels, device)).argmax(dim=1).cpu()
        for pixels in np.array_split(samples.pixels(), math.ceil(len(samples) / EVALUATION_BATCH))
    ]
    return (torch.cat(found) == targets).double().mean().item()
