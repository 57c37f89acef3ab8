"""The whole way from pixels to the most likely label, as one module around a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from velox.model import Checkpoint


class Classifier(nn.Module):
    """Normalises, runs the network, and takes the most likely label with its probability.

    Args:
        network: takes `dtype` [N, 3, S, S] and returns [N, labels].
        checkpoint: whose normalisation and temperature apply.
        dtype: in which the network computes; the probabilities are float32.
    """

    def __init__(
        self, network: nn.Module, checkpoint: Checkpoint, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.network = network
        self.temperature = checkpoint.temperature
        mean = torch.tensor(checkpoint.mean).reshape(1, 3, 1, 1)
        std = torch.tensor(checkpoint.std).reshape(1, 3, 1, 1)
        self.register_buffer("scale", (1 / (255 * std)).to(dtype))
        self.register_buffer("shift", (-mean / std).to(dtype))
        self.scale: Tensor
        self.shift: Tensor

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the network takes, of uint8 [N, 3, S, S]."""
        return torch.addcmul(self.shift, pixels.to(self.scale.dtype), self.scale)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Classify uint8 [N, 3, S, S]; returns int64 [N] and float32 [N]."""
        logits = self.network(self.normalised(pixels)).float()
        confidence, index = torch.softmax(logits / self.temperature, dim=1).max(dim=1)
        return index, confidence
