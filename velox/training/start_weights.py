"""Weights to start from: all but the last layer's, and the input that they were trained with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from velox.base.errors import SettingError
from velox.images.preprocessing import Preprocessing
from velox.models import torch_file
from velox.models.architectures import models, shapes_of
from velox.models.description import RGB
from velox.models.soundness import require_usable_input
from velox.models.torchvision_names import as_built
from velox.models.wrappings import is_state_dict

# torchvision's builders let these networks change the normalisation of ImageNet to this one
# (`transform_input`), where they are given weights.
OF_HALVES = ("googlenet", "inception_v3")
HALVES = (0.5, 0.5, 0.5)


class MadeFor(NamedTuple):
    """The input that weights were trained with.

    Attributes:
        size: height and width in pixels.
        mean, std: of red, green and blue; the input is `(pixel / 255 - mean) / std`.
        preprocessing: how an image became that input, None where nothing says so.
    """

    size: int
    mean: RGB
    std: RGB
    preprocessing: Preprocessing | None = None


@dataclass(frozen=True)
class StartWeights:
    """Weights to start from.

    Attributes:
        source: the file they come from.
        tensors: by the names that `torchvision` has for them.
        made_for: the input that they were trained with.
    """

    source: Path
    tensors: Mapping[str, Tensor] = field(repr=False)
    made_for: MadeFor


def read(path: Path, architecture: str) -> StartWeights:
    """The weights of a file: a state dict as torchvision has them, or a checkpoint of Velox.

    Args:
        path: of the file.
        architecture: that they are meant for, a classifier in `torchvision.models`.

    Raises:
        SettingError: when the file cannot be read or holds no weights.
    """
    try:
        content = torch_file.content_of(path.read_bytes())
    except OSError as error:
        raise refused(path, error.strerror or str(error)) from None
    except MemoryError:
        raise refused(path, "no memory") from None
    except ValueError as error:
        raise refused(path, f"it is not a file of weights: {error}") from None
    return parsed(path, content, architecture)


def parsed(path: Path, content: Any, architecture: str) -> StartWeights:
    """The weights in what a file held; see `read`."""
    weights = content.get("state_dict", content) if isinstance(content, dict) else None
    if not is_state_dict(weights):
        raise refused(path, "it does not hold a state dict")
    try:
        made_for = _of_checkpoint(content) or of_imagenet(architecture)
    except (TypeError, ValueError) as error:
        raise refused(path, f"what it says of its input cannot be used: {error}") from None
    return StartWeights(path, as_built(weights), made_for)


def of_imagenet(architecture: str) -> MadeFor:
    """The input of torchvision's weights for an architecture, as it is after their builder."""
    weights = models.get_model_weights(architecture).DEFAULT.transforms()
    if architecture in OF_HALVES:
        return MadeFor(weights.crop_size[0], HALVES, HALVES)
    return MadeFor(weights.crop_size[0], _three(weights.mean), _three(weights.std))


def _of_checkpoint(content: Mapping[str, Any]) -> MadeFor | None:
    if not {"input_size", "mean", "std"} <= content.keys():
        return None
    size, mean, std = int(content["input_size"]), _three(content["mean"]), _three(content["std"])
    preprocessing = Preprocessing.of(content.get("preprocessing", {}))
    require_usable_input(size, mean, std, preprocessing)
    return MadeFor(size, mean, std, preprocessing)


def _three(values: Any) -> RGB:
    red, green, blue = map(float, values)
    return red, green, blue


def start_from(network: nn.Module, start: StartWeights, *, architecture: str, classes: int) -> int:
    """Give a network the weights to start from, all but its last layer's.

    Args:
        network: of the architecture, with so many outputs.
        start: the weights.
        architecture: name of a classifier in `torchvision.models`.
        classes: outputs of the network.

    Returns:
        The number of tensors that were taken.

    Raises:
        SettingError: when the weights are of another architecture.
    """
    own = network.state_dict()
    last = _last_layer(architecture, classes)
    taken = {
        name: value
        for name, value in start.tensors.items()
        if name in own and name not in last and value.shape == own[name].shape
    }
    missing = sorted(own.keys() - taken.keys() - last)
    unknown = sorted(start.tensors.keys() - own.keys())
    if missing or unknown:
        wrong = (
            f"{len(missing)} of its tensors are missing or of another shape"
            if missing
            else (f"it has no place for {len(unknown)} of the file's tensors")
        )
        raise refused(
            start.source,
            f"it does not fit MODEL_ARCH={architecture!r}: {wrong}, for example "
            f"{(missing or unknown)[0]}",
        )
    network.load_state_dict({**own, **taken})
    return len(taken)


def _last_layer(architecture: str, classes: int) -> set[str]:
    """The names of the tensors whose shape depends on the number of outputs."""
    one, other = (shapes_of(architecture, count) for count in (classes, classes + 1))
    return {name for name, shape in one.items() if shape != other[name]}


def refused(path: Path, reason: str) -> SettingError:
    """The error of weights that cannot be used."""
    return SettingError(f"INIT_WEIGHTS={str(path)!r} cannot be used: {reason}")
