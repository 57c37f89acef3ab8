"""The networks that can be trained and run: the classifiers of torchvision, by their names."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision import models

from velox.base.errors import SettingError


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
