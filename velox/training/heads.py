"""Small classifiers on a network's inner maps, so that its early layers are taught directly.

A network that starts from random weights learns from its own last layer alone only after its many
layers in between pass something useful on. A linear classifier on each inner map shortens the way
(C.-Y. Lee et al., "Deeply-Supervised Nets", 2015; GoogLeNet's auxiliary classifiers). They serve
training alone and are no part of the checkpoint.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import Tensor, nn

# Smaller maps are nearly the network's end, larger ones hardly its beginning.
LEAST_SIDE = 3
MOST_OF_INPUT = 4


class Heads(nn.Module):
    """A linear classifier on the mean of the last map of each size.

    Args:
        network: on the CPU; takes float32 [N, 3, S, S]. Networks without such maps get none.
        size: S.
        classes: labels.
    """

    def __init__(self, network: nn.Module, *, size: int, classes: int) -> None:
        super().__init__()
        self._maps: dict[int, Tensor] = {}
        found = _last_maps(network, size)
        for side, (layer, _channels) in found.items():
            layer.register_forward_hook(self._keeping(side))
        self._sides = list(found)
        self._linear = nn.ModuleList(nn.Linear(channels, classes) for _, channels in found.values())

    def forward(self) -> list[Tensor]:
        """The logits, each float32 [N, C], for what the network was last given."""
        means = [self._maps.pop(side).mean(dim=(2, 3)) for side in self._sides]
        return [linear(mean) for linear, mean in zip(self._linear, means, strict=True)]

    def _keeping(self, side: int) -> Any:
        def keep(_layer: nn.Module, _inputs: Any, output: Tensor) -> None:
            if torch.is_grad_enabled():
                self._maps[side] = output

        return keep


def _last_maps(network: nn.Module, size: int) -> dict[int, tuple[nn.Module, int]]:
    """By their side in pixels, the last layer whose output is such a map, and its channels.

    A layer that is used several times, as a block's one ReLU is, has more than one output.
    """
    found: list[tuple[int, nn.Module, int]] = []
    uses: Counter[nn.Module] = Counter()

    def look(layer: nn.Module, _inputs: Any, output: Any) -> None:
        uses[layer] += 1
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] == output.shape[3]:
            channels, side = output.shape[1], output.shape[2]
            if LEAST_SIDE <= side <= size // MOST_OF_INPUT:
                found.append((side, layer, channels))

    hooks = [layer.register_forward_hook(look) for layer in network.modules()]
    with torch.inference_mode():
        network.eval()(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return {side: (layer, channels) for side, layer, channels in found if uses[layer] == 1}
