"""From which confidence on an image is a match: one number for all labels, and others for some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Thresholds:
    """What is asked for.

    Attributes:
        general: of labels without one of their own.
        of_label: by label.
    """

    general: float
    of_label: Mapping[str, float] = field(default_factory=dict)

    def of(self, labels: Sequence[str]) -> tuple[float, ...]:
        """Those of a model with these labels."""
        return tuple(self.of_label.get(label, self.general) for label in labels)
