"""Make a checkpoint of other people's weights: of torchvision's networks, or of timm's like them.

    W=weights.pth   # or model.safetensors
    python -m velox.models.convert $W model.pth --labels labels.txt --normalisation imagenet
    python -m velox.models.convert --help

The file is what torch.save wrote of a state dict, alone or in a dict around it, or safetensors.
Nothing in it is executed. The checkpoint is proved before it is written: the consumer's engine
gives the same answers as torchvision's network with these weights, on noise or on your images.
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from velox.base import logs, script
from velox.base.errors import CheckpointError, SettingError, VeloxError
from velox.base.files import write_whole
from velox.models.architectures import require_architecture
from velox.models.checkpoint import Checkpoint, load, save
from velox.models.convert import proof, weights_file
from velox.models.convert.options import labels_of, parsed, preprocessing_of
from velox.models.convert.tensor_names import Tensors, architecture_of, by_name, by_order
from velox.models.convert.weights_file import Weights

# Enough for any precision to be judged by (velox.models.engine.trial), and a few megabytes.
MOST_IMAGES = 256
SHOWN_IMAGES = 10

log = logging.getLogger("convert")


def main(argv: Sequence[str] | None = None) -> int:
    """Convert; returns the exit code."""
    options = parsed(__doc__, argv)
    logs.setup("INFO")
    try:
        weights = weights_file.read(options.weights)
        if options.for_training:
            write_start(options, weights)
        else:
            write_checkpoint(options, weights)
    except SettingError as error:
        print(f"error: {error}", file=sys.stderr)
        return script.EXIT_BAD_SETTING
    except VeloxError as error:
        print(f"error: {error}", file=sys.stderr)
        return script.EXIT_FAILURE
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return script.EXIT_FAILURE
    return 0


def write_checkpoint(options: argparse.Namespace, weights: Weights) -> None:
    """Make a checkpoint of the weights, prove it, write it and its labels."""
    names = labels_of(options.labels)
    architecture, tensors = fitted(options, weights, len(names))
    mean, std = options.normalisation
    checkpoint = proved(
        Checkpoint(
            architecture=architecture,
            labels=names,
            input_size=options.input_size,
            preprocessing=preprocessing_of(options),
            mean=mean,
            std=std,
            state_dict=tensors,
        ),
        options.images,
    )
    classes_path = options.classes or options.model.with_name("classes.json")
    saved = save(checkpoint, options.model, classes_path)
    log.info(
        "written model=%s classes=%s digest=%s architecture=%s labels=%d input_size=%d mean=%s "
        "std=%s preprocessing=%s",
        options.model,
        classes_path,
        saved.digest,
        architecture,
        len(names),
        saved.input_size,
        saved.mean,
        saved.std,
        saved.preprocessing.as_dict(),
    )


def proved(checkpoint: Checkpoint, paths: Sequence[Path]) -> Checkpoint:
    """The checkpoint once it answers, out of a file, as its weights do; with samples, if any."""
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "model.pth"), Path(folder, "classes.json")
        save(checkpoint, *files)
        try:
            written = load(*files)
        except CheckpointError as error:
            reason = str(error).partition(": ")[2]
            raise CheckpointError(f"no usable checkpoint can be made: {reason}") from None
    images = proof.images_of(paths, checkpoint, MOST_IMAGES)
    if paths and not images:
        raise SettingError(f"--images: there is no image in {', '.join(map(str, paths))}")
    tried = images or proof.noise(checkpoint.input_size)
    answers = proof.answers(written, checkpoint.state_dict, tried)
    log.info("proved images=%d tolerance=%g", len(tried), proof.TOLERANCE)
    for image, (index, confidence) in list(zip(images, answers, strict=False))[:SHOWN_IMAGES]:
        label = checkpoint.labels[index]
        log.info("name=%r label=%r confidence=%.4f", image.name, label, confidence)
    right = [
        index == image.target
        for image, (index, _) in zip(tried, answers, strict=True)
        if image.target is not None
    ]
    if not right:
        return checkpoint
    accuracy = sum(right) / len(right)
    log.info("accuracy=%.4f images=%d", accuracy, len(right))
    return replace(
        checkpoint, samples=proof.samples_of(images), metrics={"sample_accuracy": accuracy}
    )


def write_start(options: argparse.Namespace, weights: Weights) -> None:
    """Write a state dict with torchvision's names, without the last layer, for INIT_WEIGHTS."""
    if options.architecture is None:
        raise SettingError("--for-training needs --architecture")
    _, tensors = fitted(options, weights, 1)
    content: Mapping[str, object] = tensors
    if options.normalisation is not None:
        mean, std = options.normalisation
        content = {
            "state_dict": tensors,
            "input_size": options.input_size,
            "preprocessing": preprocessing_of(options).as_dict(),
            "mean": mean,
            "std": std,
        }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(options.model, buffer.getvalue())
    log.info("written INIT_WEIGHTS=%s tensors=%d", options.model, len(tensors))


def fitted(options: argparse.Namespace, weights: Weights, classes: int) -> tuple[str, Tensors]:
    """The architecture, and its tensors by torchvision's names.

    Raises:
        CheckpointError: naming the file and what does not fit.
        SettingError: when torchvision has no such architecture.
    """
    if weights.named.startswith("tf_"):
        raise _refused(options, f"timm's {weights.named} pads images as torchvision never does")
    if "conv_stem.weight" in weights.tensors and not weights.named:
        log.warning(
            "names are timm's; its models that begin with tf_ have the same and compute otherwise"
        )
    architecture = options.architecture
    if architecture is not None:
        require_architecture(architecture)
    elif options.by_order:
        raise SettingError("--by-order needs --architecture")
    else:
        architecture = architecture_of(weights.tensors, classes)
    if architecture is None:
        raise _refused(
            options,
            f"no network of torchvision with {classes} outputs has just its tensors; with "
            "--architecture the first that does not fit is named",
        )
    if options.by_order and not weights.ordered:
        raise _refused(options, "safetensors keep no order: leave out --by-order")
    fit = by_order if options.by_order else by_name
    try:
        return architecture, fit(
            weights.tensors, architecture, classes, but_last=options.for_training
        )
    except ValueError as error:
        raise _refused(options, str(error)) from None


def _refused(options: argparse.Namespace, reason: str) -> CheckpointError:
    return CheckpointError(f"{options.weights} cannot be converted: {reason}")


if __name__ == "__main__":
    logs.capture_native_stderr()
    sys.exit(main())
