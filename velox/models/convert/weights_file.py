"""A state dict out of a file, whatever it is wrapped in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from velox.base.errors import CANNOT_BE_READ, CheckpointError
from velox.models import torch_file
from velox.models.convert import safetensors
from velox.models.wrappings import WRAPPERS, elsewhere, is_state_dict, prefix_of, wrapper_of


@dataclass(frozen=True)
class Weights:
    """What a file held.

    Attributes:
        tensors: by the names they had without prefixes.
        ordered: whether their order is that of the network; safetensors keeps none.
        named: what the file says it is of, as timm's training writes; empty if nothing.
        wrapping: the key and the prefix that were taken off.
    """

    tensors: Mapping[str, Tensor] = field(repr=False)
    ordered: bool
    named: str
    wrapping: str


def read(path: Path) -> Weights:
    """Read weights that `torch.save` or safetensors wrote.

    Raises:
        CheckpointError: naming the file and the reason, when it holds none or cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} {CANNOT_BE_READ}: {error.strerror}") from error
    if torch_file.looks_like_safetensors(data):
        try:
            return _unwrapped(safetensors.read(data), "", "", ordered=False)
        except ValueError as error:
            raise CheckpointError(f"{path} is no usable safetensors file: {error}") from None
    content = torch_file.read(data, path)
    if is_state_dict(content):
        return _unwrapped(content, "", "", ordered=True)
    key = wrapper_of(content)
    if key is None:
        raise CheckpointError(f"{path} holds no state dict{_elsewhere(content)}")
    named = content.get("arch")
    return _unwrapped(content[key], key, named if isinstance(named, str) else "", ordered=True)


def _elsewhere(content: Any) -> str:
    """Where else a dict has a state dict, and what to do; empty where it has none."""
    place = elsewhere(content)
    if not place:
        return ""
    return (
        f" under any of {', '.join(WRAPPERS)}, but one at {place}; if that is the one, "
        f'write it alone: torch.save({place}, "weights.pth")'
    )


def _unwrapped(tensors: Mapping[str, Tensor], key: str, named: str, *, ordered: bool) -> Weights:
    prefix = prefix_of(tensors)
    bare = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return Weights(bare, ordered, named, f"{key}:{prefix}".strip(":"))
