"""Random changes to images that leave their labels true, made on the device a batch at a time."""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn import functional

DEGREES = 15.0
ZOOM = 1.25
SHIFT = 0.1
LIGHT = 0.25


def augmented(images: Tensor, changes: Collection[str]) -> Tensor:
    """Change each image in its own way.

    Args:
        images: float32 [N, 3, S, S].
        changes: out of `rotate` (by up to 15 degrees either way), `zoom` (up to 1.25 times smaller
            or larger), `shift` (by up to a tenth of the size), `flip` (left and right, every second
            one) and `light` (brightness and contrast by up to a quarter).

    Returns:
        float32 [N, 3, S, S]; what comes in from outside continues the border.
    """
    count, device = len(images), images.device

    def uniform(change: str, low: float, high: float) -> Tensor:
        # Drawn on the CPU, so that every device sees the same changes.
        drawn = torch.rand(count) * (high - low) + low
        return drawn.to(device) if change in changes else torch.zeros(count, device=device)

    if not {"rotate", "zoom", "shift", "flip"}.isdisjoint(changes):
        angle = uniform("rotate", -DEGREES, DEGREES) * (math.pi / 180)
        scale = torch.exp(uniform("zoom", -math.log(ZOOM), math.log(ZOOM)))
        # Coordinates go from -1 to 1: a shift by a share of the size is twice that.
        right, down = (
            uniform("shift", -2 * SHIFT, 2 * SHIFT),
            uniform("shift", -2 * SHIFT, 2 * SHIFT),
        )
        mirror = torch.where(uniform("flip", -1, 1) < 0, -1.0, 1.0)
        cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
        rows = torch.stack([cosine * mirror, -sine, right, sine * mirror, cosine, down], dim=1)
        grid = functional.affine_grid(rows.reshape(-1, 2, 3), list(images.shape), False)
        images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    if "light" in changes:
        contrast = 1 + uniform("light", -LIGHT, LIGHT).reshape(-1, 1, 1, 1)
        images = images * contrast + uniform("light", -LIGHT, LIGHT).reshape(-1, 1, 1, 1)
    return images
