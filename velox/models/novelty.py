"""How unlike the images of a model's training an image is.

Two measures tell. What the network's inner maps say of the image (`velox.models.inner_maps`) has a
distance from the nearest label's mean, Mahalanobis's, under a covariance that all labels share
(K. Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution Samples and
Adversarial Attacks", 2018, arXiv:1807.03888). The covariance is that of probabilistic principal
component analysis (M. Tipping and C. Bishop, 1999): some directions with a variance of their own,
one variance for all others. And the network's outputs have an energy (W. Liu et al., "Energy-based
Out-of-distribution Detection", 2020, arXiv:2010.03759).

The logarithm of the one and the other are counted in standard deviations from the mean of known
images. The novelty is their smooth maximum, log(exp(a) + exp(b)): one that is striking is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Tensor

from velox.models.inner_maps import Pooled, Whole, joined

SHIFT, SCALE, CENTRES, DIRECTIONS = "shift", "scale", "centres", "directions"
MEANS, DEVIATIONS = "means", "deviations"
MEASURES = 2
# What `ready` adds.
PULL, OFFSETS, SIGNS = "pull", "offsets", "signs"
_LEAST = 1e-6


class Novelty(Whole):
    """Computes the novelty of images; in float32, whatever the network computes in.

    Args:
        tensors: with D numbers of the inner maps, C labels: `shift`, `scale` float32 [D], `centres`
            float32 [C, D] and `directions` float32 [D, K] as `measures` takes them, and `means`,
            `deviations` float32 [2] of both measures for known images.
        temperature: divides the logits.
    """

    def __init__(self, tensors: Mapping[str, Tensor], temperature: float) -> None:
        super().__init__()
        self._temperature = temperature
        for name, value in ready({name: each.float() for name, each in tensors.items()}).items():
            self.register_buffer(name, value)
        self.means: Tensor
        self.deviations: Tensor

    def forward(self, logits: Tensor, *pooled: Pooled) -> Tensor:
        """The novelty of N images, float32 [N].

        Args:
            logits: [N, C].
            pooled: of each stage, together D numbers.
        """
        tensors = dict(self.named_buffers())
        found = measures(tensors, logits.float(), joined(pooled), self._temperature)
        return novelty(found, self.means, self.deviations)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Go along to another device, and stay in float32; see `torch.nn.Module`."""

        def moved(each: Tensor) -> Tensor:
            return each.to(fn(each).device)

        return super()._apply(moved, recurse)  # type: ignore[no-untyped-call, no-any-return]


def ready(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """With all that can be computed before there is an image.

    Args:
        tensors: `shift` and `scale` make of the numbers what is compared, `centres` are the labels'
            means of that, and `directions` are those in which it varies more than elsewhere, each
            as long as says how much: the root of one minus the ratio of the variances.
    """
    centres, directions = tensors[CENTRES], tensors[DIRECTIONS]
    across = centres - centres @ directions @ directions.T
    signs = torch.ones(sum(directions.shape), 1, device=directions.device)
    signs[len(directions) :] = -1
    offsets = (centres * across).sum(dim=1)
    return {**tensors, PULL: -2 * across.T, OFFSETS: offsets, SIGNS: signs}


def measures(
    tensors: Mapping[str, Tensor], logits: Tensor, numbers: Tensor, temperature: float
) -> Tensor:
    """The logarithm of the squared distance and the energy of N images, float32 [N, 2].

    Each step costs as much as several images in a small batch, so they are few.

    Args:
        tensors: of `ready`.
        logits: float32 [N, C].
        numbers: of the inner maps, float32 [N, D].
        temperature: divides the logits.
    """
    # With P = 1 - D D' it is (x - m)' P (x - m) = x' x - x' D D' x - 2 m' P x + m' P m.
    moved = (numbers - tensors[SHIFT]) * tensors[SCALE]
    parts = torch.cat((moved, moved @ tensors[DIRECTIONS]), dim=1)
    own = (parts * parts) @ tensors[SIGNS]
    to_label = torch.addmm(tensors[OFFSETS], moved, tensors[PULL]).amin(dim=1, keepdim=True)
    distance = (own + to_label).clamp(min=_LEAST).log()
    energy = -torch.logsumexp(logits / temperature, dim=1, keepdim=True)
    return torch.cat((distance, energy), dim=1)


def novelty(found: Tensor, means: Tensor, deviations: Tensor) -> Tensor:
    """What both measures say together, float32 [N], of [N, 2] and of what is usual, [2] each."""
    return torch.logsumexp((found - means) / deviations, dim=1)


def require_sound(tensors: Mapping[str, Tensor], labels: int) -> None:
    """Refuse tensors that are not those of a `Novelty`.

    Raises:
        ValueError: when these are none.
    """
    names = {SHIFT, SCALE, CENTRES, DIRECTIONS, MEANS, DEVIATIONS}
    if tensors.keys() != names:
        raise ValueError("its novelty lacks tensors, or has others")
    if not all(torch.isfinite(each).all() for each in tensors.values()):
        raise ValueError("its novelty holds values that are not finite")
    wide = tensors[SHIFT].numel()
    wanted = {
        SHIFT: (wide,),
        SCALE: (wide,),
        CENTRES: (labels, wide),
        DIRECTIONS: (wide, tensors[DIRECTIONS].numel() // max(1, wide)),
        MEANS: (MEASURES,),
        DEVIATIONS: (MEASURES,),
    }
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise ValueError(f"{name} of its novelty has the shape {list(tensors[name].shape)}")
    if not (tensors[DEVIATIONS] > 0).all():
        raise ValueError("the deviations of its novelty are not above 0")
