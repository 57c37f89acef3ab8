"""The checkpoint: one file that carries all that rebuilds the model, and the list of its labels.

MODEL_PATH holds one dict: architecture, labels, input size, preprocessing, normalisation, state
dict, temperature, training metrics, samples, and what tells unlike images from others. CLASSES_PATH
holds the labels as well, as `{"0": "red_circle", ...}`, for readers that know no torch. A bare
state dict beside such a list also loads: it is taken for `mobilenet_v2` at 224 pixels without
normalisation, as the first version of Velox trained it.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from velox.base.errors import CANNOT_BE_READ, CheckpointError, SettingError
from velox.base.files import write_whole
from velox.models import labels, torch_file
from velox.models.architectures import build
from velox.models.description import Description, digest, of_plain
from velox.models.inner_maps import beside
from velox.models.novelty import Novelty
from velox.models.sample_tensors import samples_of, tensors_of
from velox.models.soundness import require_sound
from velox.models.torch_file import CONVERT
from velox.models.wrappings import elsewhere, is_state_dict, prefix_of, wrapper_of

BARE_ARCHITECTURE = "mobilenet_v2"
BARE_INPUT_SIZE = 224
# Pixels in [0, 1], as they are.
NO_MEAN = (0.0, 0.0, 0.0)
NO_STD = (1.0, 1.0, 1.0)
_MOST_NAMED = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Description):
    """A trained classifier.

    Attributes:
        state_dict: the weights, on the CPU.
        novelty: what tells how unlike the images of its training an image is, see
            `velox.models.novelty.Novelty`; None where training has not found it.
    """

    state_dict: Mapping[str, Tensor] = field(repr=False)
    novelty: Mapping[str, Tensor] | None = field(default=None, repr=False)


def restore(checkpoint: Checkpoint) -> nn.Module:
    """Make the checkpoint's classifier, in evaluation mode, on the CPU."""
    model = build(checkpoint.architecture, len(checkpoint.labels))
    model.load_state_dict(dict(checkpoint.state_dict))
    return model.eval()


def at_work(checkpoint: Checkpoint) -> nn.Module:
    """The classifier as engines run it: one that knows novelty gives it out beside the logits.

    Raises:
        CheckpointError: when what computes the novelty does not go with the network.
    """
    network = restore(checkpoint)
    if checkpoint.novelty is None:
        return network
    try:
        return beside(
            network, checkpoint.input_size, Novelty(checkpoint.novelty, checkpoint.temperature)
        )
    except Exception as error:
        # Tracing runs the model's own code on stand-ins, so anything may come out.
        raise CheckpointError(f"its novelty does not fit {checkpoint.architecture}") from error


def save(
    checkpoint: Checkpoint,
    model_path: Path,
    classes_path: Path,
    *,
    before: Callable[[Checkpoint], object] = lambda _: None,
) -> Checkpoint:
    """Write a checkpoint and its list of labels; returns it with its digest.

    The labels are in place before the model is, and `load` reads the model before the labels. So
    who finds the new model finds its labels too. Who still finds the old model may find the new
    labels; if they differ the pair is refused, and a moment later the new model is there.

    Args:
        checkpoint: what to write.
        model_path: where.
        classes_path: where its labels go.
        before: called with what will be returned, before anybody can find it.

    Raises:
        OSError: when a file cannot be written.
    """
    content = checkpoint.plain() | {
        "samples": tensors_of(checkpoint.samples),
        "state_dict": {name: value.cpu() for name, value in checkpoint.state_dict.items()},
    }
    if checkpoint.novelty is not None:
        content["novelty"] = dict(checkpoint.novelty)
    buffer = io.BytesIO()
    torch.save(content, buffer)
    data = buffer.getvalue()
    saved = replace(checkpoint, digest=digest(data))
    before(saved)
    write_whole(classes_path, labels.written(checkpoint.labels))
    write_whole(model_path, data)
    return saved


def load(model_path: Path, classes_path: Path) -> Checkpoint:
    """Read and check a checkpoint; nothing in the file is ever executed.

    Raises:
        CheckpointError: naming the file, when one is missing, unreadable, cut short, no
            checkpoint, of an unknown architecture, in disagreement with the labels of
            `classes_path`, or holds weights that are not finite.
    """
    data = _read(model_path)
    content = torch_file.read(data, model_path)
    named = labels.read(_read(classes_path), classes_path)
    try:
        checkpoint = _parse(content, named)
        require_sound(checkpoint)
    except (KeyError, TypeError, ValueError, SettingError) as error:
        raise CheckpointError(f"{model_path} is not a usable checkpoint: {error}") from error
    if checkpoint.labels != named:
        raise CheckpointError(
            f"{model_path} has the labels {', '.join(checkpoint.labels)}, "
            f"but {classes_path} has {', '.join(named)}"
        )
    return replace(checkpoint, digest=digest(data))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} {CANNOT_BE_READ}: {error.strerror}") from error


def _parse(content: Any, named: tuple[str, ...]) -> Checkpoint:
    if not isinstance(content, dict) or not content:
        raise ValueError("it does not hold a dict")
    if is_state_dict(content):
        return _bare(content, named)
    if (wrapper := wrapper_of(content)) is not None and "architecture" not in content:
        raise ValueError(f"its state dict lies under {wrapper!r}; {CONVERT}")
    missing = {"architecture", "labels", "input_size", "mean", "std", "state_dict"} - content.keys()
    if "architecture" in missing and "labels" in missing:
        raise ValueError(_foreign(content))
    if missing:
        raise ValueError(f"it lacks {', '.join(sorted(missing))}")
    return Checkpoint(
        **of_plain(content),
        state_dict=dict(content["state_dict"]),
        samples=samples_of(content.get("samples", {})),
        novelty=content.get("novelty"),
    )


def _foreign(content: Mapping[Any, Any]) -> str:
    """What a dict is that has nothing of a checkpoint."""
    if place := elsewhere(content):
        return (
            f'it is not of Velox; if {place} is its state dict, torch.save({place}, "weights.pth") '
            "writes that alone, and `python -m velox.models.convert` makes a checkpoint of it"
        )
    named = ", ".join(map(repr, list(content)[:_MOST_NAMED]))
    return f"it holds neither a model of Velox nor a state dict, but {named}"


def _bare(weights: Mapping[str, Tensor], named: tuple[str, ...]) -> Checkpoint:
    """A state dict says neither what it is of nor how it is fed: this is what the first Velox did.

    Its script resized with torchvision's `Resize(224)` and `ToTensor()`.
    """
    if prefix := prefix_of(weights):
        raise ValueError(f"it is a state dict whose names all begin with {prefix}; {CONVERT}")
    if weights.keys() != build(BARE_ARCHITECTURE, len(named)).state_dict().keys():
        raise ValueError(
            "it is a bare state dict, which is taken for mobilenet_v2 and is of another "
            f"architecture; {CONVERT}"
        )
    log.info(
        "bare state dict taken for %s input_size=%d, pixels / 255 without normalisation; if it was "
        "trained otherwise, %s",
        BARE_ARCHITECTURE,
        BARE_INPUT_SIZE,
        CONVERT,
    )
    return Checkpoint(
        architecture=BARE_ARCHITECTURE,
        labels=named,
        input_size=BARE_INPUT_SIZE,
        mean=NO_MEAN,
        std=NO_STD,
        state_dict=weights,
    )
