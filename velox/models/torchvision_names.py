"""The tensors of torchvision's files by the names that the network has which is built of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

# Outputs beside the last layer that serve a training on ImageNet and that Velox builds without.
_AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")
# torchvision's files for DenseNet have names with a point that its networks have not
# (`torchvision.models.densenet._load_state_dict`).
_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12])(?=\.)")


def as_built(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that a network of Velox has a place for, by its names for them."""
    return {
        _DENSENET.sub(r"\1\2", name): value
        for name, value in tensors.items()
        if not name.startswith(_AUXILIARY)
    }
