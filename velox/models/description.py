"""What a checkpoint says of its model beside the weights; it needs no PyTorch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from velox.base.reference import Reference
from velox.images.preprocessing import Preprocessing
from velox.models.measured_thresholds import MeasuredThresholds
from velox.models.novelty_limits import NoveltyLimits
from velox.models.samples import NO_SAMPLES, Samples

# Of the pixels in [0, 1], red, green and blue, over ImageNet's training images (torchvision docs).
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_DIGEST_CHARACTERS = 12

RGB = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Description:
    """A trained classifier without its weights.

    Attributes:
        architecture: name of a classifier in `torchvision.models`.
        labels: in the order of the model's outputs.
        input_size: height and width of the input in pixels.
        preprocessing: how an image becomes that input.
        mean, std: of red, green and blue; the input is `(pixel / 255 - mean) / std`.
        metrics: what training measured, as `accuracy` on its test images and `sample_accuracy` on
            the samples.
        temperature: divides the outputs before the softmax, so that confidences are honest.
        thresholds: that training measured, where it did.
        reference: how the images of training looked and were decided, where it is known.
        unknown: limits of novelty that training measured, where it did.
        samples: to accept the model by, and to calibrate and check a reduced precision; may be
            none.
        digest: the first 12 hexadecimal digits of the file's SHA-256; empty while there is none.
    """

    architecture: str
    labels: tuple[str, ...]
    input_size: int
    preprocessing: Preprocessing = Preprocessing()
    mean: RGB = IMAGENET_MEAN
    std: RGB = IMAGENET_STD
    metrics: Mapping[str, float] = field(default_factory=dict)
    temperature: float = 1.0
    thresholds: MeasuredThresholds | None = None
    reference: Reference | None = None
    unknown: NoveltyLimits | None = None
    samples: Samples = field(default=NO_SAMPLES, repr=False)
    digest: str = ""

    def plain(self) -> dict[str, Any]:
        """All but samples and digest in plain values, as a checkpoint's file holds them."""
        content: dict[str, Any] = {
            "architecture": self.architecture,
            "labels": list(self.labels),
            "input_size": self.input_size,
            "preprocessing": self.preprocessing.as_dict(),
            "mean": list(self.mean),
            "std": list(self.std),
            "temperature": self.temperature,
            "metrics": dict(self.metrics),
        }
        if self.thresholds is not None:
            content["thresholds"] = self.thresholds.as_dict()
        if self.reference is not None:
            content["reference"] = self.reference.as_dict()
        if self.unknown is not None:
            content["unknown"] = self.unknown.as_dict()
        return content


def of_plain(content: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a description, of what `plain` has made.

    Raises:
        ValueError: naming an entry that is missing or has another form.
    """
    return {name: _entry(content, name, *how) for name, how in _ENTRIES.items()}


def _entry(content: Mapping[str, Any], name: str, of: Callable[[Any], Any], *usual: Any) -> Any:
    """One entry; what it is where it is missing, if that may be, is not looked at."""
    held = content.get(name)
    if held is None and usual:
        return usual[0]
    if name not in content:
        raise ValueError(f"it lacks {name}")
    try:
        return of(held)
    except KeyError as error:
        raise ValueError(f"its entry {name!r} lacks {error.args[0]!r}") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"its entry {name!r} cannot be used: {error}") from None


def _three(values: Any) -> RGB:
    red, green, blue = map(float, values)
    return red, green, blue


# By name, how each is read and, where it may be missing, what it is then.
_ENTRIES: Mapping[str, tuple[Any, ...]] = {
    "architecture": (str,),
    "labels": (lambda held: tuple(map(str, held)),),
    "input_size": (int,),
    "preprocessing": (Preprocessing.of, Preprocessing()),
    "mean": (_three,),
    "std": (_three,),
    "metrics": (dict, {}),
    "temperature": (float, 1.0),
    "thresholds": (MeasuredThresholds.of, None),
    "reference": (Reference.of, None),
    "unknown": (NoveltyLimits.of, None),
}


def digest(data: bytes) -> str:
    """The short digest of a checkpoint file's content."""
    return hashlib.sha256(data).hexdigest()[:_DIGEST_CHARACTERS]
