"""Which tensor of a network each of a file's tensors is: by its name, or by its place."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from velox.models.architectures import architectures, shapes_of
from velox.models.convert.timm_names import by_timm_name
from velox.models.torchvision_names import as_built

Tensors = Mapping[str, Tensor]
Shapes = Mapping[str, torch.Size]

# Counts the batches of a training, and decides nothing; older files have none.
_COUNTER = "num_batches_tracked"
_SUFFIXES = {"weight", "bias", "running_mean", "running_var"}


def architecture_of(given: Tensors, classes: int) -> str | None:
    """The architecture that has tensors of just these names and shapes, None where none has.

    No two of torchvision's have the same. Tries one after the other, which takes seconds.
    """
    of_regnet = any(name.startswith("trunk_output.") for name in given)
    for architecture in architectures():
        # The shapes of these take memory to find out.
        if architecture.startswith("regnet") != of_regnet:
            continue
        try:
            by_name(given, architecture, classes)
        except ValueError:
            continue
        return architecture
    return None


def by_name(
    given: Tensors, architecture: str, classes: int, *, but_last: bool = False
) -> dict[str, Tensor]:
    """The tensors of a network, by torchvision's names, found by these or by timm's.

    Args:
        given: by whatever names.
        architecture: of the network.
        classes: its outputs.
        but_last: those of the last layer may be missing or of other labels, and are left out.

    Raises:
        ValueError: with the reason, where they are not just those of the network.
    """
    expected = _expected(architecture, classes, but_last=but_last)
    own = as_built(given)
    of_timm = by_timm_name(architecture, shapes_of(architecture, classes))
    if len(of_timm.keys() & given.keys()) > len(expected.keys() & own.keys()):
        own = {of_timm.get(name, name): value for name, value in given.items()}
    known = shapes_of(architecture, classes).keys() - expected.keys()
    found = {name: value for name, value in own.items() if name not in known}
    wrong = sorted(
        name
        for name in found.keys() ^ expected.keys()
        if not (name in expected and name.endswith(_COUNTER))
    )
    if wrong:
        raise ValueError(
            f"it does not fit {architecture}: {len(wrong)} of its tensors are missing or unknown, "
            f"the first is {wrong[0]!r}"
        )
    for name, value in found.items():
        _require_shape(name, value, expected[name], architecture, classes)
    return _complete(found, expected)


def by_order(
    given: Tensors, architecture: str, classes: int, *, but_last: bool = False
) -> dict[str, Tensor]:
    """As `by_name`, where the names say nothing: the first tensor for the first, and so on."""
    expected = _expected(architecture, classes, but_last=but_last)
    theirs = [(name, value) for name, value in given.items() if not name.endswith(_COUNTER)]
    ours = [name for name in expected if not name.endswith(_COUNTER)]
    if but_last:
        theirs = theirs[: len(ours)]
    if len(theirs) != len(ours):
        raise ValueError(f"it has {len(theirs)} tensors, and {architecture} has {len(ours)}")
    found = {}
    for (name, value), own in zip(theirs, ours, strict=True):
        ends = name.rpartition(".")[2], own.rpartition(".")[2]
        if ends[0] != ends[1] and ends[0] in _SUFFIXES:
            raise ValueError(f"where {architecture} has {own}, it has {name!r}")
        _require_shape(name, value, expected[own], architecture, classes)
        found[own] = value
    return _complete(found, expected)


def _expected(architecture: str, classes: int, *, but_last: bool) -> Shapes:
    shapes = shapes_of(architecture, classes)
    if not but_last:
        return shapes
    others = shapes_of(architecture, classes + 1)
    return {name: shape for name, shape in shapes.items() if others[name] == shape}


def _require_shape(
    name: str, value: Tensor, shape: torch.Size, architecture: str, classes: int
) -> None:
    if value.shape == shape:
        return
    if value.ndim == len(shape) and value.shape[1:] == shape[1:] and shape[0] == classes:
        raise ValueError(f"it has {value.shape[0]} outputs, and there are {classes} labels")
    raise ValueError(
        f"{name!r} has the shape {list(value.shape)}, and {architecture} has {list(shape)}"
    )


def _complete(found: Tensors, expected: Shapes) -> dict[str, Tensor]:
    """In the network's order and as tensors of their own, in float32 where they are fractions."""
    made = {}
    for name, shape in expected.items():
        value = found.get(name)
        if value is None:
            value = torch.zeros(shape, dtype=torch.int64)
        if value.is_floating_point():
            value = value.float()
        made[name] = value.clone(memory_format=torch.contiguous_format)
    return made
