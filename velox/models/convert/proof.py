"""Proof that a checkpoint answers, in the engine, as its weights do in PyTorch alone."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from velox.base.errors import BadImage, CheckpointError
from velox.images.pixels import decode
from velox.models.architectures import build
from velox.models.checkpoint import Checkpoint
from velox.models.engine.torch_engine import TorchEngine
from velox.models.samples import Samples

# Of a confidence. Another order of the same sums in float32 makes less of a difference.
TOLERANCE = 1e-4

_NOISE_IMAGES = 4
_MAX_PIXELS = 50_000_000
_BATCH = 16

Pixels = NDArray[np.uint8]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Image:
    """One image to prove a checkpoint on.

    Attributes:
        name: its path.
        pixels: uint8 RGB [S, S, 3], as the model's input is made of it.
        target: the index of the label that a folder of its path is named after, None for none.
    """

    name: str
    pixels: Pixels
    target: int | None


def images_of(paths: Sequence[Path], checkpoint: Checkpoint, most: int) -> list[Image]:
    """Read image files, and those of folders and the folders below; what is no image is logged.

    Args:
        paths: files and folders.
        checkpoint: whose input they become.
        most: images; of more, as many from all over.
    """
    files = list(_files(paths))
    step = max(1, -(-len(files) // most))
    made = []
    for path, folders in files[::step]:
        try:
            pixels = decode(
                path.read_bytes(),
                size=checkpoint.input_size,
                max_pixels=_MAX_PIXELS,
                preprocessing=checkpoint.preprocessing,
            )
        except (BadImage, OSError) as error:
            log.warning("not used name=%r reason=%r", str(path), str(error))
            continue
        target = next(
            (checkpoint.labels.index(each) for each in folders if each in checkpoint.labels),
            None,
        )
        made.append(Image(str(path), pixels, target))
    return made


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, Sequence[str]]]:
    """Each file, and the folders that may be named after its label, the likeliest first.

    In a folder that was named these are its own, as training has them. Then come those that lead
    there, from the nearest up: further up anything may be called like a label.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(each for each in path.rglob("*") if each.is_file()):
                inside = file.relative_to(path).parent.parts
                yield file, (*inside, *reversed(path.parts))
        else:
            yield path, path.parent.parts[::-1]


def noise(size: int) -> list[Image]:
    """Images of chance, for where there are no others; the same each time."""
    made = np.random.default_rng(0).integers(256, size=(_NOISE_IMAGES, size, size, 3))
    return [Image(f"noise {i}", each.astype(np.uint8), None) for i, each in enumerate(made)]


def answers(
    checkpoint: Checkpoint, weights: Mapping[str, Tensor], images: Sequence[Image]
) -> list[tuple[int, float]]:
    """The label's index and the confidence of each image, which both ways agree on.

    Args:
        checkpoint: what is to be proved; it goes through the engine that the consumer uses.
        weights: as they were in the file, by torchvision's names; they go through torchvision's
            network as it is.
        images: at least one.

    Raises:
        CheckpointError: when the answers differ by more than TOLERANCE.
    """
    network = build(checkpoint.architecture, len(checkpoint.labels))
    network.load_state_dict(dict(weights))
    network.eval()
    engine = TorchEngine(
        checkpoint,
        device=torch.device("cpu"),
        precision="fp32",
        memory_fraction=1.0,
        batch_size=min(_BATCH, len(images)),
    )
    found = []
    with closing(engine):
        for start in range(0, len(images), _BATCH):
            batch = np.stack([each.pixels for each in images[start : start + _BATCH]])
            indices, confidences = engine.predict(batch).best
            before = _probabilities(network, batch, checkpoint)
            rows = torch.arange(len(batch))
            same = before[rows, torch.from_numpy(indices)]
            # Of two labels that are as probable either may be named, so the confidence counts.
            off = max(
                float((same - torch.from_numpy(confidences)).abs().max()),
                float((before.amax(dim=1) - same).max()),
            )
            if not off <= TOLERANCE:
                raise CheckpointError(
                    f"the checkpoint does not answer as its weights did: {off:g} apart, "
                    f"{TOLERANCE:g} allowed"
                )
            found += [(int(i), float(c)) for i, c in zip(indices, confidences, strict=True)]
    return found


def _probabilities(network: torch.nn.Module, batch: Pixels, checkpoint: Checkpoint) -> Tensor:
    """Float32 [N, C], of images uint8 RGB [N, S, S, 3]."""
    mean, std = (torch.tensor(each) for each in (checkpoint.mean, checkpoint.std))
    with torch.inference_mode():
        given = (torch.from_numpy(batch) / 255 - mean) / std
        made: Tensor = network(given.permute(0, 3, 1, 2)).softmax(dim=1)
    return made


def samples_of(images: Sequence[Image]) -> Samples:
    """Those of the images whose label is known, to travel with the checkpoint."""
    known = [(each.pixels, each.target) for each in images if each.target is not None]
    if not known:
        return Samples((), ())
    return Samples.of(np.stack([pixels for pixels, _ in known]), [target for _, target in known])
