"""The whole way from pixels to the most likely label, as one module around a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from velox.models.checkpoint import Checkpoint


class Classifier(nn.Module):
    """Normalises, runs the network, and takes the most likely label with its probability.

    Args:
        network: takes `dtype` [N, 3, S, S] and returns [N, labels].
        checkpoint: whose normalisation, temperature and input size S apply.
        dtype: in which the network computes; the probabilities are float32.
    """

    def __init__(
        self, network: nn.Module, checkpoint: Checkpoint, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.network = network
        self.temperature = checkpoint.temperature
        mean, std = torch.tensor(checkpoint.mean), torch.tensor(checkpoint.std)
        # For a row of pixels: a loop over the three channels alone would be too short to be fast.
        self.register_buffer("scale", (1 / (255 * std)).repeat(checkpoint.input_size).to(dtype))
        self.register_buffer("shift", (-mean / std).repeat(checkpoint.input_size).to(dtype))
        self.scale: Tensor
        self.shift: Tensor

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the network takes, of uint8 [N, 3, S, S], channels last."""
        last = pixels.permute(0, 2, 3, 1)
        rows = last.flatten(2).to(self.scale.dtype)
        return torch.addcmul(self.shift, rows, self.scale).reshape(last.shape).permute(0, 3, 1, 2)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Classify uint8 [N, 3, S, S]; returns int64 [N] and float32 [N]."""
        logits = self.network(self.normalised(pixels)).float()
        confidence, index = torch.softmax(logits / self.temperature, dim=1).max(dim=1)
        return index, confidence
