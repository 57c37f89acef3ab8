"""What timm calls the tensors of networks that it has in common with torchvision.

Read in timm 1.0 (`timm/models/_efficientnet_blocks.py`, `efficientnet.py`): these networks compute
the same from the same tensors. EfficientNet from B5 on and MobileNetV3 do not, for their batch
normalisations have another epsilon. ResNet and DenseNet have torchvision's names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_EFFICIENT = tuple(f"efficientnet_b{number}" for number in range(5))
# Blocks of each stage (M. Sandler et al., "MobileNetV2", table 2).
_MOBILE_STAGES = (1, 2, 3, 4, 3, 3, 1)

# The parts of a block, with and without the layer that widens it.
_EFFICIENT_WIDE = {
    "0.0": "conv_pw", "0.1": "bn1", "1.0": "conv_dw", "1.1": "bn2",
    "2.fc1": "se.conv_reduce", "2.fc2": "se.conv_expand", "3.0": "conv_pwl", "3.1": "bn3",
}  # fmt: skip
_EFFICIENT_PLAIN = {
    "0.0": "conv_dw", "0.1": "bn1", "1.fc1": "se.conv_reduce", "1.fc2": "se.conv_expand",
    "2.0": "conv_pw", "2.1": "bn2",
}  # fmt: skip
_MOBILE_WIDE = {
    "0.0": "conv_pw", "0.1": "bn1", "1.0": "conv_dw", "1.1": "bn2", "2": "conv_pwl", "3": "bn3",
}  # fmt: skip
_MOBILE_PLAIN = {"0.0": "conv_dw", "0.1": "bn1", "1": "conv_pw", "2": "bn2"}


def by_timm_name(architecture: str, names: Iterable[str]) -> dict[str, str]:
    """Torchvision's names of an architecture's tensors by timm's; empty where more differs.

    Args:
        architecture: as torchvision calls it.
        names: all of its tensors, as torchvision calls them.
    """
    if architecture == "mobilenet_v2":
        return {_of_mobile(name): name for name in names}
    if architecture in _EFFICIENT:
        listed = list(names)
        last = max(int(name.split(".")[1]) for name in listed if name.startswith("features."))
        return {_of_efficient(name, last): name for name in listed}
    return {}


def _of_mobile(name: str) -> str:
    if found := re.fullmatch(r"features\.(\d+)\.conv\.((?:\d\.)?\d)\.(\w+)", name):
        position, part, kind = int(found[1]) - 1, found[2], found[3]
        parts = _MOBILE_WIDE if position else _MOBILE_PLAIN
        stage = 0
        while position >= _MOBILE_STAGES[stage]:
            position -= _MOBILE_STAGES[stage]
            stage += 1
        return f"blocks.{stage}.{position}.{parts[part]}.{kind}"
    return _outside(name, sum(_MOBILE_STAGES) + 1)


def _of_efficient(name: str, last: int) -> str:
    if found := re.fullmatch(r"features\.(\d+)\.(\d+)\.block\.(\d\.\w+)\.(\w+)", name):
        stage, block, part, kind = int(found[1]) - 1, found[2], found[3], found[4]
        parts = _EFFICIENT_WIDE if stage else _EFFICIENT_PLAIN
        return f"blocks.{stage}.{block}.{parts[part]}.{kind}"
    return _outside(name, last)


def _outside(name: str, last: int) -> str:
    """Before and after the blocks."""
    for ours, theirs in (
        ("features.0.0", "conv_stem"),
        ("features.0.1", "bn1"),
        (f"features.{last}.0", "conv_head"),
        (f"features.{last}.1", "bn2"),
        ("classifier.1", "classifier"),
    ):
        if name.startswith(f"{ours}."):
            return theirs + name.removeprefix(ours)
    raise ValueError(f"{name} is no tensor of this network")
