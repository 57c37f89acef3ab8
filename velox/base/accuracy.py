"""How often the running model is right, by the verdicts on its random share alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from velox.base.candidates import Tally
from velox.base.interval import Interval, wilson

# Half the width of an interval: the next narrower of these are what more verdicts are good for.
WIDTHS = (0.1, 0.05, 0.03, 0.02, 0.01, 0.005)
STEPS = 2
_MOST = 10_000_000


@dataclass(frozen=True)
class Share:
    """A share that was found on some images.

    Attributes:
        right: of them.
        images: how many.
    """

    right: int = 0
    images: int = 0

    @property
    def found(self) -> float | None:
        """The share; None without images."""
        return self.right / self.images if self.images else None

    @property
    def interval(self) -> Interval:
        """What it leaves of the share of all images, with 95 % certainty."""
        return wilson(self.right, self.images)

    def more_for(self, half: float) -> int:
        """How many more images make the interval as narrow as `half` to either side.

        If the share of the further ones is that in the middle of the interval.
        """
        low, high = self.interval
        share = (low + high) / 2

        def narrow(images: int) -> bool:
            interval = wilson(round(share * images), images)
            return interval.high - interval.low <= 2 * half

        enough = max(1, self.images)
        while not narrow(enough) and enough < _MOST:
            enough *= 2
        least = enough // 2
        while enough - least > 1:
            middle = (least + enough) // 2
            least, enough = (least, middle) if narrow(middle) else (middle, enough)
        return max(0, enough - self.images)

    @property
    def next_steps(self) -> list[tuple[float, int]]:
        """The next narrower widths, and how many more images each takes."""
        low, high = self.interval
        narrower = [each for each in WIDTHS if 2 * each < high - low - 1e-9]
        return [(each, self.more_for(each)) for each in narrower[:STEPS]]


@dataclass(frozen=True)
class Figures:
    """What the verdicts on a random share say.

    Attributes:
        model: the checkpoint's digest; '' where there is none.
        accuracy: of all its predictions.
        called: of those that are called so, by predicted label.
        shown: of those that show it, by verdict.
        unclear: images of which nobody can tell; they count nowhere else.
    """

    model: str
    accuracy: Share
    called: dict[str, Share]
    shown: dict[str, Share]
    unclear: int


def figures_of(model: str | None, tallies: Sequence[Tally]) -> Figures:
    """Sum up the verdicts on a model's random share.

    Each of its images was chosen by chance alone, so what is found on them holds for all.
    """
    called: dict[str, Share] = {}
    shown: dict[str, Share] = {}
    accuracy, unclear = Share(), 0
    for each in tallies:
        if each.label is None:
            unclear += each.images
            continue
        right = each.images if each.called == each.label else 0
        accuracy = _and(accuracy, right, each.images)
        called[each.called] = _and(called.get(each.called, Share()), right, each.images)
        shown[each.label] = _and(shown.get(each.label, Share()), right, each.images)
    return Figures(model or "", accuracy, called, shown, unclear)


def _and(share: Share, right: int, images: int) -> Share:
    return Share(share.right + right, share.images + images)
