"""The networks that can be trained and run: the classifiers of torchvision, by their names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from velox.base.errors import SettingError
from velox.models.compiler import COMPILER, left_out

# For one question that `torchvision.ops.roi_align` asks it when it is called; no classifier does.
with left_out(f"{COMPILER}.utils", called=["is_compile_supported"]):
    from torchvision import models as _models

models: Any = _models


def architectures() -> list[str]:
    """The names of the classifiers in `torchvision.models`."""
    return models.list_models(module=models)  # type: ignore[no-any-return]


def require_architecture(name: str) -> None:
    """Refuse a name that is no classifier's.

    Raises:
        SettingError: when torchvision has no classifier of that name.
    """
    if name not in architectures():
        raise SettingError(
            f"MODEL_ARCH={name!r} is not allowed: one of {', '.join(architectures())}"
        )


def build(architecture: str, classes: int) -> nn.Module:
    """Make a classifier with so many outputs and random weights.

    Raises:
        SettingError: when torchvision has no classifier of that name.
    """
    require_architecture(architecture)
    # The auxiliary outputs of these two serve a training on ImageNet and change what is returned.
    extra = {"googlenet": {"aux_logits": False}, "inception_v3": {"aux_logits": False}}
    options: dict[str, Any] = extra.get(architecture, {})
    if options:
        options["init_weights"] = True
    model: nn.Module = models.get_model(architecture, weights=None, num_classes=classes, **options)
    return model


def shapes_of(architecture: str, classes: int) -> dict[str, torch.Size]:
    """The shapes of a classifier's tensors by their names, in their order.

    Raises:
        SettingError: when torchvision has no classifier of that name.
    """
    try:
        with torch.device("meta"):
            made = build(architecture, classes).state_dict()
    except NotImplementedError:  # RegNet computes its widths from tensors with values
        made = build(architecture, classes).state_dict()
    return {name: value.shape for name, value in made.items()}
