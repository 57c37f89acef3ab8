"""The whole way from pixels to the most likely labels, as one module around a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from velox.models.checkpoint import Checkpoint

# For N images: the indices of their K most likely labels, int64 [N, K], the likeliest first, their
# probabilities, float32 [N, K], and, where the network gives it, their novelty, float32 [N].
Answer = tuple[Tensor, ...]


class Classifier(nn.Module):
    """Normalises, runs the network, and takes the most likely labels with their probabilities.

    Args:
        network: takes `dtype` [N, 3, S, S] and returns [N, labels], and beside it, where it has
            been taught to, how unlike the images of its training each is, float32 [N].
        checkpoint: whose normalisation, temperature and input size S apply.
        dtype: in which the network computes; the probabilities are float32.
        top: labels K that each image is given.
    """

    def __init__(
        self,
        network: nn.Module,
        checkpoint: Checkpoint,
        dtype: torch.dtype = torch.float32,
        *,
        top: int = 1,
    ) -> None:
        super().__init__()
        self.top = top
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

    def forward(self, pixels: Tensor) -> Answer:
        """Classify uint8 [N, 3, S, S]."""
        found = self.network(self.normalised(pixels))
        logits, *novelty = found if isinstance(found, tuple) else (found,)
        probabilities = torch.softmax(logits.float() / self.temperature, dim=1)
        if self.top == 1:
            confidence, index = probabilities.max(dim=1, keepdim=True)
        else:
            confidence, index = probabilities.topk(self.top, dim=1)
        return index, confidence, *novelty
