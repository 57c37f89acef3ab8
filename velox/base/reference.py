"""What is usual: how the images of a training looked, and how they were decided."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

# How an image looks, in the order of `velox.images.appearance`.
LOOKS = ("brightness", "contrast", "sharpness")
# A confidence that is as good as 1.
SUREST = 1 - 1e-6
# What is compared besides the mix of the labels.
SIGNALS = ("confidence", *LOOKS)


@dataclass(frozen=True)
class Usual:
    """How one signal is distributed where all is well.

    Attributes:
        edges: of the bins, ascending; a value that equals an edge lies above it.
        counts: of the images in each bin, one more than edges.
        mean: of the signal.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mean: float

    @property
    def sound(self) -> bool:
        """Whether it can be compared with."""
        return (
            len(self.counts) == len(self.edges) + 1
            and all(math.isfinite(each) for each in (*self.edges, self.mean))
            and list(self.edges) == sorted(self.edges)
            and all(each >= 0 for each in self.counts)
            and sum(self.counts) > 0
        )


@dataclass(frozen=True)
class Recalibration:
    """How often decisions of some confidence are right: a line through its log odds.

    Attributes:
        slope, height: of the line; 1 and 0 where confidences mean what they say.
    """

    slope: float = 1.0
    height: float = 0.0


@dataclass(frozen=True)
class Reference:
    """What a consumer compares its images with.

    Attributes:
        called: how many unseen images the model gave each label, in the order of the labels.
        signals: by their names in `SIGNALS`.
        recalibration: of the confidences, on those unseen images.
    """

    called: tuple[int, ...]
    signals: Mapping[str, Usual]
    recalibration: Recalibration = Recalibration()

    def as_dict(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        signals = {
            name: {"edges": list(each.edges), "counts": list(each.counts), "mean": each.mean}
            for name, each in self.signals.items()
        }
        return {
            "called": list(self.called),
            "signals": signals,
            "recalibration": [self.recalibration.slope, self.recalibration.height],
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Of what a checkpoint holds.

        Raises:
            ValueError, KeyError, TypeError: where it holds something else.
        """
        signals = {
            name: Usual(
                tuple(map(float, content["signals"][name]["edges"])),
                tuple(map(int, content["signals"][name]["counts"])),
                float(content["signals"][name]["mean"]),
            )
            for name in SIGNALS
        }
        slope, height = map(float, content["recalibration"])
        called = tuple(map(int, content["called"]))
        return cls(called, signals, Recalibration(slope, height))

    def fit(self, labels: int) -> bool:
        """Whether it is of so many labels, and can be compared with."""
        called = len(self.called) == labels and min(self.called) >= 0 and sum(self.called) > 0
        line = math.isfinite(self.recalibration.slope) and math.isfinite(self.recalibration.height)
        return called and line and all(each.sound for each in self.signals.values())
