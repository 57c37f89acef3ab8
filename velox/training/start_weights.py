"""Weights to start from: a local file's, all but the last layer's."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from velox.base.errors import SettingError
from velox.models.architectures import build

# Outputs beside the last layer that serve a training on ImageNet and that Velox builds without.
AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")


def start_from(network: nn.Module, path: Path, *, architecture: str, classes: int) -> int:
    """Give a network the weights of a file, all but its last layer's.

    Args:
        network: of the architecture, with so many outputs.
        path: the INIT_WEIGHTS: a state dict as torchvision has them, or a checkpoint of Velox.
        architecture: name of a classifier in `torchvision.models`.
        classes: outputs of the network.

    Returns:
        The number of tensors that were taken.

    Raises:
        SettingError: when the file cannot be read or is of another architecture.
    """
    given = _read(path)
    own = network.state_dict()
    last = _last_layer(architecture, classes)
    taken = {
        name: value
        for name, value in given.items()
        if name in own and name not in last and value.shape == own[name].shape
    }
    missing = sorted(own.keys() - taken.keys() - last)
    unknown = sorted(name for name in given.keys() - own.keys() if not name.startswith(AUXILIARY))
    if missing or unknown:
        wrong = (
            f"{len(missing)} of its tensors are missing or of another shape"
            if missing
            else (f"it has no place for {len(unknown)} of the file's tensors")
        )
        raise _refused(
            path,
            f"it does not fit MODEL_ARCH={architecture!r}: {wrong}, as {(missing or unknown)[0]}",
        )
    network.load_state_dict({**own, **taken})
    return len(taken)


def _last_layer(architecture: str, classes: int) -> set[str]:
    """The names of the tensors whose shape depends on the number of outputs."""
    with torch.device("meta"):
        one, other = (build(architecture, count).state_dict() for count in (classes, classes + 1))
    return {name for name, value in one.items() if value.shape != other[name].shape}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _refused(path, error.strerror or str(error)) from None
    except Exception as error:
        # What torch raises for a broken file differs by where it breaks and is documented nowhere.
        raise _refused(
            path, f"it is no file of weights: {str(error).partition(chr(10))[0]}"
        ) from error
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not all(
        isinstance(each, Tensor) for each in weights.values()
    ):
        raise _refused(path, "it holds no state dict")
    return weights


def _refused(path: Path, reason: str) -> SettingError:
    return SettingError(f"INIT_WEIGHTS={str(path)!r} cannot be used: {reason}")
