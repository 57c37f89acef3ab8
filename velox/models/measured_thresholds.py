"""Thresholds that training has measured, as they travel with a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class MeasuredThresholds:
    """From which confidence on a label's matches are as precise as was asked for.

    Attributes:
        precision: the least share of right ones among them.
        of_labels: in the order of the labels; None where nothing can be promised.
    """

    precision: float
    of_labels: tuple[float | None, ...]

    def as_dict(self) -> dict[str, Any]:
        """As a checkpoint holds it."""
        return {"precision": self.precision, "of_labels": list(self.of_labels)}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Of what a checkpoint holds.

        Raises:
            ValueError, KeyError, TypeError: where it holds something else.
        """
        found = tuple(None if each is None else float(each) for each in content["of_labels"])
        return cls(float(content["precision"]), found)

    def fit(self, labels: int) -> bool:
        """Whether they are those of so many labels."""
        in_range = all(each is None or 0 <= each <= 1 for each in self.of_labels)
        return in_range and len(self.of_labels) == labels
