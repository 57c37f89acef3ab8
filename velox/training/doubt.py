"""Images that others' experience calls something else than their label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from velox.training.data.dataset import Dataset
from velox.training.judgement import Wrong
from velox.training.look import Look


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """An image that others' experience calls something else.

    Attributes:
        row: of the image.
        name: of its file, or what stands for it.
        given, called: its label, and what it was taken for.
        confidence: with which.
    """

    row: int
    name: str
    given: str
    called: str
    confidence: float

    def words(self) -> str:
        """The label, and what the image was taken for."""
        return f"{self.given}, called {self.called} ({self.confidence:.2f})"


def doubts_of(wrong: Sequence[Wrong], data: Dataset, look: Look | None) -> list[Doubt]:
    """Images that were taken for something else, as they are shown.

    Args:
        wrong: the images.
        data: that they are of.
        look: knows the names of its files, where there are any.
    """
    rows = data.rows.tolist()
    return [
        Doubt(
            row=rows[each.place],
            name=look.names[rows[each.place]] if look else f"image {each.place + 1}",
            given=data.labels[each.truth],
            called=data.labels[each.called],
            confidence=each.confidence,
        )
        for each in wrong
    ]


def remarks_of(doubts: Sequence[Doubt] | None) -> list[str]:
    """What to say of images whose labels are likely to be wrong."""
    if not doubts:
        return []
    return [
        f"{len(doubts)} label{'s' if len(doubts) > 1 else ''} may be wrong by cross-validation; "
        f"the first is {doubts[0].name}: {doubts[0].words()}"
    ]
