"""What the command line says: how the weights were trained, and what to make of them."""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from velox.base.errors import CANNOT_BE_READ, CheckpointError, SettingError
from velox.images.preprocessing import FITS, MULTI_PAGES, VALUE_RANGES, Color, Preprocessing
from velox.models import labels
from velox.models.checkpoint import NO_MEAN, NO_STD
from velox.models.description import IMAGENET_MEAN, IMAGENET_STD

HALVES = (0.5, 0.5, 0.5)
NORMALISATIONS = {
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "none": (NO_MEAN, NO_STD),
    "halves": (HALVES, HALVES),
}
LARGEST_SIZE = 1024
BLACK = (0, 0, 0)

Three = tuple[float, float, float]


def parsed(description: str | None, argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of a command line, of the process's by default; a bad one ends the process."""
    parser = argparse.ArgumentParser(
        prog="python -m velox.models.convert",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("weights", type=Path, help="file of the weights: of torch.save, or safetensors")
    add("model", type=Path, help="checkpoint to write; what is there is replaced")
    add("--labels", type=Path, help="file of the labels, in the order of the outputs")
    add("--classes", type=Path, help="list of labels to write (default: classes.json beside MODEL)")
    add("--architecture", help="name in torchvision.models (default: the one that fits)")
    add("--input-size", type=_size, default=224, help="height and width of the input (224)")
    add(
        "--normalisation",
        type=_normalisation,
        help="of the pixels in [0, 1], as in training: imagenet, none, halves (0.5), or means and "
        "deviations of red, green and blue: 0.4,0.4,0.4,0.2,0.2,0.2",
    )
    add("--fit", choices=FITS, default=FITS[0], help="how an image becomes a square (stretch)")
    add(
        "--resize-size",
        type=_size,
        default=0,
        help="shorter side before --fit crop cuts the centre out (default: the input size)",
    )
    add(
        "--background",
        type=_color,
        help="red,green,blue of 255 behind what is transparent (default: transparency is dropped, "
        "and the colours show that it hid, as with Pillow's convert('RGB'))",
    )
    add(
        "--pad-color",
        type=_color,
        help="red,green,blue of 255 around the image with --fit pad (default: --background, else "
        "black)",
    )
    add(
        "--value-range",
        choices=VALUE_RANGES,
        default=VALUE_RANGES[0],
        help="what is black and white in images of more than 8 bits: the least and greatest value "
        "of their type, or of each image (dtype)",
    )
    add(
        "--multi-page",
        choices=MULTI_PAGES,
        default=MULTI_PAGES[0],
        help="of several pages or frames, take the first, or refuse the image (first)",
    )
    add(
        "--images",
        type=Path,
        nargs="+",
        default=(),
        help="images or folders to prove the checkpoint on; below folders named after labels they "
        "travel with it, as samples",
    )
    add("--by-order", action="store_true", help="take the tensors in their order, not by names")
    add(
        "--for-training",
        action="store_true",
        help="write weights for INIT_WEIGHTS instead: without the last layer, and without labels; "
        "with --normalisation they say what input they were trained with",
    )
    options = parser.parse_args(argv)
    if not options.for_training and (options.labels is None or options.normalisation is None):
        parser.error("--labels and --normalisation are needed, or --for-training")
    return options


def preprocessing_of(options: argparse.Namespace) -> Preprocessing:
    """How an image became the input that the weights were trained with."""
    return Preprocessing(
        fit=options.fit,
        resize_size=options.resize_size,
        pad_color=options.pad_color or options.background or BLACK,
        background=options.background,
        value_range=options.value_range,
        multi_page=options.multi_page,
    )


def _color(text: str) -> Color:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and int(p) <= 255 for p in parts):
        raise argparse.ArgumentTypeError(
            f"red,green,blue, each a whole number from 0 to 255, not {text!r}"
        )
    red, green, blue = map(int, parts)
    return red, green, blue


def _size(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_SIZE:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {LARGEST_SIZE}, not {text!r}")
    return int(text)


def _normalisation(text: str) -> tuple[Three, Three]:
    if text in NORMALISATIONS:
        return NORMALISATIONS[text]
    try:
        numbers = [float(each) for each in text.split(",")]
        red, green, blue, red_std, green_std, blue_std = numbers
        if not all(map(math.isfinite, numbers)) or min(red_std, green_std, blue_std) <= 0:
            raise ValueError
    except ValueError:
        names = ", ".join(NORMALISATIONS)
        raise argparse.ArgumentTypeError(
            f"{names}, or three means and three deviations above 0, not {text!r}"
        ) from None
    return (red, green, blue), (red_std, green_std, blue_std)


def labels_of(path: Path) -> tuple[str, ...]:
    """The labels of a file: JSON as classes.json or as a list, or text with one a line.

    Raises:
        SettingError: naming the file, when it cannot be read or holds none, or one twice.
    """
    found = _listed(path)
    if not found:
        raise SettingError(f"--labels: {path} has no labels")
    if not all(found):
        raise SettingError(f"--labels: {path}: label {found.index('') + 1} is empty or no text")
    if twice := [label for label, count in Counter(found).items() if count > 1]:
        raise SettingError(f"--labels: {path} has {twice[0]!r} twice")
    return found


def _listed(path: Path) -> tuple[str, ...]:
    """The labels as they stand in a file; what is no text is empty."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SettingError(f"--labels: {path} {CANNOT_BE_READ}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingError(f"--labels: {path} is not in UTF-8; save it as UTF-8") from None
    if text.lstrip().startswith("{"):
        try:
            return labels.read(text.encode(), path)
        except CheckpointError as error:
            raise SettingError(f"--labels: {error}") from None
    try:
        listed = json.loads(text) if text.lstrip().startswith("[") else text.splitlines()
    except (ValueError, RecursionError):
        raise SettingError(f"--labels: {path} is no JSON") from None
    return tuple(each.strip() if isinstance(each, str) else "" for each in listed)
