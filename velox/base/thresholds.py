"""From which confidence on an image is a match: one number for all labels, and others for some."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Thresholds:
    """What is asked for.

    Attributes:
        general: of labels without one of their own; None for what training has measured.
        of_label: by label.
    """

    general: float | None
    of_label: Mapping[str, float] = field(default_factory=dict)

    def of(self, labels: Sequence[str], measured: Sequence[float | None] = ()) -> tuple[float, ...]:
        """Those of a model.

        Args:
            labels: the model's.
            measured: of each of them, by training, None for never; asked for without a general one.

        Returns:
            One for each label, infinity for never.
        """
        if self.general is not None:
            measured = [self.general] * len(labels)
        found = [
            self.of_label.get(label, usual) for label, usual in zip(labels, measured, strict=True)
        ]
        return tuple(math.inf if each is None else each for each in found)
