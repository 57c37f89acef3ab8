"""What a network makes of images that it does not learn from."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from velox.base.waiting import Stopped
from velox.models.description import IMAGENET_MEAN, IMAGENET_STD, RGB
from velox.models.samples import Samples
from velox.training.data.dataset import Dataset, Pixels

EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Inputs:
    """How images become a network's input.

    Attributes:
        device: where the network is.
        mean, std: of red, green and blue; the input is `(pixel / 255 - mean) / std`.
    """

    device: torch.device
    mean: RGB = IMAGENET_MEAN
    std: RGB = IMAGENET_STD

    def of(self, pixels: Pixels) -> Tensor:
        """Images uint8 [N, S, S, 3] as input, float32 [N, 3, S, S] channels last."""
        images = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)
        mean, std = (
            torch.tensor(each, device=self.device).reshape(1, 3, 1, 1)
            for each in (self.mean, self.std)
        )
        return (images.permute(0, 3, 1, 2).float() / 255 - mean) / std


@torch.inference_mode()
def outputs(network: nn.Module, data: Dataset, *, inputs: Inputs, stop: threading.Event) -> Tensor:
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
        found.append(network(inputs.of(pixels)).float().cpu())
    return torch.cat(found)


@torch.inference_mode()
def accuracy(network: nn.Module, samples: Samples, *, inputs: Inputs) -> float:
    """The share of samples that a network gets right, as who reads the checkpoint decodes them."""
    network.eval()
    targets = torch.tensor(samples.targets)
    found = [
        network(inputs.of(pixels)).argmax(dim=1).cpu()
        for pixels in np.array_split(samples.pixels(), math.ceil(len(samples) / EVALUATION_BATCH))
    ]
    return (torch.cat(found) == targets).double().mean().item()
