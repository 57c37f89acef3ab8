"""What other programs wrap weights in: a dict around them, a prefix before each name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor

# Lightning and timm; PyTorch's tutorials; torchvision's reference scripts; and others.
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")
# nn.DataParallel and DistributedDataParallel; torch.compile; modules that hold the network.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")


def is_state_dict(content: Any) -> TypeGuard[Mapping[str, Tensor]]:
    """Whether it is a dict of plain tensors by their names, and not empty."""
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(name, str) for name in content)
        and all(_is_plain(value) for value in content.values())
    )


def _is_plain(value: Any) -> bool:
    """Whether it is a tensor of numbers that are there: not sparse, quantised or of shape alone."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and not (value.is_quantized or value.is_meta)
    )


def wrapper_of(content: Any) -> str | None:
    """Under which key a dict holds a state dict, None for none of the usual ones."""
    if not isinstance(content, Mapping):
        return None
    return next((key for key in WRAPPERS if is_state_dict(content.get(key))), None)


def elsewhere(content: Any, *, place: str = "content", depth: int = 2) -> str:
    """Where else a dict, or one in it, holds a state dict, as Python has it; empty for nowhere."""
    if not isinstance(content, Mapping) or depth == 0:
        return ""
    for key, value in content.items():
        at = f"{place}[{key!r}]"
        # A network's tensors lie in its layers, an optimizer's in none.
        if is_state_dict(value) and all("." in name for name in value):
            return at
        if found := elsewhere(value, place=at, depth=depth - 1):
            return found
    return ""


def prefix_of(names: Iterable[str]) -> str:
    """The usual prefixes that all names have, as `module._orig_mod.`; empty for none."""
    left, found = list(names), ""
    while (prefix := _shared(left)) is not None:
        left = [name.removeprefix(prefix) for name in left]
        found += prefix
    return found


def _shared(names: list[str]) -> str | None:
    shared = (each for each in PREFIXES if all(name.startswith(each) for name in names))
    return next(shared, None) if names else None
