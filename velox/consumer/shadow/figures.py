"""Two models on the same images, in figures, and what these say of the newer one."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

from velox.base.interval import Interval, newcombe

# So much less accuracy is as good as none: what acceptance grants other devices and fewer bits.
MARGIN = 0.02


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of images that the model in use and a shadow have both decided.

    Attributes:
        images: how many.
        agreed: of them, those decided the same.
        matches, shadow_matches: called a match by the model in use, and by the shadow.
        both, in_use, shadow, neither: of those whose truth is known, how many both have right, the
            model in use alone, the shadow alone, none of them.
    """

    images: int = 0
    agreed: int = 0
    matches: int = 0
    shadow_matches: int = 0
    both: int = 0
    in_use: int = 0
    shadow: int = 0
    neither: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, name) + getattr(other, name) for name in _COUNTED))

    @property
    def agreement(self) -> float:
        """Share of the images that are decided the same; 0 without images."""
        return self.agreed / self.images if self.images else 0.0

    @property
    def truths(self) -> int:
        """Images whose truth is known."""
        return self.both + self.in_use + self.shadow + self.neither

    @property
    def difference(self) -> float:
        """How much more accurate the shadow is, from -1 to 1; 0 where no truth is known."""
        return (self.shadow - self.in_use) / self.truths if self.truths else 0.0

    @property
    def interval(self) -> Interval:
        """What the images leave of that difference, with 95 % certainty."""
        return newcombe(self.both, self.in_use, self.shadow, self.neither)

    def __str__(self) -> str:
        text = (
            f"images={self.images} agreed={self.agreed} matches={self.matches} "
            f"shadow_matches={self.shadow_matches} truths={self.truths}"
        )
        if not self.truths:
            return text
        right, shadow_right = self.both + self.in_use, self.both + self.shadow
        low, high = self.interval
        return (
            f"{text} right={right} shadow_right={shadow_right} "
            f"difference={self.difference:+.4f} interval={low:+.4f}..{high:+.4f}"
        )


_COUNTED = tuple(each.name for each in fields(Figures))


class Ruling(NamedTuple):
    """What becomes of a model that was tried.

    Attributes:
        taken: whether it takes the place of the one in use.
        reason: why, in words.
    """

    taken: bool
    reason: str


def ruling_of(figures: Figures, share: float) -> Ruling:
    """What the figures say, in this order.

    A shadow whose accuracy is lower beyond doubt is refused. One that agrees often enough is taken.
    So is one that is not worse where the truth is known: its interval leaves no loss of more than
    `MARGIN`. Any other is refused: what was not shown does not count.

    Args:
        figures: of all that both have decided.
        share: of the images that must be decided the same to be often enough.
    """
    low, high = figures.interval
    if high < 0:
        return Ruling(False, f"it is worse, by at least {_points(-high)} of accuracy")
    if figures.agreement >= share:
        return Ruling(True, f"it decides {figures.agreement:.2%} of the images as before")
    if low >= -MARGIN:
        return Ruling(True, f"it is not worse: the difference is {_range(low, high)}")
    reason = f"it decides {figures.agreement:.2%} of the images as before, less than {share:.2%}"
    if not figures.truths:
        return Ruling(False, f"{reason}, and nothing tells which of the two is right")
    return Ruling(
        False,
        f"{reason}, and {figures.truths} images with a truth leave a difference of "
        f"{_range(low, high)}, which may be a loss of more than {_points(MARGIN)}",
    )


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _range(low: float, high: float) -> str:
    return f"{100 * low:+.1f} to {100 * high:+.1f} points"
